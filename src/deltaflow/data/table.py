"""The user's own table as samples.

What is inferred, and how it can be set otherwise:

- A column of numbers is one input, standardised; true and false are one input, 0 and 1; text
  is a category, one-hot, an input for each of its values in sorted order.
  :mod:`.tables.problems` has what is refused.
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

from deltaflow.data.preprocessing import encode
from deltaflow.data.samples import Array, Column, Kind, Reading, Samples
from deltaflow.data.tables.columns import Content, classes, read_column, refuse_identifiers
from deltaflow.data.tables.delimited import Texts
from deltaflow.data.tables.files import TableFile, open_table
from deltaflow.data.tables.formats import refuse_data_for_header
from deltaflow.data.tables.problems import (
    MANY,
    Problem,
    UnusableColumnError,
    cell,
    describe,
    outliers,
    row_numbers,
    spellings,
)
from deltaflow.data.tables.selection import Selection, select
from deltaflow.data.tables.words import word
from deltaflow.nn.task import Classification, Regression
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
        The samples, with what their features were made of, and how they were read.

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
    selection = select(file, target, features, drop)
    read = _read(file, selection)
    kind, labels = read.pop(selection.target)
    values, codes = classes(labels)
    is_classification = _is_classification(kind, values, codes, task, selection)
    columns, matrix = _encode(read, path, len(codes))
    if not matrix.shape[1]:
        raise UserError(
            f"A network needs a column to predict `{brief(selection.target)}` from. Found none in "
            f"{literal(path)} that is in use and has two values. Give it more of `data.features`."
        )
    by_name = {column.name: column for column in columns}
    described = tuple(
        by_name.get(name) or Column(name, None, left_out=selection.left_out[name])
        for name in file.names
        if name != selection.target
    )
    reading = Reading(path, len(codes), selection.target, described, target_kind=kind)
    if is_classification:
        words = [word(value) for value in values]
        samples = Samples.classes(matrix, codes, words)
        counts = dict(zip(words, np.bincount(codes).tolist(), strict=True))
        reading = dataclasses.replace(reading, class_counts=counts)
    else:
        numbers = np.asarray(labels, dtype=np.float64)
        samples = Samples.numbers(matrix, numbers, [literal(selection.target)])
        ends = float(numbers.min()), float(numbers.max())
        reading = dataclasses.replace(reading, target_range=ends)
    numeric = _numeric(columns)
    _warn(columns, matrix if numeric.all() else matrix[:, numeric], samples, selection)
    return dataclasses.replace(samples, columns=described, reading=reading)


def _read(file: TableFile, selection: Selection) -> dict[str, tuple[Kind, Content]]:
    """What each column holds; all that is wrong with any of them comes in one message."""
    names = [selection.target, *selection.features]
    unread = list(zip(names, file.read(names), strict=True))[::-1]
    read: dict[str, tuple[Kind, Content]] = {}
    problems: list[Problem] = []
    while unread and len(problems) < MANY:  # emptied, so that a large table is not held twice
        name, raw = unread.pop()
        try:
            kind, content = read_column(name, raw)
            if name != selection.target and isinstance(content, Texts) and len(content.values) > 1:
                refuse_identifiers(name, content.values, content.codes)
            read[name] = kind, content
        except UnusableColumnError as error:
            problems.append(error.problem)
    if problems:
        raise UserError(describe(problems, selection))
    if file.separator is not None:
        contents = {name: content for name, (_, content) in read.items()}
        refuse_data_for_header(file.path, file.names, contents)
    return read


def _is_classification(
    kind: Kind,
    values: Sequence[float | bool | str],
    codes: Array,
    task: str | None,
    selection: Selection,
) -> bool:
    """Whether the different values of the target, of which each row has one, are classes."""
    target, path = selection.target, literal(selection.path)
    if len(values) == 1:
        raise UserError(
            f"A target must have at least two values. Found `{brief(word(values[0]))}` in each of "
            f"the {len(codes)} rows of {cell(target)} of {path}. Choose another `data.target`."
        )
    if task == "regression" and kind is Kind.CATEGORY:
        raise UserError(
            f"`data.task=regression` needs a target of numbers. Found "
            f"`{brief(str(values[codes[0]]))}` in {cell(target, 0)} of {path}. Use "
            "`data.task=null`, or choose another `data.target`."
        )
    few = len(values) <= MAX_NUMERIC_CLASSES and 2 * len(values) <= len(codes)
    is_whole = kind is Kind.NUMBER and all(float(value).is_integer() for value in values)
    if task == "regression" or (task is None and kind is Kind.NUMBER and not (few and is_whole)):
        return False
    try:
        refuse_identifiers(target, values, codes)
    except UnusableColumnError as error:
        raise UserError(describe([error.problem], selection)) from None
    return True


def _encode(
    read: dict[str, tuple[Kind, Content]], path: str, n_rows: int
) -> tuple[list[Column], Array]:
    """The features, and the inputs that they give, ``[n_rows, n_inputs]``.

    What was read is emptied on the way, so that a large table is not held twice.
    """
    columns = [_column(name, kind, content) for name, (kind, content) in read.items()]
    n_inputs = sum(column.n_inputs for column in columns)
    advice = "Leave columns of many categories out with `data.drop`."
    require(8 * n_rows * n_inputs, "The table", f"{n_rows} rows of {literal(path)}", advice)
    contents = ((column, read.pop(column.name)[1]) for column in columns)
    return columns, encode(contents, n_rows, n_inputs)


def _column(name: str, kind: Kind, content: Content) -> Column:
    if isinstance(content, Texts):
        n_values, first = len(content.values), content.values[0]
    else:
        n_values, first = 1 if (content == content[0]).all() else 2, content[0].item()
    if n_values == 1:
        return Column(name, kind, left_out=f"always {brief(word(first))}")
    if isinstance(content, Texts):
        return Column(name, kind, n_values, categories=tuple(sorted(content.values)))
    return Column(name, kind, 1)


def _numeric(columns: Sequence[Column]) -> Array:
    """Which inputs are numbers, ``[n_inputs]``."""
    are_numbers = [column.kind is Kind.NUMBER for column in columns]
    return np.repeat(are_numbers, [column.n_inputs for column in columns])


def _warn(
    columns: Sequence[Column], numbers: Array, samples: Samples, selection: Selection
) -> None:
    """Say what may well be a mistake in the numbers, and can be trained on all the same."""
    names = [column.name for column in columns if column.kind is Kind.NUMBER and column.n_inputs]
    is_curve = samples.features.shape[1] == 1  # whose points may well be numbered
    far = outliers(names, numbers)
    if isinstance(samples.task, Regression):
        far += outliers([selection.target], samples.targets)
    alike = [p for column in columns for p in spellings(column.name, column.categories or ())]
    if isinstance(samples.task, Classification):
        alike += spellings(selection.target, samples.task.classes)
    for problems in ([] if is_curve else row_numbers(names, numbers), far, alike):
        if problems:
            warnings.warn(describe(problems[:MANY], selection), stacklevel=3)
