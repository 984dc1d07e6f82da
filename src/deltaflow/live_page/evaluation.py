"""Evaluates networks while they train: their verdicts, and what they predict on their data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from deltaflow.experiment.results.evaluation import decide, evaluate_network, predict_at
from deltaflow.experiment.results.summary import summarize
from deltaflow.figures.looks import mean_with_band
from deltaflow.figures.run.class_panels import ClassPredictions, Decisions
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.live_page.history import History
from deltaflow.nn.task import Classification
from deltaflow.theory import Array, Theory
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.module import StackedModule

_CELLS = 40  # cells along each side of the plane
_PLACES = 120  # points of a fitted curve
_MARGIN = 0.1  # margin around the rows, relative to their extent
_MAX_POINTS = 400  # training rows that are shown


@dataclass(frozen=True)
class TrainingSetup:
    """What a training works with.

    Attributes:
        config: the run's configuration.
        data: the data that it trains on.
        module: the LightningModule that it trains.
        theory: the theory of its network.
        copies: hidden layers whose units start as copies, as from ``copied_layers``.
    """

    config: DictConfig
    data: ReplicaDataModule
    module: StackedModule
    theory: Theory
    copies: Mapping[int, int]


@dataclass(frozen=True)
class FittedCurve:
    """The predicted number as a function of one feature.

    Attributes:
        x: values of the feature, ``[n]``.
        mean: the prediction there, the mean over networks, ``[n]``.
        low: lower end of its 95 % interval, ``[n]``.
        high: upper end of its 95 % interval, ``[n]``.
        points: features and targets of training rows, ``[2, n_points]``.
    """

    x: Array
    mean: Array
    low: Array
    high: Array
    points: Array


Predictions = Decisions | FittedCurve | ClassPredictions | NumberPredictions


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of the networks at one moment of training.

    Attributes:
        n_steps: number of updates before it.
        verdicts: the verdicts in words, the most important first.
        kinds: the kind of each verdict.
        predictions: what the networks predict; ``None`` if all have diverged.
    """

    n_steps: int
    verdicts: Sequence[str]
    kinds: Sequence[str]
    predictions: Predictions | None


def evaluate(
    history: History, setup: TrainingSetup, n_steps: int, replica: int | None
) -> Evaluation:
    """Judge the networks in their present state, and leave their mode unchanged.

    Args:
        history: the records so far.
        setup: what the training works with.
        n_steps: number of updates so far.
        replica: the replica whose predictions are shown; ``None`` for all.
    """
    module = setup.module
    mode = module.network.training
    try:
        found = summarize(
            setup.config, setup.data, module, setup.theory, setup.copies,
            history.layers.rows, history.metrics.rows, n_steps,
        )["verdicts"]  # fmt: skip
        going = [r for r, broken in enumerate(module.diverged.tolist()) if not broken]
        own = going if replica is None else [r for r in going if r == replica]
        predictions = _predictions(setup, own) if own else None
    finally:
        module.network.train(mode)
    return Evaluation(n_steps, [v["words"] for v in found], [v["kind"] for v in found], predictions)


@torch.no_grad()
def _predictions(setup: TrainingSetup, own: Sequence[int]) -> Predictions | None:
    data, module = setup.data, setup.module
    network, objective = module.network.eval(), module.objective
    is_class = isinstance(objective.task, Classification)
    if data.n_folds > 1 or data.n_features != (2 if is_class else 1):
        return evaluate_network(data, network, objective, own)
    rows, targets = data.probe(_MAX_POINTS)[0].cpu(), data.training_targets(_MAX_POINTS)
    if is_class:
        known = rows.double().numpy(), targets.numpy()
        return decide(network, objective, *known, own, _CELLS, _MARGIN)
    low, high = rows.min(), rows.max()
    margin = _MARGIN * (high - low)
    x = torch.linspace(float(low - margin), float(high + margin), _PLACES)
    predicted = predict_at(network, objective, x[:, None], own)
    band = mean_with_band(predicted.double()[..., 0].cpu().numpy())
    return FittedCurve(x.numpy(), *band, torch.cat([rows, targets[:, :1]], 1).double().T.numpy())
