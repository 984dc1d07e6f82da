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
import difflib
from collections.abc import Sequence

import numpy as np
import polars as pl

from deltaflow.data.columns import read_column, refuse_identifiers
from deltaflow.data.files import TableFile, open_table
from deltaflow.data.reading import Column, Kind, Place, Reading, brief, listing, literal
from deltaflow.data.samples import Array, Samples

MAX_NUMERIC_CLASSES = 20
TASKS = ("classification", "regression")


def table(
    path: str | None,
    target: str | int | None,
    task: str | None,
    features: Sequence[str | int] | None,
    drop: Sequence[str | int] | None,
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
        raise ValueError(
            "`data=table` must be told a file and the column to predict. Found no `data.path`. "
            "Use `data=table data.path=my.csv data.target=name`."
        )
    if task not in (None, *TASKS):
        raise ValueError(
            f"`data.task` must be {' or '.join(TASKS)}, or null. Found {task}. Use null to let "
            "the target decide."
        )
    file = open_table(path)
    goal = Place(path, _target(file, target), is_target=True)
    left_out = _left_out(file, goal.column, features, drop)
    frame = file.read([name for name in file.names if name not in left_out])

    kind, labels = read_column(frame.drop_in_place(goal.column), goal)
    values = _class_values(kind, labels, task, goal)
    columns, matrix = _encode(frame, path)
    if not matrix.shape[1]:
        raise ValueError(
            f"A network needs a column to predict `{brief(goal.column)}` from. Found none in "
            f"{literal(path)} that is in use and has two values. Give it more of `data.features`."
        )
    in_use = {column.name: column for column in columns}
    described = tuple(
        in_use.get(name) or Column(name, None, left_out=left_out[name])
        for name in file.names
        if name != goal.column
    )
    return _samples(matrix, labels, values, Reading(path, len(labels), goal.column, described))


def _target(file: TableFile, target: str | int | None) -> str:
    if target is None:
        raise ValueError(
            f"`data.target` must name the column to predict. Found null. {literal(file.path)} has "
            f"{listing([name for name in file.names if name])}."
        )
    _refuse_unknown(file, "target", [str(target)])
    return str(target)


def _left_out(
    file: TableFile,
    target: str,
    features: Sequence[str | int] | None,
    drop: Sequence[str | int] | None,
) -> dict[str, str]:
    """The columns that are not looked at, and why."""
    chosen = {"features": _names(features), "drop": _names(drop)}
    for setting, names in chosen.items():
        _refuse_unknown(file, setting, names)
        if target in names:
            raise ValueError(
                f"`data.{setting}` must not hold the column to predict. Found the target "
                f"`{brief(target)}` in it. Take it out, or choose another `data.target`."
            )
    used = file.names if features is None else (target, *chosen["features"])
    left_out = {name: "not in data.features" for name in file.names if name not in used}
    unnamed = {name: "no name" for name in file.names if not name}
    return left_out | dict.fromkeys(chosen["drop"], "data.drop") | unnamed


def _names(names: Sequence[str | int] | None) -> list[str]:
    if isinstance(names, str):
        return [names]
    return [str(name) for name in names or ()]


def _refuse_unknown(file: TableFile, setting: str, names: Sequence[str]) -> None:
    for name in names:
        if name in file.names:
            continue
        known = [column for column in file.names if column]
        nearest = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean `{brief(nearest[0])}`?" if nearest else f"It has {listing(known)}."
        raise ValueError(
            f"`data.{setting}` must name columns of {literal(file.path)}. Found `{brief(name)}`, "
            f"which is none of them. {advice}"
        )


def _class_values(
    kind: Kind, labels: pl.Series, task: str | None, place: Place
) -> pl.Series | None:
    """The different values of a target that is a classification, in order."""
    values = labels.unique().sort()
    if len(values) == 1:
        raise ValueError(
            f"A target must have at least two values. Found `{brief(_word(values[0]))}` in each of "
            f"the {len(labels)} rows of {place}, from row 1 on. Choose another `data.target`."
        )
    if task == "regression" and kind is Kind.CATEGORY:
        raise ValueError(
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


def _encode(frame: pl.DataFrame, path: str) -> tuple[list[Column], Array]:
    """The columns in use, and the inputs that they give, ``[n_rows, n_inputs]``.

    The frame is emptied on the way, so that a large table is not held twice.
    """
    columns, contents = [], []
    for name in frame.columns:
        place = Place(path, name)
        kind, content = read_column(frame.drop_in_place(name), place)
        values = content.unique().sort() if kind is Kind.CATEGORY else None
        if (content == content[0]).all():
            columns.append(Column(name, kind, left_out=f"always {brief(_word(content[0]))}"))
        elif values is None:
            columns.append(Column(name, kind, 1))
        else:
            refuse_identifiers(content, place)
            columns.append(Column(name, kind, len(values)))
        contents.append((content, values))
    ends = np.cumsum([column.n_inputs for column in columns], dtype=int)
    n_rows = len(contents[0][0]) if contents else 0
    matrix = np.zeros((n_rows, ends[-1] if contents else 0))
    for column, end in zip(columns, ends, strict=True):
        content, values = contents.pop(0)
        if values is not None and column.n_inputs:
            first = end - column.n_inputs
            matrix[np.arange(n_rows), first + _indices(content, values)] = 1
        elif column.n_inputs:
            matrix[:, end - 1] = content.cast(pl.Float64).to_numpy()
    return columns, matrix


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
