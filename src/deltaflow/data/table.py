"""The user's own table as samples.

What is inferred, and how it can be set otherwise:

- A column of numbers is one input, standardised; true and false are one input, 0 and 1; text
  is a category, one-hot, an input for each of its values in sorted order. ``columns`` has what
  is refused.
- A target of text, or of true and false, is a classification; so is one of whole numbers of
  at most 20 different values, each in two rows or more on average. Any other is a regression.
  ``task`` sets it.
- Features are all columns but the target; ``features`` and ``drop`` choose among them. Columns
  without a name, as an index may be, and columns of a single value are left out.
"""

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
import polars as pl

from deltaflow.data.columns import read_column, refuse_identifiers
from deltaflow.data.files import TableFile, open_table
from deltaflow.data.layout import refuse_data_for_header
from deltaflow.data.reading import (
    MANY,
    Column,
    Kind,
    Place,
    Reading,
    UnusableColumnError,
    all_in_one,
)
from deltaflow.data.remarks import outlier, row_numbers
from deltaflow.data.samples import Array, Samples
from deltaflow.data.selection import as_names, left_out_columns, target_name
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal
from deltaflow.system.memory import require

MAX_NUMERIC_CLASSES = 20
TASKS = ("classification", "regression")


def table(
    path: str | None,
    target: str | int | None,
    task: str | None,
    features: str | Sequence[str | int] | None,
    drop: str | Sequence[str | int] | None,
) -> Samples:
    """Samples from a CSV, TSV or Parquet file.

    Args:
        path: of the file, from the working directory; ``~`` is the home directory.
        target: the column to predict.
        task: ``classification`` or ``regression``; as the target suggests if ``None``.
        features: the columns to predict it from; all others if ``None``.
        drop: columns to leave out.

    Returns:
        The samples, with which of their features are numbers, and how they were read.

    Raises:
        ValueError: for a table that cannot be learnt from, with file, column and row.
    """
    if path is None:
        raise UserError(
            "`data=table` must be told a file and the column to predict. Found no `data.path`. "
            "Use `data=table data.path=my.csv data.target=name`."
        )
    if task not in (None, *TASKS):
        raise UserError(
            f"`data.task` must be {' or '.join(TASKS)}, or null. Found {task}. Use null to let "
            "the target decide."
        )
    file = open_table(path)
    goal = Place(path, target_name(file, target), is_target=True, dropped=tuple(as_names(drop)))
    left_out = left_out_columns(file, goal.column, features, drop)
    used = [goal.column]
    used += [name for name in file.names if name not in left_out and name != goal.column]
    read = _read(file, used, goal)

    kind, labels = read.pop(goal.column)
    values = _class_values(kind, labels, task, goal)
    n_rows = len(labels)
    remarks = _remarks(read, goal, labels if values is None else None)
    columns, matrix = _encode(read, path, n_rows)
    if not matrix.shape[1]:
        raise UserError(
            f"A network needs a column to predict `{brief(goal.column)}` from. Found none in "
            f"{literal(path)} that is in use and has two values. Give it more of `data.features`."
        )
    for remark in remarks:
        warnings.warn(remark, stacklevel=2)
    in_use = {column.name: column for column in columns}
    described = tuple(
        in_use.get(name) or Column(name, None, left_out=left_out[name])
        for name in file.names
        if name != goal.column
    )
    reading = Reading(path, n_rows, goal.column, described, target_kind=kind)
    return _samples(matrix, labels, values, reading)


def _read(file: TableFile, names: Sequence[str], goal: Place) -> dict[str, tuple[Kind, pl.Series]]:
    """What each column holds; all that is wrong with any of them comes in one message."""
    unread = file.read(names)[::-1]
    read: dict[str, tuple[Kind, pl.Series]] = {}
    errors: list[UnusableColumnError] = []
    while (
        unread and len(errors) < MANY
    ):  # emptied on the way, so that a large table is not held twice
        values = unread.pop()
        place = goal if values.name == goal.column else _feature(goal, values.name)
        try:
            kind, content = read_column(values, place, file.decimal_comma)
            if kind is Kind.CATEGORY and place is not goal and not _is_constant(content):
                refuse_identifiers(content, place)
            read[place.column] = kind, content
        except UnusableColumnError as error:
            errors.append(error)
    if file.separator is not None and not errors:
        refuse_data_for_header(file.path, file.names, [content for _, content in read.values()])
    if errors:
        raise all_in_one(errors, len(names) - 1)
    return read


def _feature(goal: Place, name: str) -> Place:
    return Place(goal.path, name, dropped=goal.dropped)


