"""Tests whether configurations differ, paired by seed and corrected for multiple comparisons.

Replicas with the same seed share initial draws and the order of batches. So differences are taken
seed by seed, and a paired t-test (Student 1908) tests whether their mean is zero. The p-values of
all comparisons are corrected by Holm's step-down procedure (Holm 1979, Scandinavian Journal of
Statistics 6, 65-70).

The number of comparisons depends on how the baseline was chosen. If the user named it, there are
k − 1 comparisons of k configurations. If it was picked because it is the best, each of the
k (k − 1) / 2 pairs might have been shown, so all of them count. Counting only the k − 1 that are
shown would report a significant difference in a third of all sweeps of 48 equal configurations.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from deltaflow.comparison.statistics.intervals import ANY, Scale, bounds
from deltaflow.comparison.statistics.repeats import ONCE, Repeats, mean_error

Key = TypeVar("Key", bound=Hashable)
BySeed = Mapping[int, float]

FEW = 3  # seeds in common; with fewer, hardly any difference is significant
_ROWS = 1000  # assumed number of rows that values are averaged over, if it is not known


@dataclass(frozen=True)
class Difference:
    """The difference between a configuration and the baseline, over the seeds that both have.

    Attributes:
        mean: mean of the differences.
        low: lower end of the 95 % t interval, not corrected; ``None`` for one seed.
        high: upper end of the interval; ``None`` for one seed.
        p: two-sided p-value of the paired t-test; ``None`` for one seed.
        p_holm: ``p`` corrected for all comparisons.
        n: number of seeds.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int


def least_seeds(sizes: Iterable[int]) -> int:
    """The number of seeds that a configuration needs to be picked as the baseline.

    A baseline with few seeds would make every comparison uncertain.

    Args:
        sizes: number of seeds of each configuration.

    Returns:
        Half of the largest size, rounded up; at least two if any size is two or more.

    >>> least_seeds([16, 16, 1]), least_seeds([2, 1]), least_seeds([1, 1])
    (8, 2, 1)
    """
    most = max(sizes, default=0)
    return max(-(-most // 2), min(2, most))


def compare(
    values: Mapping[Key, BySeed],
    baseline: Key,
    picked: bool,
    scale: Scale = ANY,
    repeated: Mapping[Key, Repeats] = MappingProxyType({}),
) -> dict[Key, Difference]:
    """Compare configurations with a baseline.

    Args:
        values: the values of each configuration, by seed.
        baseline: key of the baseline.
        picked: whether the baseline was picked by these values.
        scale: the scale of the values.
        repeated: how the values of folds depend on each other, for configurations with folds.

    Returns:
        The difference of each other configuration that shares a seed with the baseline.
    """
    found = {
        key: difference(own, values[baseline], scale, repeated.get(key, ONCE))
        for key, own in values.items()
        if key != baseline
        and own.keys() & values[baseline].keys()
        and repeated.get(key) == repeated.get(baseline)  # only the same folds can be paired
    }
    tested = {key: one.p for key, one in found.items() if one.p is not None}
    k = sum(len(own) > 1 for own in values.values())
    corrected = holm(list(tested.values()), k * (k - 1) // 2 if picked else len(tested))
    for key, p in zip(tested, corrected, strict=True):
        found[key] = replace(found[key], p_holm=p)
    return found


def difference(
    one: BySeed, other: BySeed, scale: Scale = ANY, repeated: Repeats = ONCE
) -> Difference:
    """The difference between two configurations, paired by seed.

    Averages over N rows are multiples of 1/N, so the standard deviation of nearly equal
    differences underestimates chance. It is taken to be at least the rounding error of a
    difference, 1/(√6 N) (Sheppard 1898, Proc. London Math. Soc. 29, 353-380).

    Args:
        one: values by seed.
        other: values to subtract, by seed; at least one seed is in both.
        scale: the scale of the values; if it has no number of rows, 1000 is assumed.
        repeated: how the values of folds depend on each other.

    >>> found = difference({0: 0.9, 1: 0.8, 2: 0.9}, {0: 0.7, 1: 0.7, 2: 0.6})
    >>> round(found.mean, 3), round(found.p, 3), found.n
    (0.2, 0.074, 3)
    """
    from scipy.special import stdtr  # here, because its import is slow

    seeds = sorted(one.keys() & other.keys())
    pairs = np.array([(one[seed], other[seed]) for seed in seeds])
    d = pairs[:, 0] - pairs[:, 1]
    n, mean = len(d), float(d.mean())
    if n == 1:
        return Difference(mean, None, None, None, None, 1)
    size = 1.0 if scale.is_share else float(np.abs(pairs).max())
    least = size / (math.sqrt(6) * (scale.rows or _ROWS))
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest float overflow
        spread, freedom = mean_error(
            repeated.table(dict(zip(seeds, d.tolist(), strict=True))), repeated.ratio
        )
    error = max(float(spread), least / math.sqrt(n))
    p = float(2 * stdtr(freedom, -abs(mean) / error)) if error else 1.0
    low, high = map(float, bounds(mean, error, freedom))
    return Difference(mean, low, high, p, None, n)


def holm(p: Sequence[float], n_tests: int | None = None) -> list[float]:
    """Correct p-values by Holm's procedure, which controls the family-wise error rate.

    The smallest is multiplied by the number of tests, the next by one less, and so on, and none
    is smaller than the one before it (Holm 1979).

    Args:
        p: p-values.
        n_tests: number of all tests, if ``p`` does not have all. The p-values that are missing may
            be larger than those given, so these get the largest factors.

    Returns:
        The corrected p-values, at most 1, in the same order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    n_tests = len(p) if n_tests is None else n_tests
    corrected, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (n_tests - rank) * p[place]))
        corrected[place] = largest
    return corrected
