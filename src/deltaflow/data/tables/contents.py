"""The values of a column and its gaps, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from deltaflow.data.columns import Array, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.tables.parsing import MISSING_WORDS, value_text
from deltaflow.data.tables.problems import Problem, ProblemKind, UnusableColumnError
from deltaflow.system.escaping import brief

Content = Array | Texts
"""Values of a column: numbers, float64, NaN for a gap; truth values, bool, or float64 as soon as
there is a gap; or categories, whose code is -1 for a gap."""

_AT_ONCE = 10_000  # values that are Python objects at the same time


@dataclass(frozen=True)
class ReadColumn:
    """The values of a column, and their kind.

    Attributes:
        kind: the kind of the values; ``None`` if all are gaps.
        content: the values.
        form: format of dates, for ``strptime``.
        first: the first date, as text.
        gap: the text in the first gap, such as ``NA``; empty if there is none.
    """

    kind: Kind | None
    content: Content
    form: str = ""
    first: str = ""
    gap: str = ""

    @property
    def gaps(self) -> Array:
        """Whether each row is a gap, ``[n_rows]``."""
        return gaps(self.content)

    def refuse_gaps(self, name: str) -> None:
        """Refuse a column with a gap.

        Raises:
            UnusableColumnError: for the first gap.
        """
        missing = self.gaps
        if missing.any():
            note = f"{missing.sum()} of {len(missing)} values are missing there"
            found = f"`{self.gap}`" if self.gap else "nothing"
            raise unusable(ProblemKind.MISSING, name, found, int(missing.argmax()), note)

    def refuse_dates(self, name: str) -> None:
        """Refuse a column of dates.

        Raises:
            UnusableColumnError: if the column has dates.
        """
        if self.kind is Kind.DATE:
            row = int((~self.gaps).argmax())
            raise unusable(ProblemKind.DATE, name, f"the date or time `{brief(self.first)}`", row)

    def take(self, kept: Array) -> "ReadColumn":
        """Select rows, and drop categories that none of them has."""
        content = self.content
        if isinstance(content, Texts):
            codes = content.codes[kept]
            seen = np.isin(np.arange(len(content.values)), codes)
            return replace(self, content=select_values(content, seen, codes))
        content = content[kept]
        if self.kind is Kind.BOOLEAN and not np.isnan(content).any():
            content = content.astype(bool)
        return replace(self, content=content)


def gaps(content: Content) -> Array:
    """Whether each row of a column is a gap, ``[n_rows]``."""
    missing: Array = content.codes < 0 if isinstance(content, Texts) else np.isnan(content)
    return missing


def as_texts(raw: Content | pl.Series) -> Texts:
    """Convert a column to texts: whole numbers without a point, gaps as empty texts."""
    if isinstance(raw, Texts):
        return raw
    if isinstance(raw, pl.Series) and not raw.dtype.is_float():
        return Texts.of((text or "").strip() for text in strings(raw.cast(pl.String)))
    values = raw.to_list() if isinstance(raw, pl.Series) else raw.tolist()
    return Texts.of("" if v is None or v != v else value_text(v) for v in values)


def split_gaps(texts: Texts, known: Sequence[str]) -> tuple[Texts, Array]:
    """Remove gaps from a column of texts.

    Args:
        texts: the column.
        known: texts that are values, even if they usually mean a gap.

    Returns:
        The column without its gaps, and whether each row is a gap, ``[n_rows]``.
    """
    there = [v.lower() not in MISSING_WORDS or v in known for v in texts.values]
    present = rows(texts, there)
    return select_values(texts, np.array(there, dtype=bool), texts.codes[present]), ~present


def select_values(texts: Texts, chosen: Array, codes: Array) -> Texts:
    """A column of the chosen values and the given rows' codes, which are renumbered."""
    place = np.append(np.cumsum(chosen) - 1, -1)
    values = [value for value, is_chosen in zip(texts.values, chosen, strict=True) if is_chosen]
    return replace(texts, values=values, codes=place[codes])


def insert_gaps(content: Content, gone: Array) -> Content:
    """Insert gaps into a column without gaps."""
    if isinstance(content, Texts):
        return replace(content, codes=insert_gap_codes(content.codes, gone))
    if not gone.any():
        return content
    whole = np.full(len(gone), np.nan)
    whole[~gone] = content
    return whole


def insert_gap_codes(codes: Array, gone: Array) -> Array:
    """Insert -1 for gaps into codes without gaps."""
    whole = np.full(len(gone), -1, dtype=np.int64)
    whole[~gone] = codes
    return whole


def first_gap(texts: Texts, gone: Array) -> str:
    """The text in the first gap; empty if there is no gap."""
    return texts.values[texts.codes[gone.argmax()]] if gone.any() else ""


def strings(series: pl.Series) -> Iterator[str | None]:
    """The values of a series as Python strings, a few at a time to save memory."""
    for start in range(0, len(series), _AT_ONCE):
        yield from series.slice(start, _AT_ONCE).to_list()


def rows(texts: Texts, chosen: Sequence[bool] | Array) -> Array:
    """Whether each row has one of the chosen values, ``[n_rows]``."""
    return np.array(chosen, dtype=bool)[texts.codes]


def first(chosen: Array, texts: Texts) -> tuple[int, str]:
    """The index of the first chosen row, and its text."""
    row = int(chosen.argmax())
    return row, texts.values[texts.codes[row]]


def unusable(
    kind: ProblemKind, column: str, found: str, row: int | None = None, note: str = ""
) -> UnusableColumnError:
    """Make the error for one problem."""
    return UnusableColumnError(Problem(kind, column, found, row, note))
