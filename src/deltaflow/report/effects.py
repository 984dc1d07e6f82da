"""What each value of a swept axis does, averaged over the other axes.

Only like is averaged with like: a combination of the other axes' values counts if every value
of this axis has a result in it, from the same seeds. Then all values are averaged over the same
combinations with the same weights, and what differs is due to the axis.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from deltaflow.report.aggregate import LEVEL
from deltaflow.report.comparison import BySeed
from deltaflow.report.configuration import Axis, Value

_Cell = dict[Value, BySeed]  # by the value of the axis


@dataclass(frozen=True)
class Effect:
    """The mean of a metric at one value of an axis.

    Attributes:
        axis: its name.
        value: on it.
        mean: over combinations of the other axes and seeds.
        low: of its 95 % interval by t over seeds, unadjusted; ``None`` for one seed.
        high: likewise.
        n: seeds.
    """

    axis: str
    value: str | float
    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class AxisEffects:
    """The effects of one axis.

    Attributes:
        axis: which.
        effects: of its values that have any result, in the axis's order; none if no combination
            of the other axes has all of them.
        n_cells: combinations of the other axes that have all of these values.
        n_all: combinations that have any.
    """

    axis: Axis
    effects: tuple[Effect, ...]
    n_cells: int
    n_all: int


def axis_effects(axis: Axis, results: Sequence[tuple[Mapping[str, Value], BySeed]]) -> AxisEffects:
    """The effect of one axis, averaged over the others.

    Args:
        axis: which.
        results: of each configuration, its value on every axis and its metric by seed.

    Returns:
        The effects, with intervals over seeds.
    """
    cells: dict[tuple[Value, ...], _Cell] = {}
    for values, by_seed in results:
        if by_seed and values[axis.name] is not None:
            others = tuple(value for name, value in values.items() if name != axis.name)
            cells.setdefault(others, {})[values[axis.name]] = by_seed
    present = [value for value in axis.values if any(value in cell for cell in cells.values())]
    complete = [_shared(cell) for cell in cells.values() if len(cell) == len(present)]
    most = max((len(next(iter(cell.values()))) for cell in complete), default=0)
    enough = [cell for cell in complete if len(next(iter(cell.values()))) >= max(1, min(2, most))]
    effects = tuple(
        _effect(axis.name, value, [cell[value] for cell in enough]) for value in present if enough
    )
    return AxisEffects(axis, effects, len(enough), len(cells))


def _shared(cell: _Cell) -> _Cell:
    """The seeds that all values of the axis have."""
    seeds = set.intersection(*(set(by_seed) for by_seed in cell.values()))
    return {value: {s: by_seed[s] for s in sorted(seeds)} for value, by_seed in cell.items()}


def _effect(axis: str, value: str | float, cells: Sequence[BySeed]) -> Effect:
    """The mean of the cells' means, and its interval over seeds.

    A seed's share in the mean is its deviation from the mean of each cell that it is in, over
    the cells' sizes and number. The shares are as independent as the seeds are, so their sum of
    squares, times n / (n − 1), is the variance of the mean. With every seed in every cell that
    is the variance of the seeds' means over n.
    """
    means = [float(np.mean(list(cell.values()))) for cell in cells]
    mean, shares = float(np.mean(means)), dict.fromkeys((s for cell in cells for s in cell), 0.0)
    for cell, own in zip(cells, means, strict=True):
        for seed, number in cell.items():
            shares[seed] += (number - own) / (len(cell) * len(cells))
    n = len(shares)
    if n == 1:
        return Effect(axis, value, mean, None, None, 1)
    variance = n / (n - 1) * sum(share**2 for share in shares.values())
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return Effect(axis, value, mean, mean - half, mean + half, n)
