"""Infers the kind of a column: numbers, truth values, categories or dates, with gaps.

Texts that are numbers count as numbers, however the file stores them. Ambiguous values are refused
with their row, not guessed: a word among numbers, a date that may mean two days, or a point or
comma that may separate thousands (``1.050`` beside ``950`` may be 1050 or 1.05). Each different
text is examined once.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from deltaflow.data.columns import GREATEST, Array, Kind
from deltaflow.data.files.delimited import GROUPED, Texts
from deltaflow.data.tables.contents import (
    Content,
    ReadColumn,
    first,
    first_gap,
    insert_gaps,
    rows,
    select_values,
    strings,
    unusable,
)
from deltaflow.data.tables.dates import FORMS, TIMES, days, form_of, typed_days
from deltaflow.data.tables.parsing import (
    MISSING_AMONG_NUMBERS,
    MISSING_WORDS,
    is_date,
    is_numeric,
    number,
)
from deltaflow.data.tables.problems import (
    MAX_CATEGORIES,
    Problem,
    ProblemKind,
    UnusableColumnError,
)
from deltaflow.system.escaping import brief

_FEW = 20  # categories; up to this number, each may be rare
_GROUPED = re.compile(GROUPED)
_TIME_TYPES = (pl.Time, pl.Duration)
DATES = (pl.Date, pl.Datetime, *_TIME_TYPES)
"""Polars types that are read as dates or times."""


def read_column(name: str, raw: Content | pl.Series) -> ReadColumn:
    """Infer the kind of a column and convert its values.

    Args:
        name: name of the column.
        raw: the values that were read.

    Raises:
        UnusableColumnError: if a value is not finite or ambiguous.
    """
    if isinstance(raw, pl.Series) and raw.dtype in DATES:
        form = TIMES if raw.dtype in _TIME_TYPES else FORMS[0]
        first_one = str(raw[int(raw.is_not_null().arg_max() or 0)])
        kind = None if raw.null_count() == len(raw) else Kind.DATE
        return ReadColumn(kind, typed_days(raw), form, first_one)
    content = _from_polars(name, raw) if isinstance(raw, pl.Series) else raw
    if isinstance(content, Texts):
        return _read_texts(name, content)
    if content.dtype == bool:
        return ReadColumn(Kind.BOOLEAN, content)
    is_there = not np.isnan(content).all()
    return ReadColumn(Kind.NUMBER if is_there else None, _finite(name, content))


def classes(content: Content) -> tuple[list[float | bool | str], Array]:
    """The different values of a column, sorted, and the index of each row's value."""
    if not isinstance(content, Texts):
        values, codes = np.unique(content, return_inverse=True)
        return values.tolist(), codes
    order = sorted(range(len(content.values)), key=content.values.__getitem__)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return [content.values[k] for k in order], place[content.codes]


def refuse_identifiers(name: str, values: Sequence[float | bool | str], codes: Array) -> None:
    """Refuse a column with too many categories, such as identifiers.

    More than 20 categories need two rows each on average, two rows must have the same category,
    and there may be at most ``MAX_CATEGORIES``.

    Args:
        name: name of the column.
        values: the different categories.
        codes: index of each row's category, -1 for a gap.

    Raises:
        UnusableColumnError: if there are too many.
    """
    n, rows = len(values), int((codes >= 0).sum())
    if n > MAX_CATEGORIES or n == rows or (n > _FEW and 2 * n > rows):
        found = f"{n} different values in {rows} rows, like identifiers,"
        note = f"the first is `{brief(str(values[codes[codes >= 0][0]]))}`"
        raise unusable(ProblemKind.IDENTIFIER, name, found, note=note)


def _from_polars(name: str, series: pl.Series) -> Content:
    """Convert a polars series."""
    dtype = series.dtype  # polars expressions would be slow for tables with very many columns
    if dtype == pl.Boolean and not series.null_count():
        return series.to_numpy()
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        return Texts.of((text or "").strip() for text in strings(series.cast(pl.String)))
    if dtype.is_numeric() or dtype == pl.Null:
        return series.cast(pl.Float64).to_numpy()  # a gap is NaN
    raise unusable(ProblemKind.NESTED, name, str(dtype))


