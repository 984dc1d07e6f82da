"""What networks make of their data while they train, and what a verdict says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from deltaflow.experiment.evaluation import classified, fitted
from deltaflow.experiment.summary import summarize
from deltaflow.figures.class_panels import Classified
from deltaflow.figures.looks import mean_with_band
from deltaflow.figures.number_panels import Fitted
from deltaflow.live_page.history import Course
from deltaflow.nn.task import Classification
from deltaflow.theory import Array, Theory
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.module import StackedModule
from deltaflow.verdicts import copied_layers

_CELLS = 40  # of the plane, on a side
_PLACES = 120  # on a line
_MARGIN = 0.1  # around the rows, of their extent
_MOST_POINTS = 400


@dataclass(frozen=True)
class Watched:
    """A training that is looked at.

    Attributes:
        config: of the run.
        data: that it trains on.
        module: that it trains.
        theory: of its network.
        copies: hidden layers whose units started as copies.
    """

    config: DictConfig
    data: ReplicaDataModule
    module: StackedModule
    theory: Theory
    copies: Mapping[int, int]

    @classmethod
    def of(
        cls, config: DictConfig, data: ReplicaDataModule, module: StackedModule, theory: Theory
    ) -> "Watched":
        """A training that has not begun."""
        return cls(config, data, module, theory, copied_layers(module.network))


@dataclass(frozen=True)
class Plane:
    """Classes over two features, as the network sees them.

    Attributes:
        edges: of both features: least and greatest, and again.
        chosen: the class by place, ``[n, n]``.
        agreement: the share of the networks that choose it.
        points: training rows, ``[n_points, 2]``.
        classes: theirs.
    """

    edges: tuple[float, float, float, float]
    chosen: Array
    agreement: Array
    points: Array
    classes: Array


@dataclass(frozen=True)
class Curve:
    """A number over one feature.

    Attributes:
        x: places, ``[n]``.
        mean: what the networks say there, and the ends of its 95 % interval.
        points: features and targets of training rows, ``[2, n_points]``.
    """

    x: Array
    mean: Array
    low: Array
    high: Array
    points: Array


Shown = Plane | Curve | Classified | Fitted


@dataclass(frozen=True)
class Outcome:
    """One look at the networks.

    Attributes:
        n_steps: updates that they had made.
        verdicts: in words, the most important first.
        kinds: of the verdicts.
        shown: what the networks make of their data; ``None`` where all have diverged.
    """

    n_steps: int
    verdicts: Sequence[str]
    kinds: Sequence[str]
    shown: Shown | None


def look(course: Course, watched: Watched, n_steps: int, replica: int | None) -> Outcome:
    """Judge the networks as they are; they are in training mode again then.

    Args:
        course: what was recorded of them.
        watched: the training.
        n_steps: updates that they have made.
        replica: the one to show, or ``None`` for all.
    """
    module = watched.module
    mode = module.network.training
    try:
        found = summarize(
            watched.config, watched.data, module, watched.theory, watched.copies,
            course.layers.rows, course.metrics.rows, n_steps,
        )["verdicts"]  # fmt: skip
        going = [r for r, broken in enumerate(module.diverged.tolist()) if not broken]
        own = going if replica is None else [r for r in going if r == replica]
        shown = _shown(watched, own) if own else None
    finally:
        module.network.train(mode)
    return Outcome(n_steps, [v["words"] for v in found], [v["kind"] for v in found], shown)


@torch.no_grad()
def _shown(watched: Watched, own: Sequence[int]) -> Shown | None:
    data, module = watched.data, watched.module
    network, objective = module.network.eval(), module.objective
    is_class = isinstance(objective.task, Classification)
    if data.n_folds > 1 or data.n_features != (2 if is_class else 1):
        judge = classified if is_class else fitted
        return judge(data, network, objective, own)
    rows, targets = data.probe(_MOST_POINTS)[0].cpu(), data.training_targets(_MOST_POINTS)
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
        return Curve(sides[0].numpy(), *band, points)
    votes = torch.nn.functional.one_hot(predicted.long(), objective.task.n_classes).sum(0)
    most, square = votes.max(-1), (n, n)
    return Plane(
        (sides[0][0].item(), sides[0][-1].item(), sides[1][0].item(), sides[1][-1].item()),
        most.indices.reshape(square).numpy(),
        (most.values / len(predicted)).reshape(square).numpy(),
        rows.numpy(),
        targets.numpy(),
    )
