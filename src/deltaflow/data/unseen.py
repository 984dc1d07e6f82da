"""Reads a table of new rows for a prediction, in the same way as the training table."""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deltaflow.data.columns import Array, Column, Kind
from deltaflow.data.files.table_file import open_table
from deltaflow.data.preprocessing import Preprocessing, encode
from deltaflow.data.tables.column_kinds import classes, read_column
from deltaflow.data.tables.contents import Content
from deltaflow.data.tables.known_columns import read_as, refuse_new
from deltaflow.data.tables.parsing import value_text
from deltaflow.data.tables.problems import (
    MAX_PROBLEMS,
    Problem,
    ProblemKind,
    UnusableColumnError,
    message_of,
)
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing, literal
from deltaflow.system.memory import require_memory

Table = str | os.PathLike[str] | pl.DataFrame | Mapping[str, Any]
"""The path of a CSV, TSV or Parquet file, a polars frame, or a mapping from names to values."""


@dataclass(frozen=True)
class Unseen:
    """Rows for a prediction.

    Attributes:
        features: ``[n_rows, n_inputs]``, not standardised.
        targets: targets of the rows that have them: class indices ``[n_with_target]``, or numbers
            ``[n_with_target, n_targets]`` in the units of the data; ``None`` if no row has them.
        with_target: indices of the rows with targets, ``[n_with_target]``.
        extra: names of columns that are not used.
    """

    features: Array
    targets: Array | None
    with_target: Array
    extra: tuple[str, ...]


def read_unseen(table: Table, preprocessing: Preprocessing) -> Unseen:
    """Read rows by the names of their columns, which may be in any order.

    Args:
        table: a table with the feature columns of the training, with or without the target.
        preprocessing: the preprocessing of the network.

    Raises:
        ValueError: if a column is missing, or a value is missing, not finite, of another kind, or
            a category that was not in the training data. One message lists all problems.
    """
    used = [column for column in preprocessing.columns if column.n_inputs]
    goals = list(preprocessing.targets or filter(None, [preprocessing.target]))
    plain = (Kind.NUMBER, Kind.BOOLEAN)
    texts = [column.name for column in used if column.kind not in plain]
    raw, names, where = _raw(table, [column.name for column in used], goals, texts)
    problems: list[Problem] = []
    contents: list[tuple[Column, Content]] = []
    for column in used:
        try:
            found = read_as(column, raw[column.name])
            if not preprocessing.fill:
                found.refuse_gaps(column.name)
            contents.append((column, found.content))
        except UnusableColumnError as error:
            problems.append(error.problem)
    targets, with_target = None, np.arange(0)
    if goals and all(name in raw for name in goals):
        try:
            targets, with_target = _targets(goals, raw, preprocessing)
        except UnusableColumnError as error:
            problems.append(error.problem)
    if problems:
        raise UserError(message_of(problems[:MAX_PROBLEMS], where))
    n_rows, n_inputs = len(contents[0][1]), sum(column.n_inputs for column in used)
    require_memory(
        8 * n_rows * n_inputs, "The table", f"{n_rows} rows of {where}", "Use fewer rows."
    )
    known = {column.name for column in preprocessing.columns} | set(goals)
    extra = tuple(name for name in names if name not in known)
    return Unseen(encode(contents, n_rows, n_inputs), targets, with_target, extra)


def _raw(
    table: Table, features: Sequence[str], goals: Sequence[str], texts: Sequence[str]
) -> tuple[dict[str, Any], Sequence[str], str]:
    """The values of the columns in use by name, the names of all columns, and the table's name."""
    if isinstance(table, str | os.PathLike):
        path = os.fspath(table)
        file = open_table(path)
        names = _used(file.names, features, goals, literal(path))
        return dict(zip(names, file.read(names, texts), strict=True)), file.names, literal(path)
    try:
        frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(dict(table))
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise UserError(
            "Rows must be a path, a polars frame, or lists by the names of columns. Found a "
            f"{type(table).__name__}: {' '.join(str(error).split())[:200]}. Use "
            "`polars.DataFrame(values, schema=names)`."
        ) from error
    names = _used(frame.columns, features, goals, "the frame")
    if not len(frame):
        raise UserError("A table must have rows. Found none in the frame. Give it at least one.")
    return {name: frame[name] for name in names}, frame.columns, "the frame"


def _used(
    there: Sequence[str], features: Sequence[str], goals: Sequence[str], where: str
) -> list[str]:
    """The columns to read.

    Raises:
        ValueError: if a column that the network needs is missing.
    """
    missing = [name for name in features if name not in set(there)]
    if missing:
        nearest = difflib.get_close_matches(missing[0], there, n=1)
        advice = f"Did you mean `{brief(nearest[0])}`?" if nearest else f"It has {listing(there)}."
        raise UserError(
            "A table must have all columns that the network was trained with. Found no "
            f"{listing(missing)} in {where}. {advice}"
        )
    return [*features, *(name for name in goals if name in set(there))]


def _targets(
    goals: Sequence[str], raw: Mapping[str, Any], preprocessing: Preprocessing
) -> tuple[Array | None, Array]:
    """The targets, and the indices of the rows that have all of them; ``None`` if none has."""
    if not preprocessing.classes:
        read = [read_as(Column(name, Kind.NUMBER), raw[name]) for name in goals]
    else:
        read = [read_column(goals[0], raw[goals[0]])]
    with_target = np.flatnonzero(~np.any([found.gaps for found in read], axis=0))
    if not len(with_target):
        return None, with_target
    contents = [found.take(with_target).content for found in read]
    if not preprocessing.classes:
        return np.column_stack([np.asarray(content) for content in contents]), with_target
    values, codes = classes(contents[0])
    words = [value_text(value) for value in values]
    whole = np.full(len(read[0].content), -1)
    whole[with_target] = codes  # so that a message names the row of the table
    note = f"known are {listing(preprocessing.classes)}"
    refuse_new(goals[0], words, whole, preprocessing.classes, ProblemKind.NEW_CATEGORY, note)
    place = {known: k for k, known in enumerate(preprocessing.classes)}
    return np.array([place[said] for said in words])[codes], with_target