def _read_texts(name: str, texts: Texts) -> ReadColumn:
    """Infer the kind of a column of texts; gaps do not count."""
    lower = [value.lower() for value in texts.values]
    like = [number(v, texts.signs) is not None or is_numeric(v) or is_date(v) for v in texts.values]
    words = np.array([value in MISSING_WORDS for value in lower], dtype=bool)
    n_present = len(texts) - int(rows(texts, words).sum())
    if 2 * int(rows(texts, like).sum()) > n_present:
        words |= [value in MISSING_AMONG_NUMBERS for value in lower]
    gone = rows(texts, words)
    if gone.all():
        return ReadColumn(None, np.full(len(texts), np.nan), gap=first_gap(texts, gone))
    if not gone.any():
        return _read_present(name, texts)
    try:
        found = _read_present(name, select_values(texts, ~words, texts.codes[~gone]))
    except UnusableColumnError as error:
        raise UnusableColumnError(_with_table_row(error.problem, gone)) from None
    return replace(found, content=insert_gaps(found.content, gone), gap=first_gap(texts, gone))


def _read_present(name: str, texts: Texts) -> ReadColumn:
    values, n_rows = texts.values, len(texts.codes)
    numbers = [number(value, texts.signs) for value in values]
    if None not in numbers:
        _refuse_ambiguous(name, texts)
        found = np.array(numbers, dtype=np.float64)[texts.codes]
        return ReadColumn(Kind.NUMBER, _finite(name, found))
    dates = rows(texts, [is_date(value) for value in values])
    if 2 * dates.sum() > n_rows:
        return _read_dates(name, texts, dates)
    numeric = [n is not None or is_numeric(v) for n, v in zip(numbers, values, strict=True)]
    n_numeric = int(rows(texts, numeric).sum())
    if 2 * n_numeric > n_rows:
        row, value = first(rows(texts, [number is None for number in numbers]), texts)
        note = f"{n_numeric} of {n_rows} values are numeric"
        raise unusable(ProblemKind.NOT_PLAIN, name, f"`{brief(value)}`", row, note)
    lower = [value.lower() for value in values]
    if set(lower) <= {"true", "false"}:
        return ReadColumn(Kind.BOOLEAN, rows(texts, [value == "true" for value in lower]))
    return ReadColumn(Kind.CATEGORY, texts)


def _read_dates(name: str, texts: Texts, dates: Array) -> ReadColumn:
    form = form_of(texts.values)
    if form is None:
        row, value = first(dates, texts)
        odd = [value for value in texts.values if not is_date(value)]
        note = f"`{brief(odd[0])}` is none" if odd else "it has no form that all others have too"
        if any(all(days(v, form) is not None for v in texts.values) for form in FORMS):
            note = "day, month or year may be several of its numbers"
        found = f"the date or time `{brief(value)}`"
        raise unusable(ProblemKind.DATE_FORM, name, found, row, note)
    days_since = np.array([days(value, form) for value in texts.values], dtype=np.float64)
    return ReadColumn(Kind.DATE, days_since[texts.codes], form, first(dates, texts)[1])


def _with_table_row(problem: Problem, gone: Array) -> Problem:
    """A problem whose row, counted without gaps, is replaced by the row of the table."""
    if problem.row is None:
        return problem
    return replace(problem, row=int(np.flatnonzero(~gone)[problem.row]))


def _refuse_ambiguous(name: str, texts: Texts) -> None:
    """Refuse numbers with a point or comma that may separate thousands.

    It may if every such sign in the column is followed by three digits, and does not follow a
    leading zero. In a column where every number has the sign, it is the usual one of the file.
    """
    found = {sign: [sign in value for value in texts.values] for sign in ".,"}
    present = [sign for sign in found if any(found[sign])]
    if len(present) == 1:
        (sign,) = present
        numbers = (value for value in texts.values if sign in value)
        is_decimal = sign == texts.usual and all(found[sign])
        if is_decimal or not all(map(_GROUPED.match, numbers)):
            return
    if present:
        row = max(int(rows(texts, found[sign]).argmax()) for sign in present)
        note = "its sign may stand before decimals or between thousands"
        value = texts.values[texts.codes[row]]
        kind = ProblemKind.DOUBTFUL_SIGN
        raise unusable(kind, name, f"the doubtful `{brief(value)}`", row, note)


def _finite(name: str, numbers: Array) -> Array:
    if not (numbers.min() >= -GREATEST and numbers.max() <= GREATEST):  # also false for NaN
        far = np.abs(numbers) > GREATEST
        if far.any():
            row = int(far.argmax())
            raise unusable(ProblemKind.NOT_FINITE, name, str(numbers[row]), row)
    return numbers
