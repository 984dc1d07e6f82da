"""The values of a column and its gaps, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from deltaflow.data.columns import Array, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.tables.problems import Problem, ProblemKind, UnusableColumnError
from deltaflow.data.tables.words import MISSING_WORDS, word
from deltaflow.system.escaping import brief

Content = Array | Texts
"""Values of a column: numbers, float64, NaN for a gap; truth values, bool, or float64 as soon as
there is a gap; or categories, whose code is -1 for a gap."""

_AT_ONCE = 10_000  # values


@dataclass(frozen=True)
class Found:
    """What a column was found to hold.

    Attributes:
        kind: of its values; ``None`` if there is none.
        content: the values.
        form: of dates, as ``strptime`` has it.
        first: the first date in words.
        gap: what stands in the first gap; empty for nothing.
    """

    kind: Kind | None
    content: Content
    form: str = ""
    first: str = ""
    gap: str = ""

    @property
    def gaps(self) -> Array:
        """Where there is no value, ``[n_rows]``."""
        return gaps(self.content)

    def refuse_gaps(self, name: str) -> None:
        """Refuse a column in which a value is missing.

        Raises:
            UnusableColumnError: for the first gap.
        """
        missing = self.gaps
        if missing.any():
            note = f"{missing.sum()} of {len(missing)} values are missing there"
            found = f"`{self.gap}`" if self.gap else "nothing"
            raise unusable(ProblemKind.MISSING, name, found, int(missing.argmax()), note)

    def refuse_dates(self, name: str) -> None:
        """Refuse a column of dates, which are no numbers unless that is asked for.

        Raises:
            UnusableColumnError: if it is one.
        """
        if self.kind is Kind.DATE:
            row = int((~self.gaps).argmax())
            raise unusable(ProblemKind.DATE, name, f"the date or time `{brief(self.first)}`", row)

    def take(self, kept: Array) -> "Found":
        """Some rows of it, and no category that none of them has."""
        content = self.content
        if isinstance(content, Texts):
            codes = content.codes[kept]
            seen = np.isin(np.arange(len(content.values)), codes)
            return replace(self, content=only(content, seen, codes))
        content = content[kept]
        if self.kind is Kind.TRUTH and not np.isnan(content).any():
            content = content.astype(bool)
        return replace(self, content=content)


def gaps(content: Content) -> Array:
    """Where a column has no value, ``[n_rows]``."""
    missing: Array = content.codes < 0 if isinstance(content, Texts) else np.isnan(content)
    return missing


def as_texts(raw: Content | pl.Series) -> Texts:
    """A column as texts, whole numbers without a point; a gap is empty."""
    if isinstance(raw, Texts):
        return raw
    if isinstance(raw, pl.Series) and not raw.dtype.is_float():
        return Texts.of((text or "").strip() for text in strings(raw.cast(pl.String)))
    values = raw.to_list() if isinstance(raw, pl.Series) else raw.tolist()
    return Texts.of("" if v is None or v != v else word(v) for v in values)


def split(texts: Texts, known: Sequence[str]) -> tuple[Texts, Array]:
    """What is there, and where there is nothing, ``[n_rows]``; what is known is no gap."""
    there = [v.lower() not in MISSING_WORDS or v in known for v in texts.values]
    present = rows(texts, there)
    return only(texts, np.array(there, dtype=bool), texts.codes[present]), ~present


def only(texts: Texts, chosen: Array, codes: Array) -> Texts:
    """Some of the different values, and the rows with these codes, which have no other."""
    place = np.append(np.cumsum(chosen) - 1, -1)
    values = [value for value, is_chosen in zip(texts.values, chosen, strict=True) if is_chosen]
    return replace(texts, values=values, codes=place[codes])


def spread(content: Content, gone: Array) -> Content:
    """A column with its gaps between what is there."""
    if isinstance(content, Texts):
        return replace(content, codes=spread_codes(content.codes, gone))
    if not gone.any():
        return content
    whole = np.full(len(gone), np.nan)
    whole[~gone] = content
    return whole


def spread_codes(codes: Array, gone: Array) -> Array:
    """Which of the values each row has, -1 in the gaps."""
    whole = np.full(len(gone), -1, dtype=np.int64)
    whole[~gone] = codes
    return whole


def first_gap(texts: Texts, gone: Array) -> str:
    """What stands in the first gap, if there is one."""
    return texts.values[texts.codes[gone.argmax()]] if gone.any() else ""


def strings(series: pl.Series) -> Iterator[str | None]:
    """The values of a column, a few of them as Python's own at a time: they may be long."""
    for start in range(0, len(series), _AT_ONCE):
        yield from series.slice(start, _AT_ONCE).to_list()


def rows(texts: Texts, chosen: Sequence[bool] | Array) -> Array:
    """Whether each row has one of the chosen values, ``[n_rows]``."""
    return np.array(chosen, dtype=bool)[texts.codes]


def first(chosen: Array, texts: Texts) -> tuple[int, str]:
    """The first of the chosen rows, and what stands there."""
    row = int(chosen.argmax())
    return row, texts.values[texts.codes[row]]


def unusable(
    kind: ProblemKind, column: str, found: str, row: int | None = None, note: str = ""
) -> UnusableColumnError:
    """An error for one problem."""
    return UnusableColumnError(Problem(kind, column, found, row, note))
