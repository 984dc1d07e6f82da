"""Types of the series that are drawn: depth profiles and heatmaps of δ, and learning curves."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

UNITS = ("dead_fraction", "saturated_fraction")
"""Columns of the layers table with the shares of units that reports show."""

FEW = 4
"""The smallest number of seeds for a band; fewer seeds are drawn one by one."""

Numbers = list[float | None]
"""Numbers of four digits each; ``None`` for a number that is not finite."""


@dataclass(frozen=True)
class Band:
    """Means over seeds with their 95 % intervals, one per place.

    Attributes:
        mean: the means over seeds.
        low: the lower ends of the intervals.
        high: the upper ends of the intervals.
        seeds: the values of each seed, if there are several but too few for a band; else empty.
    """

    mean: Numbers
    low: Numbers
    high: Numbers
    seeds: Sequence[Numbers] = ()


@dataclass(frozen=True)
class Profile:
    """δ norm of the hidden layers: geometric means over the seeds where it is not 0.

    Attributes:
        layers: numbers of the layers.
        theory: the prediction for the start; ``None`` if there is none.
        start: the profile at the start, of all seeds.
        end: the profile at the end, of the seeds that did not diverge; ``None`` if no step after
            the start was recorded.
    """

    layers: list[int]
    theory: Numbers | None
    start: Band
    end: Band | None


@dataclass(frozen=True)
class Heatmap:
    """log₁₀ of the δ norm, a row per layer and a column per step."""

    layers: list[int]
    steps: list[int]
    values: list[Numbers]


@dataclass(frozen=True)
class Curve:
    """Loss and metrics of one part of the data, by name, over the number of epochs."""

    epochs: list[int]
    bands: Mapping[str, Band]


def significant(value: float | None) -> float | None:
    """Round a number to four digits; ``None`` if it is not finite.

    >>> significant(0.123456), significant(float("nan")), significant(1.7976e308)
    (0.1235, None, 1.7976e+308)
    """
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.4g}")
    return short if math.isfinite(short) else value  # rounding up may give infinity


def rounded(values: Iterable[float | None]) -> Numbers:
    """Round numbers to four digits each."""
    return [significant(value) for value in values]
