"""Reads a user's table as samples.

The meaning of columns is inferred from their values; settings can change it:

- A column of numbers gives one input, which is standardised. Truth values give one input, 0 or 1,
  and so do texts with two different values. Other texts are categories, encoded one-hot with the
  values in sorted order; ``order`` encodes them as their position in a given order instead.
  :mod:`.tables.problems` lists what is refused.
- A gap is refused. ``missing`` fills it with the median or the most frequent value of the training
  part, and may add an indicator input that is 1 for a gap; or it leaves out the row.
- A date is refused. ``dates=days`` encodes it as a number.
- A target of texts or truth values is a classification, and so is a target of whole numbers with
  at most 20 different values, each in two rows or more on average. Any other target, and several
  targets, are a regression. ``task`` overrides this.
- Features are all columns except the target; ``features`` and ``drop`` choose among them. Columns
  without a name, such as an index, and columns with a single value are left out.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from deltaflow.config.arguments import as_typed
from deltaflow.data.columns import Array, Column, Kind, Reading
from deltaflow.data.files.delimited import Texts
from deltaflow.data.files.formats import refuse_data_for_header
from deltaflow.data.files.table_file import TableFile, open_table
from deltaflow.data.samples import Samples
from deltaflow.data.tables.column_kinds import read_column, refuse_identifiers
from deltaflow.data.tables.contents import ReadColumn
from deltaflow.data.tables.inputs import complete_rows, encode_inputs
from deltaflow.data.tables.known_columns import read_categories
from deltaflow.data.tables.parsing import value_text
from deltaflow.data.tables.problems import (
    MAX_PROBLEMS,
    Problem,
    ProblemKind,
    UnusableColumnError,
    message_with_override,
)
from deltaflow.data.tables.selection import Selection, select
from deltaflow.data.tables.suspicious_values import outliers, row_numbers, spellings
from deltaflow.data.tables.targets import TableTargets, read_targets
from deltaflow.nn.task import Classification
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing

CHOICES = {
    "task": ("classification", "regression", None),
    "missing": ("refuse", "drop", "median", "indicator"),
    "dates": ("refuse", "days"),
}
"""The allowed values of settings."""

_DEFAULT = {"task": None, "missing": "refuse", "dates": "refuse"}  # as in conf/data/table.yaml


def table(
    path: str | None,
    target: str | int | Sequence[str | int] | None,
    task: str | None,
    features: str | Sequence[str | int] | None,
    drop: str | Sequence[str | int] | None,
    missing: str,
    dates: str,
    order: Mapping[str, Any] | None,
) -> Samples:
    """Samples from a CSV, TSV or Parquet file.

    Args:
        path: path of the file, relative to the working directory; ``~`` is the home directory.
        target: the column to predict, or several columns of numbers.
        task: ``classification`` or ``regression``; ``None`` to infer it from the target.
        features: columns to use as features; ``None`` for all except the target.
        drop: columns to leave out.
        missing: what to do about gaps: ``refuse``, ``drop`` (the rows), ``median`` (or the most
            frequent category), ``indicator`` (the same, with an indicator input).
        dates: ``refuse``, or ``days`` since 1970-01-01.
        order: the ordered categories of columns, from lowest to highest, by column name.

    Returns:
        The samples, with their columns and the reading of the table.

    Raises:
        ValueError: if the table cannot be read or used; the message names file, column and row.
    """
    if path is None:
        raise UserError(
            "`data=table` must be told a file and the column to predict. Found no `data.path`. "
            "Use `data=table data.path=my.csv data.target=name`."
        )
    for name, choice in {"task": task, "missing": missing, "dates": dates}.items():
        if choice not in CHOICES[name]:
            listed = " or ".join(as_typed(one) for one in CHOICES[name])
            raise UserError(
                f"`data.{name}` must be {listed}. Found {as_typed(choice)}. Use "
                f"`data.{name}={as_typed(_DEFAULT[name])}`."
            )
    orders = _orders(order)
    file = open_table(path)
    selection = select(file, target, features, drop, list(orders))
    read = _read(file, selection, orders, missing, dates)
    kept = complete_rows(read, selection, missing)
    n_all = len(next(iter(read.values())).content)
    if kept is not None:
        read = {name: found.take(kept) for name, found in read.items()}
    wanted = read_targets([read.pop(name) for name in selection.targets], task, selection)
    indicates = missing == "indicator"
    columns, matrix = encode_inputs(read, selection, orders, indicates, len(wanted.targets))
    reading = _reading(file, selection, wanted, columns, kept, n_all)
    fills_gaps = missing in ("median", "indicator")
    samples = Samples(matrix, wanted.targets, wanted.task, reading.columns, reading, fills_gaps)
    _warn(columns, samples, selection)
    return samples


def _orders(order: Mapping[str, Any] | None) -> dict[str, tuple[str, ...]]:
    """The categories of each ordered column, as texts."""
    orders: dict[str, tuple[str, ...]] = {}
    for name, values in dict(order or {}).items():
        words = [value_text(v) for v in values] if isinstance(values, list | tuple) else []
        if len(set(words)) < max(2, len(words)):
            raise UserError(
                "`data.order` must list the categories of a column, each once, from the least to "
                f"the greatest. Found {as_typed(values)} for `{brief(str(name))}`. Use "
                "`data.order={size:[small,medium,large]}`."
            )
        orders[str(name)] = tuple(words)
    return orders


def _read(
    file: TableFile,
    selection: Selection,
    orders: Mapping[str, Sequence[str]],
    missing: str,
    dates: str,
) -> dict[str, ReadColumn]:
    """Read every column; the problems of all columns are reported in one error."""
    names = [*selection.targets, *selection.features]
    unread = list(zip(names, file.read(names, list(orders)), strict=True))[::-1]
    read: dict[str, ReadColumn] = {}
    problems: list[Problem] = []
    while unread and len(problems) < MAX_PROBLEMS:  # popped, to hold a large table only once
        name, raw = unread.pop()
        try:
            if name in orders:
                column = Column(name, Kind.ORDER, categories=orders[name])
                note = f"it has {listing(orders[name])}"
                found = read_categories(column, raw, ProblemKind.UNORDERED, note)
            else:
                found = read_column(name, raw)
            if name not in selection.targets and found.kind is Kind.CATEGORY:
                assert isinstance(found.content, Texts)
                if len(found.content.values) > 1:
                    refuse_identifiers(name, found.content.values, found.content.codes)
            read[name] = found
        except UnusableColumnError as error:
            problems.append(error.problem)
            continue
        checks = [found.refuse_gaps] if missing == "refuse" else []
        if dates == "refuse" or name in selection.targets:
            checks.append(found.refuse_dates)
        for check in checks:
            try:
                check(name)
            except UnusableColumnError as error:
                problems.append(error.problem)
    if problems:
        raise UserError(message_with_override(problems, selection))
    if file.separator is not None:
        contents = {name: found.content for name, found in read.items()}
        refuse_data_for_header(file.path, file.names, contents)
    return read


def _reading(
    file: TableFile,
    selection: Selection,
    wanted: TableTargets,
    columns: Sequence[Column],
    kept: Array | None,
    n_all: int,
) -> Reading:
    by_name = {column.name: column for column in columns}
    described = tuple(
        by_name.get(name) or Column(name, None, left_out=selection.left_out[name])
        for name in file.names
        if name not in selection.targets
    )
    n_rows = len(wanted.targets)
    return Reading(
        path=file.path,
        n_rows=n_rows,
        targets=selection.targets,
        columns=described,
        class_counts=wanted.class_counts,
        target_ranges=wanted.ranges,
        target_kind=wanted.kind,
        rows=kept,
        n_rows_left_out=n_all - n_rows,
    )


def _warn(columns: Sequence[Column], samples: Samples, selection: Selection) -> None:
    """Warn of values that may be mistakes but can be trained on."""
    firsts = np.cumsum([0, *(c.n_inputs for c in columns)])[:-1]  # first input of each
    numeric = [c.kind is Kind.NUMBER and c.n_inputs > 0 for c in columns]
    names, own = [c.name for c in compress(columns, numeric)], firsts[numeric]
    numbers = (
        samples.features if len(own) == samples.features.shape[1] else samples.features[:, own]
    )
    if samples.fills_gaps and np.isnan(numbers).any():
        numbers = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
    is_curve = samples.features.shape[1] == 1  # where a column that counts rows may be intended
    far = outliers(names, numbers)
    if isinstance(samples.task, Classification):
        alike = spellings(selection.targets[0], samples.task.classes)
    else:
        alike = []
        far += outliers(selection.targets, samples.targets)
    alike = [p for c in columns for p in spellings(c.name, c.categories)] + alike
    for problems in ([] if is_curve else row_numbers(names, numbers), far, alike):
        if problems:
            found = [replace(p, row=_file_row(samples, p.row)) for p in problems[:MAX_PROBLEMS]]
            warnings.warn(message_with_override(found, selection), stacklevel=3)


def _file_row(samples: Samples, row: int | None) -> int | None:
    return row if row is None or samples.reading is None else samples.reading.file_row(row)