def _remarks(
    read: dict[str, tuple[Kind, pl.Series]], goal: Place, targets: pl.Series | None
) -> list[str]:
    """What may be a mistake in the numbers of the inputs, and of a target that is a number."""
    numbers = {name: content for name, (kind, content) in read.items() if kind is Kind.NUMBER}
    places = [_feature(goal, name) for name in numbers]
    inputs = list(numbers.values()) if len(read) > 1 else []
    measured = list(zip(numbers.values(), places, strict=True))
    if targets is not None:
        measured.append((targets, goal))
    far = [remark for pair in measured if (remark := outlier(*pair)) is not None]
    return row_numbers(inputs, places if inputs else []) + far


def _class_values(
    kind: Kind, labels: pl.Series, task: str | None, place: Place
) -> pl.Series | None:
    """The different values of a target that is a classification, in order."""
    values = labels.unique().sort()
    if len(values) == 1:
        raise UserError(
            f"A target must have at least two values. Found `{brief(_word(values[0]))}` in each of "
            f"the {len(labels)} rows of {place}, from row 1 on. Choose another `data.target`."
        )
    if task == "regression" and kind is Kind.CATEGORY:
        raise UserError(
            f"`data.task=regression` needs a target of numbers. Found `{brief(labels[0])}` in "
            f"{place.row(0)}. Use `data.task=null`, or {place.alternative}."
        )
    few = len(values) <= MAX_NUMERIC_CLASSES and 2 * len(values) <= len(labels)
    is_whole = kind is Kind.NUMBER and bool((values == values.round()).all())
    if task == "regression" or (task is None and kind is Kind.NUMBER and not (few and is_whole)):
        return None
    refuse_identifiers(labels, place)
    return values


def _samples(
    matrix: Array, labels: pl.Series, values: pl.Series | None, reading: Reading
) -> Samples:
    if values is None:
        samples = Samples.numbers(
            matrix, labels.cast(pl.Float64).to_numpy(), [literal(reading.target)]
        )
        ends = float(samples.targets.min()), float(samples.targets.max())
        reading = dataclasses.replace(reading, target_range=ends)
    else:
        names = [_word(value) for value in values]
        samples = Samples.classes(matrix, _indices(labels, values), names)
        counts = np.bincount(samples.targets).tolist()
        reading = dataclasses.replace(reading, class_counts=dict(zip(names, counts, strict=True)))
    kinds, n_inputs = zip(*((c.kind, c.n_inputs) for c in reading.columns), strict=True)
    numeric = np.repeat([kind is Kind.NUMBER for kind in kinds], n_inputs)
    return dataclasses.replace(samples, numeric=numeric, reading=reading)


def _encode(
    read: dict[str, tuple[Kind, pl.Series]], path: str, n_rows: int
) -> tuple[list[Column], Array]:
    """The columns in use, and the inputs that they give, ``[n_rows, n_inputs]``.

    What was read is emptied on the way, so that a large table is not held twice.
    """
    columns, classes = [], []
    for name, (kind, content) in read.items():
        values = content.unique().sort() if kind is Kind.CATEGORY else None
        if _is_constant(content):
            columns.append(Column(name, kind, left_out=f"always {brief(_word(content[0]))}"))
        else:
            columns.append(Column(name, kind, 1 if values is None else len(values)))
        classes.append(values)
    n_inputs = sum(column.n_inputs for column in columns)
    advice = "Leave columns of many categories out with `data.drop`."
    require(8 * n_rows * n_inputs, "The table", f"{n_rows} rows of {literal(path)}", advice)
    matrix = np.zeros((n_rows, n_inputs))
    first = 0
    for column, values in zip(columns, classes, strict=True):
        _, content = read.pop(column.name)
        if values is not None and column.n_inputs:
            matrix[np.arange(n_rows), first + _indices(content, values)] = 1
        elif column.n_inputs:
            matrix[:, first] = content.to_numpy()
        first += column.n_inputs
    return columns, matrix


def _is_constant(content: pl.Series) -> bool:
    if content.dtype == pl.Float64:  # of which there may be many: NumPy is quicker to begin
        values = content.to_numpy()
        return bool((values == values[0]).all())
    return bool((content == content[0]).all())


def _indices(content: pl.Series, values: pl.Series) -> Array:
    """Each row's place among the values."""
    places = pl.int_range(len(values), eager=True)
    return content.replace_strict(values, places, return_dtype=pl.Int64).to_numpy()


def _word(value: float | bool | str) -> str:
    """A class by name: whole numbers without a point, truth as YAML has it.

    >>> _word(3.0), _word(0.5), _word(True), _word("setosa")
    ('3', '0.5', 'true', 'setosa')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
