"""Scores of a run's networks on rows with known targets, as an ensemble and one by one."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from deltaflow.experiment.prediction.ensemble import Ensemble

BINS = 15
"""Number of bins of the calibration error, of equal width."""


@dataclass(frozen=True)
class Score:
    """One score on a set of rows.

    Attributes:
        name: name of the score, such as ``accuracy``.
        ensemble: score of the networks' mean prediction.
        single: mean score of the single networks; ``None`` if the score needs several networks.
    """

    name: str
    ensemble: float
    single: float | None


def ensemble_scores(
    ensemble: Ensemble, values: Tensor, targets: np.typing.NDArray[np.generic]
) -> list[Score]:
    """Score the predictions of an ensemble.

    Args:
        ensemble: the networks that made the predictions.
        values: the predictions of :meth:`Ensemble.forward`, ``[R, n_rows, n_values]``.
        targets: class indices ``[n_rows]``; or numbers ``[n_rows, n_targets]`` in the units of
            the data.

    Returns:
        The scores, the most important first. For classes: ``accuracy``; if the outputs are
        probabilities, ``log_loss`` and ``calibration_error``, the mean over bins of
        |confidence − accuracy| (Guo et al. 2017, arXiv:1706.04599); with several networks
        ``disagreement``, the share of pairs of networks that predict different classes, averaged
        over rows. For numbers: ``rmse``, one per target; with several networks
        ``within_two_spreads``, the share of targets within two standard deviations over networks
        of the mean prediction.
    """
    wanted, mean = torch.from_numpy(targets), values.mean(0)
    if ensemble.head.n_classes:
        return _of_classes(ensemble, values, mean, wanted)
    scores = _of_numbers(ensemble, values, mean, wanted)
    if len(values) > 1:
        inside = (wanted - mean).abs() <= 2 * values.std(0)
        scores.append(Score("within_two_spreads", float(inside.double().mean()), None))
    return scores


def _of_numbers(ensemble: Ensemble, values: Tensor, mean: Tensor, wanted: Tensor) -> list[Score]:
    """The RMSE of each target in the target's units; different units cannot be averaged."""
    several, scores = wanted.ndim == 2 and wanted.shape[1] > 1, []
    columns = wanted.reshape(len(wanted), -1).T
    for k, column in enumerate(columns):
        errors = [
            float((one.reshape(len(column), -1)[:, k] - column).square().mean().sqrt())
            for one in (mean, *values)
        ]
        name = f"rmse of {ensemble.names[k]}" if several else "rmse"
        scores.append(Score(name, errors[0], float(np.mean(errors[1:]))))
    return scores


def _of_classes(ensemble: Ensemble, values: Tensor, mean: Tensor, wanted: Tensor) -> list[Score]:
    head, n = ensemble.head, len(values)
    hits = [float((head.choose(one) == wanted).double().mean()) for one in (mean, *values)]
    scores = [Score("accuracy", hits[0], float(np.mean(hits[1:])))]
    if head.link is not None:
        for name, score in (("log_loss", _log_loss), ("calibration_error", _calibration_error)):
            found = [score(one, wanted) for one in (mean, *values)]
            scores.append(Score(name, found[0], float(np.mean(found[1:]))))
    if n > 1:
        votes = torch.stack([(head.choose(values) == k).sum(0) for k in range(head.n_classes)])
        same = (votes * (votes - 1)).sum(0).double() / (n * (n - 1))
        scores.append(Score("disagreement", float((1 - same).mean()), None))
    return scores


def _log_loss(probabilities: Tensor, wanted: Tensor) -> float:
    least = torch.finfo(probabilities.dtype).eps
    own = probabilities.gather(-1, wanted.unsqueeze(-1)).clamp(min=least)
    return float(-own.log().mean())


def _calibration_error(probabilities: Tensor, wanted: Tensor) -> float:
    n_classes = probabilities.shape[-1]
    return float(multiclass_calibration_error(probabilities, wanted, n_classes, n_bins=BINS))
