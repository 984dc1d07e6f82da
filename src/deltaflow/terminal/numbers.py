"""Formats numbers for tables: with the digits that their intervals justify, or as powers of ten."""

import math

from deltaflow.records import Interval


def spread(value: Interval, factor: float = 1.0, unit: str = "", join: str = " ") -> str:
    """A mean and its interval, with the digits that the interval justifies.

    Args:
        value: mean and interval over seeds.
        factor: factor that all numbers are multiplied by, 100 for percent.
        unit: unit, written after the numbers.
        join: text before the remark that all seeds are alike.

    >>> spread(Interval(0.99583, 0.98963, 1.00203, 8)), spread(Interval(2.5, None, None, 1))
    ('0.996 ± 0.006', '2.5')
    >>> spread(Interval(1.0, 0.95981, 1.0, 3, alike=True))
    '1.000 [0.960, 1.000] all alike'
    """
    if value.mean is None:
        return "–"
    mean = factor * value.mean
    if value.low is None or value.high is None:
        return f"{mean:.4g}{unit}"
    low, high = factor * value.low, factor * value.high
    half = (high - low) / 2
    alike = f"{join}all alike" if value.alike else ""
    if half < 1e-6 * max(1.0, abs(mean)):
        return f"{mean:.4g}{'' if alike else ' ± 0'}{unit}{alike}"
    first = math.floor(math.log10(half))
    # Two digits of the half width, with at most three decimals unless it is smaller.
    digits = max(min(1 - first, max(3, -first)), 0)
    if digits > 6 or abs(mean) >= 1e6:
        return f"{mean:.4g} ± {half:.2g}{unit}"
    if abs(high + low - 2 * mean) < 0.02 * half:
        return f"{mean:.{digits}f} ± {half:.{digits}f}{unit}{alike}"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{unit}{alike}"


def scientific(value: float | None) -> str:
    """Format a number as 1.2e-03."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.1e}"


def percent(value: float | None) -> str:
    """Format a share as 12%."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.0f}%"
