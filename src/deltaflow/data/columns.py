"""What a column of a table holds: numbers, truth values or categories, without a gap.

Numbers in words are numbers, so it does not matter how a file stores them. What is doubtful
is refused with its row rather than guessed at: a word among numbers, a date, a name that is
in almost no two rows the same.
"""

import numpy as np
import polars as pl

from deltaflow.data.numerals import NUMERIC, doubtful, plain
from deltaflow.data.reading import Kind, Place, UnusableColumnError
from deltaflow.system.escaping import brief

MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
"""What says that a value is missing, in capitals or not; other words are categories."""

MAX_CATEGORIES = 1000

_GREATEST = 3e38  # about the greatest number of single precision
_FEW = 20  # categories, which may be rare in a small table
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = (
    r"(?i)^(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?"  # 2024-01-05, 2024-01
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})"  # 5.1.2024
    rf"|\d{{1,2}}[-/ .]+{_MONTH}([-/ .,]+\d{{2,4}})?"  # 05-Jan-2024
    rf"|{_MONTH}[-/ .]+\d{{1,4}}([, ]+\d{{4}})?"  # Jan 05 2024, January 2024
    r")([T ,]+\d.*)?$"
)
_TIME = r"(?i)^\d{1,2}(:\d{2}){1,2}(\.\d+)?( ?[ap]\.?m\.?)?$"
_DURATIONS_AND_DATES = (pl.Date, pl.Datetime, pl.Time, pl.Duration)


def read_column(values: pl.Series, place: Place, comma: bool = False) -> tuple[Kind, pl.Series]:
    """Take a column for numbers, truth values or categories.

    Args:
        values: of the column, as polars has read them.
        place: how to name it.
        comma: whether a comma may be the decimal sign of numbers in words.

    Returns:
        What it was taken for, and its values: ``Float64``, ``Boolean`` or ``String``.

    Raises:
        UnusableColumnError: if a value is missing or not finite, or the column is doubtful.
    """
    dtype = values.dtype
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return _read_text(values.cast(pl.String).str.strip_chars(), place, comma)
    if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        dates = dtype in _DURATIONS_AND_DATES
        raise UnusableColumnError(
            "A column must hold numbers, true and false, or text.",
            "dates or times" if dates else str(dtype),
            place,
            "Turn them into numbers first" if dates else "Flatten it",
            more=_first(values) if dates else "",
        )
    if values.null_count():
        _refuse_missing(values.is_null(), place, "nothing")
    if dtype == pl.Boolean:
        return Kind.TRUTH, values
    return Kind.NUMBER, _finite(values.cast(pl.Float64), place)


def refuse_identifiers(values: pl.Series, place: Place) -> None:
    """Refuse categories of which there are too many to learn anything from.

    Each needs two rows on average if they are more than 20, some two rows must have the same,
    and they must not be more than ``MAX_CATEGORIES``.

    Args:
        values: of the column.
        place: how to name it.

    Raises:
        UnusableColumnError: if they are too many.
    """
    n, rows = values.n_unique(), len(values)
    if n > MAX_CATEGORIES or n == rows or (n > _FEW and 2 * n > rows):
        raise UnusableColumnError(
            "Categories must come back: two rows each on average, at most "
            f"{MAX_CATEGORIES} in all.",
            f"{n} different values in {rows} rows, like identifiers,",
            place,
            "Group them",
            more=f", from `{brief(str(values[0]))}` in row 1 on",
        )


def _read_text(text: pl.Series, place: Place, comma: bool) -> tuple[Kind, pl.Series]:
    _refuse_missing(text.is_null(), place, "nothing")
    numbers = text.cast(pl.Float64, strict=False)
    odd = numbers.is_null() | numbers.is_nan()
    if not odd.any():
        _refuse_doubtful(text, place, comma)
        return Kind.NUMBER, _finite(numbers, place)
    lower = text.str.to_lowercase()
    missing = lower.is_in(MISSING_WORDS)
    if missing.any():
        word = text.filter(missing)[0]
        _refuse_missing(missing, place, f"`{word}`" if word else "nothing")
    numbers = plain(text, comma).cast(pl.Float64, strict=False)
    odd = numbers.is_null()
    if not odd.any():
        _refuse_doubtful(text, place, comma)
        return Kind.NUMBER, _finite(numbers, place)
    dates = text.str.contains(_DATE) | text.str.contains(_TIME)
    if 2 * dates.sum() > len(text):
        raise UnusableColumnError(
            "A column must hold numbers, true and false, or categories.",
            f"the date or time `{brief(text[row := int(dates.arg_true()[0])])}`",
            place,
            "Turn dates into numbers first",
            row,
        )
    n_numeric = (~odd | text.str.contains(NUMERIC)).sum()
    if 2 * n_numeric > len(text):
        raise UnusableColumnError(
            "A column of numbers must hold plain numbers throughout, such as -1234.5.",
            f"`{brief(text[row := int(odd.arg_true()[0])])}`",
            place,
            "Correct it, leave the row out",
            row,
            f", where {n_numeric} of {len(text)} values are numeric",
        )
    if lower.is_in(("true", "false")).all():
        return Kind.TRUTH, lower == "true"
    return Kind.CATEGORY, text


def _refuse_doubtful(text: pl.Series, place: Place, comma: bool) -> None:
    row = doubtful(text, comma)
    if row is not None:
        raise UnusableColumnError(
            "A number must have one meaning: without separators of thousands.",
            f"the doubtful `{brief(text[row])}`",
            place,
            "Write whole numbers with digits alone, or every number of the column with a decimal "
            f"{'comma' if comma else 'point'}",
            row,
            ", whose sign may stand before decimals or between thousands",
        )


def _finite(numbers: pl.Series, place: Place) -> pl.Series:
    size = np.abs(numbers.to_numpy())
    if np.isnan(size).any():
        _refuse_missing(numbers.is_nan(), place, "NaN")
    if (size > _GREATEST).any():
        raise UnusableColumnError(
            f"Every number must be finite, in single precision too: at most {_GREATEST:g} in "
            "magnitude.",
            str(numbers[row := int((size > _GREATEST).argmax())]),
            place,
            "Correct it, leave the row out",
            row,
        )
    return numbers


def _refuse_missing(missing: pl.Series, place: Place, found: str) -> None:
    if missing.any():
        raise UnusableColumnError(
            "Every row must have a value.",
            found,
            place,
            "Fill them in, leave the rows out",
            int(missing.arg_true()[0]),
            f"; {missing.sum()} of {len(missing)} values are missing there",
        )


def _first(values: pl.Series) -> str:
    row = int(values.is_not_null().arg_max() or 0)
    return f", as `{brief(str(values[row]))}` in row {row + 1} (data rows, counted from 1)"
