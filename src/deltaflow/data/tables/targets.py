"""Infers the task from a table's target: classification, or regression of one or more numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deltaflow.data.columns import Array, Kind
from deltaflow.data.tables.column_kinds import classes, refuse_identifiers
from deltaflow.data.tables.contents import ReadColumn
from deltaflow.data.tables.parsing import value_text
from deltaflow.data.tables.problems import UnusableColumnError, cell, message_with_override
from deltaflow.data.tables.selection import Selection
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing, literal

MAX_NUMERIC_CLASSES = 20


@dataclass(frozen=True)
class TableTargets:
    """The task and the targets of a table.

    Attributes:
        task: the task, with the names of the classes or of the targets.
        targets: class indices ``[n_rows]``, or numbers ``[n_rows, n_targets]``.
        kind: the kind of the target's values.
        class_counts: number of rows of each class, by name; empty for a regression.
        ranges: the smallest and the largest value of each numeric target.
    """

    task: Task
    targets: Array
    kind: Kind
    class_counts: dict[str, int] = field(default_factory=dict)
    ranges: tuple[tuple[float, float], ...] = ()


def read_targets(
    found: Sequence[ReadColumn], task: str | None, selection: Selection
) -> TableTargets:
    """Decide whether targets are classes or numbers, and encode them.

    Args:
        found: the target columns.
        task: ``classification`` or ``regression``; ``None`` to infer it.
        selection: the selection of columns.

    Raises:
        ValueError: if the target has a single value, one of several targets is not numeric, or
            there are too many classes for the rows.
    """
    kinds = [one.kind or Kind.NUMBER for one in found]
    if len(found) == 1 and _is_classification(found[0], kinds[0], task, selection):
        values, codes = classes(found[0].content)
        words = [value_text(value) for value in values]
        counts = dict(zip(words, np.bincount(codes).tolist(), strict=True))
        return TableTargets(Classification(tuple(words)), codes.astype(np.int64), kinds[0], counts)
    others = [n for n, kind in zip(selection.targets, kinds, strict=True) if kind is Kind.CATEGORY]
    if others or (task == "classification" and len(found) > 1):
        raise UserError(
            "Several targets must be numbers, to be predicted by a regression. Found "
            f"{listing(others or selection.targets)} of {literal(selection.path)}"
            f"{'' if others else ' and `data.task=classification`'}. Choose one `data.target` to "
            "classify."
        )
    numbers = np.column_stack([np.asarray(one.content, dtype=np.float64) for one in found])
    for name, column in zip(selection.targets, numbers.T, strict=True):
        _refuse_constant(name, np.unique(column).tolist(), len(column), selection)
    names = tuple(literal(name) for name in selection.targets)
    ranges = tuple(zip(numbers.min(0).tolist(), numbers.max(0).tolist(), strict=True))
    return TableTargets(Regression(names, (1.0,) * len(names)), numbers, kinds[0], ranges=ranges)


def _is_classification(
    found: ReadColumn, kind: Kind, task: str | None, selection: Selection
) -> bool:
    """Whether the values of a single target are classes."""
    (target,), path = selection.targets, literal(selection.path)
    values, codes = classes(found.content)
    _refuse_constant(target, values, len(codes), selection)
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
        raise UserError(message_with_override([error.problem], selection)) from None
    return True


def _refuse_constant(
    target: str, values: Sequence[float | bool | str], n_rows: int, selection: Selection
) -> None:
    if len(values) == 1:
        only = brief(value_text(values[0]))
        raise UserError(
            f"A target must have at least two values. Found `{only}` in each of the {n_rows} rows "
            f"of {cell(target)} of {literal(selection.path)}. Choose another "
            "`data.target`."
        )
