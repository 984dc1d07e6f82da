"""What a column of a table holds: numbers, truth values or categories, without a gap.

Numbers in words are numbers, so it does not matter how a file stores them. What is doubtful
is refused with its row rather than guessed at: a word among numbers, a date, a sign that may
separate thousands (``1.050`` beside ``950`` is 1050 to one reader and 1.05 to another). Texts are
looked at once each, however often they come back.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from deltaflow.data.samples import Array, Kind
from deltaflow.data.tables.delimited import GROUPED, Texts
from deltaflow.data.tables.problems import (
    GREATEST,
    MAX_CATEGORIES,
    Problem,
    ProblemKind,
    UnusableColumnError,
)
from deltaflow.data.tables.words import (
    MISSING_AMONG_NUMBERS,
    MISSING_WORDS,
    is_date,
    is_numeric,
    number,
    word,
)
from deltaflow.system.escaping import brief

Content = Array | Texts
"""Values of a column: numbers, float64; truth values, bool; or categories."""

_KINDS = {Kind.NUMBER: "a column of numbers", Kind.TRUTH: "a column of true and false"}
_AT_ONCE = 10_000  # values
_FEW = 20  # categories, which may be rare in a small table
_GROUPED = re.compile(GROUPED)
_DATES = (pl.Date, pl.Datetime, pl.Time, pl.Duration)


def read_column(name: str, raw: Content | pl.Series) -> tuple[Kind, Content]:
    """Take a column for numbers, truth values or categories.

    Args:
        name: of the column.
        raw: what was read of it.

    Raises:
        UnusableColumnError: if a value is missing or not finite, or the column is doubtful.
    """
    content = _from_polars(name, raw) if isinstance(raw, pl.Series) else raw
    if isinstance(content, Texts):
        return _read_texts(name, content)
    if content.dtype == bool:
        return Kind.TRUTH, content
    return Kind.NUMBER, _finite(name, content)


def read_as(kind: Kind, name: str, raw: Content | pl.Series) -> Content:
    """Read a column whose kind is known.

    Args:
        kind: what it was taken for in training.
        name: of the column.
        raw: what was read of it; of a category, texts.

    Raises:
        UnusableColumnError: if a value is missing or not finite, or the column is of another kind.
    """
    if kind is not Kind.CATEGORY:
        found, content = read_column(name, raw)
        if found is not kind:
            note = f"it was {_KINDS[kind]} in training"
            row, value = (
                0,
                word(content.values[0] if isinstance(content, Texts) else content[0].item()),
            )
            if isinstance(content, Texts) and kind is Kind.NUMBER:
                others = [number(value, content.signs) is None for value in content.values]
                row, value = _first(_rows(content, others), content)
            raise _unusable(ProblemKind.OTHER_KIND, name, f"`{brief(value)}`", row, note)
        return content
    if isinstance(raw, pl.Series):
        raw = Texts.of((text or "").strip() for text in _strings(raw.cast(pl.String)))
    assert isinstance(raw, Texts)
    missing = [value.lower() in MISSING_WORDS for value in raw.values]
    _refuse_missing(name, _rows(raw, missing), raw)
    return raw


def classes(content: Content) -> tuple[list[float | bool | str], Array]:
    """The different values of a column, in order, and which of them each row has."""
    if not isinstance(content, Texts):
        values, codes = np.unique(content, return_inverse=True)
        return values.tolist(), codes
    order = sorted(range(len(content.values)), key=content.values.__getitem__)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return [content.values[k] for k in order], place[content.codes]


def refuse_identifiers(name: str, values: Sequence[float | bool | str], codes: Array) -> None:
    """Refuse categories of which there are too many to learn anything from.

    Each needs two rows on average if they are more than 20, some two rows must have the same,
    and they must not be more than ``MAX_CATEGORIES``.

    Args:
        name: of the column.
        values: the different categories.
        codes: which of them each row has.

    Raises:
        UnusableColumnError: if they are too many.
    """
    n, rows = len(values), len(codes)
    if n > MAX_CATEGORIES or n == rows or (n > _FEW and 2 * n > rows):
        found = f"{n} different values in {rows} rows, like identifiers,"
        note = f"the first is `{brief(str(values[codes[0]]))}`"
        raise _unusable(ProblemKind.IDENTIFIER, name, found, note=note)


def _from_polars(name: str, series: pl.Series) -> Content:
    """Values of Parquet's own types."""
    dtype = series.dtype  # of very many columns, all that takes an expression is slow
    if dtype == pl.Boolean and not series.null_count():
        return series.to_numpy()
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        return Texts.of((text or "").strip() for text in _strings(series.cast(pl.String)))
    if dtype.is_numeric() or dtype == pl.Null:
        return series.cast(pl.Float64).to_numpy()  # a gap is NaN
    row = int(series.is_not_null().arg_max() or 0)
    if dtype in _DATES:
        found = f"the date or time `{brief(str(series[row]))}`"
        raise _unusable(ProblemKind.DATE, name, found, row)
    raise _unusable(ProblemKind.NESTED, name, str(dtype))


