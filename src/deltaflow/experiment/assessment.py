"""How good the networks of a run are on rows whose target is known: together, and each alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from deltaflow.experiment.ensemble import Ensemble

BINS = 15
"""Of equal width, that the calibration error is over."""


@dataclass(frozen=True)
class Score:
    """One number for a set of rows.

    Attributes:
        name: of the number.
        together: of the networks' mean prediction.
        alone: the mean over the networks; ``None`` where one alone has none.
    """

    name: str
    together: float
    alone: float | None


@dataclass(frozen=True)
class Assessment:
    """How good the networks of a run are.

    Attributes:
        n_rows: on which they were judged.
        n_networks: that were asked.
        scores: the most telling first.
    """

    n_rows: int
    n_networks: int
    scores: tuple[Score, ...]


def assess(
    ensemble: Ensemble, values: Tensor, targets: np.typing.NDArray[np.generic]
) -> Assessment:
    """Judge predictions.

    Args:
        ensemble: that made them.
        values: as :meth:`Ensemble.forward` gives them, ``[R, n_rows, n_values]``.
        targets: class indices ``[n_rows]``, or numbers ``[n_rows, n_targets]`` in their own units.

    Returns:
        Of classes ``accuracy``; with probabilities also ``log_loss`` and ``calibration_error``
        (Guo et al. 2017, arXiv:1706.04599, the difference between the confidence in the class
        that is predicted and its accuracy, over bins); and ``disagreement``, the share of the
        pairs of networks that predict different classes, the mean over rows. Of numbers ``rmse``,
        of several for each of them; and ``within_two_spreads``, the share of the targets
        that lie within two standard deviations of the networks around their mean.
    """
    wanted, mean, n = torch.from_numpy(targets), values.mean(0), len(values)
    scores = _of_classes(ensemble, values, mean, wanted) if ensemble.head.n_classes else []
    if not scores:
        scores += _of_numbers(ensemble, values, mean, wanted)
        if n > 1:
            inside = (wanted - mean).abs() <= 2 * values.std(0)
            scores.append(Score("within_two_spreads", float(inside.double().mean()), None))
    return Assessment(len(wanted), n, tuple(scores))


def _of_numbers(ensemble: Ensemble, values: Tensor, mean: Tensor, wanted: Tensor) -> list[Score]:
    """The error of each target in its own units: those of several cannot be added up."""
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
