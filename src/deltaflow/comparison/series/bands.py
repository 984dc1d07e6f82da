"""What is drawn of a configuration: δ over depth and training, and learning curves."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

UNITS = ("dead_fraction", "saturated_fraction")
"""The shares of units that are shown, as the layers table has them."""

FEW = 4
"""Seeds that make a band; fewer are drawn one by one."""

Numbers = list[float | None]
"""Four digits each; ``None`` for what is no finite number."""


@dataclass(frozen=True)
class Band:
    """Means over seeds, and their 95 % intervals.

    Attributes:
        mean: over seeds.
        low: the lower end of the interval.
        high: its upper end.
        seeds: the values of each seed, where several are too few for a band.
    """

    mean: Numbers
    low: Numbers
    high: Numbers
    seeds: Sequence[Numbers] = ()


@dataclass(frozen=True)
class Profile:
    """δ norm of the hidden layers: geometric means over the seeds where it is not 0.

    Attributes:
        layers: their numbers.
        theory: the prediction for the start, if there is one.
        start: of all seeds.
        end: of the seeds that did not diverge; ``None`` if there was no step after the start.
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
    """Loss and metrics of one part of the data, by name, after so many epochs."""

    epochs: list[int]
    bands: Mapping[str, Band]


def significant(value: float | None) -> float | None:
    """A number to four digits; ``None`` for what is none.

    >>> significant(0.123456), significant(float("nan")), significant(1.7976e308)
    (0.1235, None, 1.7976e+308)
    """
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.4g}")
    return short if math.isfinite(short) else value  # the greatest number is not rounded up


def rounded(values: Iterable[float | None]) -> Numbers:
    """Numbers to four digits each."""
    return [significant(value) for value in values]