def _strings(series: pl.Series) -> Iterator[str | None]:
    """The values of a column, a few of them as Python's own at a time: they may be long."""
    for start in range(0, len(series), _AT_ONCE):
        yield from series.slice(start, _AT_ONCE).to_list()


def _read_texts(name: str, texts: Texts) -> tuple[Kind, Content]:
    values, n_rows = texts.values, len(texts.codes)
    numbers = [number(value, texts.signs) for value in values]
    if None not in numbers:
        _refuse_doubtful(name, texts)
        return Kind.NUMBER, _finite(name, np.array(numbers, dtype=np.float64)[texts.codes])
    lower = [value.lower() for value in values]
    _refuse_missing(name, _rows(texts, [value in MISSING_WORDS for value in lower]), texts)
    dates = _rows(texts, [is_date(value) for value in values])
    if 2 * dates.sum() > n_rows:
        row, value = _first(dates, texts)
        raise _unusable(ProblemKind.DATE, name, f"the date or time `{brief(value)}`", row)
    numeric = [n is not None or is_numeric(v) for n, v in zip(numbers, values, strict=True)]
    n_numeric = int(_rows(texts, [bool(found) for found in numeric]).sum())
    if 2 * n_numeric > n_rows:
        gaps = [value in MISSING_AMONG_NUMBERS for value in lower]
        _refuse_missing(name, _rows(texts, gaps), texts)
        row, value = _first(_rows(texts, [number is None for number in numbers]), texts)
        note = f"{n_numeric} of {n_rows} values are numeric"
        raise _unusable(ProblemKind.NOT_PLAIN, name, f"`{brief(value)}`", row, note)
    if set(lower) <= {"true", "false"}:
        return Kind.TRUTH, _rows(texts, [value == "true" for value in lower])
    return Kind.CATEGORY, texts


def _refuse_doubtful(name: str, texts: Texts) -> None:
    """Refuse numbers of which one has a sign that may separate thousands.

    It may if all signs of its kind stand before three digits, and not after a zero that leads. In
    a column where every number has such a sign, it is the usual one of the file.
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
        row = max(int(_rows(texts, found[sign]).argmax()) for sign in present)
        note = "its sign may stand before decimals or between thousands"
        value = texts.values[texts.codes[row]]
        kind = ProblemKind.DOUBTFUL_SIGN
        raise _unusable(kind, name, f"the doubtful `{brief(value)}`", row, note)


def _finite(name: str, numbers: Array) -> Array:
    if not (numbers.min() >= -GREATEST and numbers.max() <= GREATEST):
        _refuse_missing(name, np.isnan(numbers))
        row = int((np.abs(numbers) > GREATEST).argmax())
        raise _unusable(ProblemKind.NOT_FINITE, name, str(numbers[row]), row)
    return numbers


def _refuse_missing(name: str, missing: Array, texts: Texts | None = None) -> None:
    if missing.any():
        row = int(missing.argmax())
        word = "" if texts is None else texts.values[texts.codes[row]]
        note = f"{missing.sum()} of {len(missing)} values are missing there"
        found = f"`{word}`" if word else "nothing"
        raise _unusable(ProblemKind.MISSING, name, found, row, note)


def _rows(texts: Texts, chosen: Sequence[bool]) -> Array:
    """Whether each row has one of the chosen values, ``[n_rows]``."""
    return np.array(chosen, dtype=bool)[texts.codes]


def _first(chosen: Array, texts: Texts) -> tuple[int, str]:
    row = int(chosen.argmax())
    return row, texts.values[texts.codes[row]]


def _unusable(
    kind: ProblemKind, column: str, found: str, row: int | None = None, note: str = ""
) -> UnusableColumnError:
    return UnusableColumnError(Problem(kind, column, found, row, note))
