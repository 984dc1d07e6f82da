"""What a column of a table holds: numbers, truth values or categories, without a gap.

Numbers in words are numbers, so it does not matter how a file stores them. What is doubtful
is refused with its row rather than guessed at: a word among numbers, a date, a name that is
in almost no two rows the same.
"""

import polars as pl

from deltaflow.data.reading import Kind, Place, brief

MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
"""What says that a value is missing, in capitals or not; other words are categories."""

MAX_CATEGORIES = 1000

_GREATEST = 3e38  # about the greatest number of single precision
_FEW = 20  # categories, which may be rare in a small table
_NUMERIC = r"^[-+]?[$€£]?\s*\.?\d[\d.,'\s]*([eE][-+]?\d+)?\s*%?$"  # perhaps not plainly so
_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ,]+\d.*)?$"
_TIME = r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$"
_DURATIONS_AND_DATES = (pl.Date, pl.Datetime, pl.Time, pl.Duration)


def read_column(values: pl.Series, place: Place) -> tuple[Kind, pl.Series]:
    """Take a column for numbers, truth values or categories.

    Args:
        values: of the column, as polars has read them.
        place: how to name it.

    Returns:
        What it was taken for, and its values: ``Float64``, ``Boolean`` or ``String``.

    Raises:
        ValueError: if a value is missing or not finite, or the column is doubtful.
    """
    dtype = values.dtype
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return _read_text(values.cast(pl.String).str.strip_chars(), place)
    if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        dates = dtype in _DURATIONS_AND_DATES
        raise ValueError(
            f"A column must hold numbers, true and false, or text. Found "
            f"{'dates or times' if dates else str(dtype)} in {place}"
            f"{_first(values, place) if dates else ''}. "
            f"{'Turn them into numbers first' if dates else 'Flatten it'}, or {place.alternative}."
        )
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
        ValueError: if they are too many.
    """
    n, rows = values.n_unique(), len(values)
    if n > MAX_CATEGORIES or n == rows or (n > _FEW and 2 * n > rows):
        raise ValueError(
            f"Categories must come back: two rows each on average, at most {MAX_CATEGORIES} in "
            f"all. Found {n} different values in {rows} rows, like identifiers, in {place}, "
            f"from `{brief(str(values[0]))}` in row 1 on. Group them, or {place.alternative}."
        )


def _read_text(text: pl.Series, place: Place) -> tuple[Kind, pl.Series]:
    _refuse_missing(text.is_null(), place, "nothing")
    missing = text.str.to_lowercase().is_in(MISSING_WORDS)
    if missing.any():
        word = text.filter(missing)[0]
        _refuse_missing(missing, place, f"`{word}`" if word else "nothing")
    numbers = text.cast(pl.Float64, strict=False)
    odd = numbers.is_null()
    if not odd.any():
        return Kind.NUMBER, _finite(numbers, place)
    dates = text.str.contains(_DATE) | text.str.contains(_TIME)
    if 2 * dates.sum() > len(text):
        row = int(dates.arg_true()[0])
        raise ValueError(
            f"A column must hold numbers, true and false, or categories. Found the date or time "
            f"`{brief(text[row])}` in {place.row(row)}. Turn dates into numbers first, or "
            f"{place.alternative}."
        )
    n_numeric = (~odd | text.str.contains(_NUMERIC)).sum()
    if 2 * n_numeric > len(text):
        row = int(odd.arg_true()[0])
        raise ValueError(
            f"A column of numbers must hold plain numbers throughout, such as -1234.5. Found "
            f"`{brief(text[row])}` in {place.row(row)}, where {n_numeric} of {len(text)} values "
            f"are numeric. Correct it, leave the row out, or {place.alternative}."
        )
    lower = text.str.to_lowercase()
    if lower.is_in(("true", "false")).all():
        return Kind.TRUTH, lower == "true"
    return Kind.CATEGORY, text


def _finite(numbers: pl.Series, place: Place) -> pl.Series:
    _refuse_missing(numbers.is_nan(), place, "NaN")
    infinite = numbers.abs() > _GREATEST
    if infinite.any():
        row = int(infinite.arg_true()[0])
        raise ValueError(
            f"Every number must be finite, in single precision too: at most {_GREATEST:g} in "
            f"magnitude. Found {numbers[row]} in {place.row(row)}. Correct it, leave the row out, "
            f"or {place.alternative}."
        )
    return numbers


def _refuse_missing(missing: pl.Series, place: Place, found: str) -> None:
    if missing.any():
        row = int(missing.arg_true()[0])
        raise ValueError(
            f"Every row must have a value. Found {found} in {place.row(row)}; {missing.sum()} of "
            f"{len(missing)} values are missing there. Fill them in, leave the rows out, or "
            f"{place.alternative}."
        )


def _first(values: pl.Series, place: Place) -> str:
    row = int(values.is_not_null().arg_max() or 0)
    return f", as `{brief(str(values[row]))}` in row {row + 1} (data rows, counted from 1)"
