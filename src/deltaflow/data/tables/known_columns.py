"""Reads a column whose kind and categories are known from training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from deltaflow.data.columns import Array, Column, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.tables.column_kinds import DATES, read_column
from deltaflow.data.tables.contents import (
    Content,
    ReadColumn,
    as_texts,
    first,
    first_gap,
    insert_gap_codes,
    insert_gaps,
    rows,
    split_gaps,
    unusable,
)
from deltaflow.data.tables.dates import days
from deltaflow.data.tables.parsing import number, value_text
from deltaflow.data.tables.problems import ProblemKind
from deltaflow.system.escaping import brief, listing

_TRAINED_ON = {
    Kind.NUMBER: "a column of numbers",
    Kind.BOOLEAN: "a column of true and false",
    Kind.DATE: "a column of dates or times",
}


def read_as(column: Column, raw: Content | pl.Series) -> ReadColumn:
    """Read a column whose kind is known.

    Args:
        column: the column as it was in training.
        raw: the values that were read; texts unless the column has numbers or truth values.

    Raises:
        UnusableColumnError: if a value is not finite, or not of the kind in training.
    """
    name, kind = column.name, column.kind
    if kind in (Kind.CATEGORY, Kind.ORDER):
        note = f"known are {listing(column.categories)}"
        return read_categories(column, raw, ProblemKind.NEW_CATEGORY, note)
    assert kind is not None
    note = f"it was {_TRAINED_ON[kind]} in training"
    if kind is Kind.DATE and not (isinstance(raw, pl.Series) and raw.dtype in DATES):
        texts, gone = split_gaps(as_texts(raw), ())
        days_since = [days(value, column.form) for value in texts.values]
        if None in days_since:
            row, value = first(rows(texts, [day is None for day in days_since]), texts)
            row, form = int(np.flatnonzero(~gone)[row]), f"{note}, such as {column.form}"
            raise unusable(ProblemKind.OTHER_KIND, name, f"`{brief(value)}`", row, form)
        return ReadColumn(
            kind, insert_gaps(np.array(days_since, dtype=np.float64)[texts.codes], gone)
        )
    found = read_column(name, raw)
    if found.kind not in (kind, None):
        row, value = _first_of_other_kind(found, kind)
        raise unusable(ProblemKind.OTHER_KIND, name, f"`{brief(value)}`", row, note)
    return found


def _first_of_other_kind(found: ReadColumn, kind: Kind) -> tuple[int, str]:
    """The index and the text of the first value that is not of a kind."""
    odd, content = ~found.gaps, found.content
    if isinstance(content, Texts):
        if kind is Kind.NUMBER:
            odd &= rows(content, [number(value, content.signs) is None for value in content.values])
        return first(odd, content)
    row = int(odd.argmax())
    return row, found.first or value_text(content[row].item())


def read_categories(
    column: Column, raw: Content | pl.Series, kind: ProblemKind, note: str
) -> ReadColumn:
    """Read a column whose categories are known; a known category is never a gap.

    Args:
        column: the column with its categories.
        raw: the values that were read.
        kind: the kind of problem that an unknown category is.
        note: more about the problem, for the message.

    Raises:
        UnusableColumnError: for the first unknown category.
    """
    texts, known = as_texts(raw), set(column.categories)
    present, gone = split_gaps(texts, column.categories)
    present = replace(
        present, values=[v if v in known else _without_point(v) for v in present.values]
    )
    refuse_new(column.name, present.values, insert_gap_codes(present.codes, gone),
               column.categories, kind, note)  # fmt: skip
    return ReadColumn(column.kind, insert_gaps(present, gone), gap=first_gap(texts, gone))


def _without_point(value: str) -> str:
    """A whole number without its point: many programs write 3 as 3.0 in a column with gaps."""
    found = number(value)
    return value if found is None else value_text(found)


def refuse_new(
    column: str, values: Sequence[str], codes: Array, known: Sequence[str], kind: ProblemKind,
    note: str,
) -> None:  # fmt: skip
    """Refuse unknown categories.

    Raises:
        UnusableColumnError: for the first row with one.
    """
    there = set(known)
    for k, value in enumerate(values):
        if value not in there:
            raise unusable(kind, column, f"`{brief(value)}`", int((codes == k).argmax()), note)
