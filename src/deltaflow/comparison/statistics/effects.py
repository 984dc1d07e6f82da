"""The effect of each value of a swept axis, averaged over the other axes.

A combination of the other axes' values (a cell) counts only if every value of this axis has a
result in it from the same seeds, and the number of seeds is not much smaller than in other cells.
So all values are averaged over the same cells with the same weights, and a difference between
them is due to the axis.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deltaflow.comparison.configurations.configuration import Axis, Value
from deltaflow.comparison.statistics.intervals import ANY, Scale, bounds, interval
from deltaflow.comparison.statistics.paired_tests import BySeed, least_seeds
from deltaflow.comparison.statistics.repeats import ONCE, Array, Repeats
from deltaflow.records import Interval

_Cell = dict[Value, BySeed]  # results by the value of the axis


@dataclass(frozen=True)
class Effect:
    """The mean of a metric at one value of an axis, over the other axes and the seeds.

    Attributes:
        value: the value of the axis.
        interval: the mean with its interval over seeds.
    """

    value: str | float
    interval: Interval


@dataclass(frozen=True)
class AxisEffects:
    """The effects of one axis.

    Attributes:
        axis: the axis.
        effects: one for each value with a result, in the axis's order; empty if no cell has a
            result for all of them.
        n_cells: number of cells that are averaged.
        n_all: number of cells with any result.
        n_few: number of cells left out because too few seeds have a result for every value.
        lacking: for each value without a result in some cells, the number of these cells.
        missing: values without any result.
    """

    axis: Axis
    effects: tuple[Effect, ...]
    n_cells: int
    n_all: int
    n_few: int
    lacking: Mapping[str | float, int]
    missing: tuple[str | float, ...]


def axis_effects(
    axis: Axis,
    results: Sequence[tuple[Mapping[str, Value], BySeed]],
    scale: Scale = ANY,
    repeated: Repeats = ONCE,
) -> AxisEffects:
    """Compute the effects of one axis, averaged over the others.

    Args:
        axis: the axis.
        results: for each configuration, its value on every axis and its metric by seed.
        scale: the scale of the metric.
        repeated: how the values of folds depend on each other.

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
    sizes = [len(next(iter(cell.values()))) for cell in complete]
    least = max(least_seeds(sizes), 1)
    counted = [cell for cell, n in zip(complete, sizes, strict=True) if n >= least]
    effects = tuple(
        Effect(value, _interval([cell[value] for cell in counted], scale, repeated))
        for value in present
        if counted
    )
    return AxisEffects(
        axis,
        effects,
        n_cells=len(counted),
        n_all=len(cells),
        n_few=len(complete) - len(counted),
        lacking=Counter(v for v in present for cell in cells.values() if v not in cell),
        missing=tuple(value for value in axis.values if value not in present),
    )


def _shared(cell: _Cell) -> _Cell:
    """The cell, restricted to seeds with a result for every value of the axis."""
    seeds = set.intersection(*(set(by_seed) for by_seed in cell.values()))
    return {value: {s: by_seed[s] for s in sorted(seeds)} for value, by_seed in cell.items()}


def _interval(cells: Sequence[BySeed], scale: Scale, repeated: Repeats) -> Interval:
    seeds = sorted({seed for cell in cells for seed in cell})
    if repeated.n_folds > 1:
        found = ([cell[seed] for cell in cells if seed in cell] for seed in seeds)
        means = {seed: sum(own) / len(own) for seed, own in zip(seeds, found, strict=True)}
        return interval(means, scale=scale, repeated=repeated)
    has = np.array([[seed in cell for cell in cells] for seed in seeds])
    numbers = np.array([[cell.get(seed, 0.0) for cell in cells] for seed in seeds])
    mean, error, freedom = mean_over_cells(numbers, has)
    if math.isnan(freedom):
        return Interval(float(mean), None, None, len(seeds))
    low, high = bounds(mean, error, freedom, scale, has.sum())
    return Interval(float(mean), float(low), float(high), len(seeds), alike=not error.any())


def mean_over_cells(numbers: Array, has: Array) -> tuple[Array, Array, float]:
    """The mean of the cells' means, and its standard error over seeds.

    Numbers of one seed depend on each other, and not every cell has every seed. A seed's share
    in the error is its deviation from the mean of each cell that it is in, scaled by
    √(n / (n − 1)) of the cell; the shares' sum of squares is the variance of the mean, and t has
    as many degrees of freedom as a χ² that varies like that sum if all numbers vary alike (Bell
    and McCaffrey 2002, Survey Methodology 28, 169-181; Imbens and Kolesár 2016, Review of
    Economics and Statistics 98, 701-712). With every seed in every cell these are the variance
    of the seeds' means over n, and n − 1.

    Args:
        numbers: ``[..., seed, cell]``; entries for which ``has`` is false are ignored.
        has: whether there is a number, ``[seed, cell]``; each cell has at least two, or each has
            exactly one.

    Returns:
        The means ``[...]``, their standard errors ``[...]`` and the degrees of freedom; the last
        two are NaN if each cell has one number.
    """
    n = has.sum(axis=0)
    means = np.where(has, numbers, 0.0).sum(axis=-2) / n
    if n.max() == 1:
        return means.mean(axis=-1), np.full(means.shape[:-1], np.nan), math.nan
    weight = 1 / (len(n) * np.sqrt(n * (n - 1)))
    shares = np.where(has, numbers - means[..., None, :], 0.0) @ weight
    spread = np.diag(has @ weight**2) - (has * weight**2 / n) @ has.T  # covariance of the shares
    freedom = np.trace(spread) ** 2 / np.square(spread).sum()
    return means.mean(axis=-1), np.sqrt(np.square(shares).sum(axis=-1)), float(freedom)
