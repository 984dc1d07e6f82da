"""Evaluates networks while they train: their verdicts, and what they predict on their data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from deltaflow.experiment.results.evaluation import evaluate_network
from deltaflow.experiment.results.summary import summarize
from deltaflow.figures.looks import mean_with_band
from deltaflow.figures.run.class_panels import ClassPredictions
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.live_page.history import History
from deltaflow.nn.task import Classification
from deltaflow.theory import Array, Theory
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.module import StackedModule
from deltaflow.verdicts import copied_layers

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

    @classmethod
    def of(
        cls, config: DictConfig, data: ReplicaDataModule, module: StackedModule, theory: Theory
    ) -> "TrainingSetup":
        """The setup of a training that has not begun."""
        return cls(config, data, module, theory, copied_layers(module.network))


@dataclass(frozen=True)
class DecisionRegions:
    """The predicted classes over the plane of two features.

    Attributes:
        edges: smallest and largest value of the first feature, then of the second.
        chosen: the class that most networks predict in each cell, ``[n, n]``.
        agreement: the share of networks that predict it, ``[n, n]``.
        points: features of training rows, ``[n_points, 2]``.
        classes: true classes of these rows, ``[n_points]``.
    """

    edges: tuple[float, float, float, float]
    chosen: Array
    agreement: Array
    points: Array
    classes: Array


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


Predictions = DecisionRegions | FittedCurve | ClassPredictions | NumberPredictions


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
    low, high = rows.min(0).values, rows.max(0).values
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    n = _CELLS if is_class else _PLACES
    sides = [torch.linspace(*ends, n) for ends in zip(low.tolist(), high.tolist(), strict=True)]
    places = torch.stack(torch.meshgrid(*sides, indexing="xy"), -1).reshape(-1, len(sides))
    asked = places.to(rows.dtype)
    if len(own) == 1:
        predicted = objective.predict(network.replica(own[0])(asked)[None])
    else:
        predicted = objective.predict(network(asked.expand(network.n_replicas, -1, -1)))[list(own)]
    if not isinstance(objective.task, Classification):
        points = torch.cat([rows, targets[:, :1]], 1).double().T.numpy()
        band = mean_with_band(predicted.double()[..., 0].numpy())
        return FittedCurve(sides[0].numpy(), *band, points)
    votes = torch.nn.functional.one_hot(predicted.long(), objective.task.n_classes).sum(0)
    most, square = votes.max(-1), (n, n)
    return DecisionRegions(
        (sides[0][0].item(), sides[0][-1].item(), sides[1][0].item(), sides[1][-1].item()),
        most.indices.reshape(square).numpy(),
        (most.values / len(predicted)).reshape(square).numpy(),
        rows.numpy(),
        targets.numpy(),
    )
