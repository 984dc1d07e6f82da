"""Dates and times as numbers: days since 1970-01-01, or for times without a date since midnight.

All texts of a column must have one format, which is inferred from all of them. ``3/4/2024`` may be
the third of April or the fourth of March; unless another value decides it, no format is found.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from deltaflow.data.columns import Array

TIMES = "%H:%M"
"""The format of times without a date."""

FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m", "%Y/%m", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y",
    "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y",
    "%d %b %Y", "%d %B %Y", "%d %b %y", "%b %d %Y", "%B %d %Y", "%b %Y", "%B %Y", TIMES,
)  # fmt: skip
"""Formats of a date, for ``strptime``; a time may follow."""

_TIME = re.compile(
    r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?(?: ?([ap])\.?m\.?)?(?: ?(Z|([-+])(\d\d):?(\d\d)))?",
    re.IGNORECASE,
)
_WITH_TIME = re.compile(r"(.*?\d)(?:[T, ]+)(\d{1,2}:.*)")
_BEGINNING = datetime(1970, 1, 1)
_SECONDS = 86_400.0  # seconds per day


def days(text: str, form: str) -> float | None:
    """A date or time as a number; ``None`` if the text does not have the format.

    >>> days("1970-01-02 06:00", "%Y-%m-%d"), days("18:00", TIMES), days("1.2.24", "%Y-%m-%d")
    (1.25, 0.75, None)
    """
    if form == TIMES:
        return _share_of_day(text)
    both = _WITH_TIME.fullmatch(text)
    date, clock = both.groups() if both else (text, "")
    if any(letter in form for letter in "bB"):
        date = " ".join(re.sub(r"[-/.,]", " ", date).split())
    share = _share_of_day(clock) if clock else 0.0
    try:
        whole = (datetime.strptime(date, form) - _BEGINNING) / timedelta(days=1)
    except ValueError:
        return None
    return None if share is None else whole + share


def form_of(values: Sequence[str]) -> str | None:
    """The one format that all texts have; ``None`` if there is none, or it is ambiguous."""
    found = {form: tuple(days(v, form) for v in values) for form in FORMS if _fits(values, form)}
    return next(iter(found)) if len(set(found.values())) == 1 else None


def typed_days(series: pl.Series) -> Array:
    """Convert polars dates and times to numbers; a gap is NaN."""
    if series.dtype == pl.Date:
        counted, unit = series.cast(pl.Int32), 1.0
    elif series.dtype == pl.Time:
        counted, unit = series.cast(pl.Int64), _SECONDS * 1e9
    elif series.dtype == pl.Duration:
        counted, unit = series.dt.total_microseconds(), _SECONDS * 1e6
    else:
        counted, unit = series.dt.epoch("us"), _SECONDS * 1e6
    return (counted.cast(pl.Float64) / unit).to_numpy()


def _fits(values: Sequence[str], form: str) -> bool:
    return all(days(value, form) is not None for value in values)


def _share_of_day(clock: str) -> float | None:
    """A time of day as a share of the day; one with an offset is converted to UTC."""
    found = _TIME.fullmatch(clock.strip())
    if found is None:
        return None
    hours, minutes, seconds = int(found[1]), int(found[2]), float(found[3] or 0)
    if found[4]:
        hours = hours % 12 + 12 * (found[4].lower() == "p") if 1 <= hours <= 12 else 99
    if hours > 23 or minutes > 59 or seconds >= 61:
        return None
    offset = (
        (int(found[7]) * 60 + int(found[8])) * (1 if found[6] == "+" else -1) if found[6] else 0
    )
    return (hours * 3600 + (minutes - offset) * 60 + seconds) / _SECONDS
