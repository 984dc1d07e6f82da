"""Whether configurations differ: paired by seed, and corrected for how many are compared.

Replicas with the same seed share their initial draws and the order of their batches, so a
difference is taken seed by seed, and a paired t-test asks whether its mean may be zero
(Student 1908). The p-values of all comparisons are corrected by Holm's step-down procedure
(Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

How many comparisons there are depends on who chose the baseline. With one that was named
beforehand, there are k − 1. One that was picked for being the best was compared with all
others by the picking, as any of them might have been: then there are all k (k − 1) / 2 pairs,
and the k − 1 that are shown are some of them. Counting these alone would call something
significant in a third of all sweeps of 48 equal configurations.
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

FEW = 3  # seeds in common; with fewer, hardly any difference can be told from chance
_ROWS = 1000  # that values are taken to be averages over, where that is not known


@dataclass(frozen=True)
class Difference:
    """One configuration minus the baseline, over the seeds that both have.

    Attributes:
        mean: of the differences.
        low: of its 95 % interval by t, unadjusted; ``None`` for one seed.
        high: of the interval; ``None`` for one seed.
        p: of the paired t-test, two-sided; ``None`` for one seed.
        p_holm: ``p`` corrected for all comparisons.
        n: seeds.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int


def least_seeds(sizes: Iterable[int]) -> int:
    """The seeds that one must have to be picked as the baseline.

    What few seeds have in common with it says little of any other, however good it is.

    Args:
        sizes: seeds of each configuration.

    Returns:
        Half of the most that any has, rounded up; two at least, if any has them.

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
    """Compare configurations with one of them.

    Args:
        values: of each configuration, by seed.
        baseline: which one.
        picked: whether these values decided which.
        scale: what the values can be.
        repeated: how the replicas of each repeat each other, if they do.

    Returns:
        The differences, of all configurations that share a seed with the baseline.
    """
    found = {
        key: difference(own, values[baseline], scale, repeated.get(key, ONCE))
        for key, own in values.items()
        if key != baseline
        and own.keys() & values[baseline].keys()
        and repeated.get(key) == repeated.get(baseline)  # the same folds, which pair them
    }
    tested = {key: one.p for key, one in found.items() if one.p is not None}
    k = sum(len(own) > 1 for own in values.values())
    corrected = holm(list(tested.values()), k * (k - 1) // 2 if picked else len(tested))
    for key, p in zip(tested, corrected, strict=True):
        found[key] = replace(found[key], p_holm=p)
    return found


def difference(
    own: BySeed, other: BySeed, scale: Scale = ANY, repeated: Repeats = ONCE
) -> Difference:
    """The difference between two configurations, paired by seed.

    The spread of differences that are nearly the same is no measure of chance, for two averages
    over N rows differ by whole rows. So it counts as at least what rounding to 1/N leaves of a
    difference, 1/(√6 N) (Sheppard 1898, Proc. London Math. Soc. 29, 353-380).

    Args:
        own: values by seed.
        other: to subtract; at least one seed is in both.
        scale: what the values can be; a thousand rows where it does not say how many.
        repeated: how replicas repeat each other.

    >>> one = difference({0: 0.9, 1: 0.8, 2: 0.9}, {0: 0.7, 1: 0.7, 2: 0.6})
    >>> round(one.mean, 3), round(one.p, 3), one.n
    (0.2, 0.074, 3)
    """
    from scipy.special import stdtr  # which takes its time, and a command imports this module

    seeds = sorted(own.keys() & other.keys())
    pairs = np.array([(own[seed], other[seed]) for seed in seeds])
    d = pairs[:, 0] - pairs[:, 1]
    n, mean = len(d), float(d.mean())
    if n == 1:
        return Difference(mean, None, None, None, None, 1)
    size = 1.0 if scale.is_share else float(np.abs(pairs).max())
    least = size / (math.sqrt(6) * (scale.rows or _ROWS))
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the greatest there are
        spread, freedom = mean_error(
            repeated.table(dict(zip(seeds, d.tolist(), strict=True))), repeated.ratio
        )
    error = max(float(spread), least / math.sqrt(n))
    p = float(2 * stdtr(freedom, -abs(mean) / error)) if error else 1.0
    low, high = map(float, bounds(mean, error, freedom))
    return Difference(mean, low, high, p, None, n)


def holm(p: Sequence[float], n_tests: int | None = None) -> list[float]:
    """Correct p-values so that any wrong one of them is as rare as a single one was.

    The smallest is multiplied by the number of tests, the next by one less, and so on, and
    none is smaller than the one before it (Holm 1979).

    Args:
        p: p-values.
        n_tests: how many tests there are, if more than are given; those left out may have had
            any p-value, so the ones given get factors as large as these could get.

    Returns:
        The corrected ones, at most 1, in the same order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    n_tests = len(p) if n_tests is None else n_tests
    corrected, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (n_tests - rank) * p[place]))
        corrected[place] = largest
    return corrected
