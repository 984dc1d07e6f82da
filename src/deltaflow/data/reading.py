"""How a table was read: what each column was taken for, and how its places are named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deltaflow.quotation import brief as brief
from deltaflow.quotation import literal as literal


class Kind(StrEnum):
    """What a column was taken for."""

    NUMBER = "number"
    CATEGORY = "category"
    TRUTH = "true/false"


@dataclass(frozen=True)
class Column:
    """What became of a column.

    Attributes:
        name: as in the file.
        kind: what it was taken for; ``None`` if it was not looked at.
        n_inputs: how many inputs of the network it gives; 0 if it is left out.
        left_out: why, if it is.
    """

    name: str
    kind: Kind | None
    n_inputs: int = 0
    left_out: str = ""


@dataclass(frozen=True)
class Reading:
    """How a table was read.

    Attributes:
        path: of the file, as it was given.
        n_rows: its rows, without header and blank lines.
        target: the column to predict.
        columns: all others, in the order of the file.
        class_counts: rows of each class, by name; empty for a regression.
        target_range: the least and the greatest value of a numeric target, else ``None``.
    """

    path: str
    n_rows: int
    target: str
    columns: tuple[Column, ...]
    class_counts: dict[str, int] = field(default_factory=dict)
    target_range: tuple[float, float] | None = None

    def record(self) -> dict[str, Any]:
        """The same in JSON's own types, with the same words."""
        return {
            "path": self.path,
            "rows": self.n_rows,
            "target": self.target,
            "columns": [
                {
                    "name": column.name,
                    "read_as": None if column.kind is None else column.kind.value,
                    "inputs": column.n_inputs,
                    "left_out": column.left_out or None,
                }
                for column in self.columns
            ],
        }


@dataclass(frozen=True)
class Place:
    """A column of a file, as messages name it.

    Attributes:
        path: of the file, as it was given.
        column: its name.
        is_target: whether it is to be predicted, so that it cannot be dropped.
    """

    path: str
    column: str
    is_target: bool = False

    def __str__(self) -> str:
        return f"column `{brief(self.column)}` of {literal(self.path)}"

    def row(self, index: int) -> str:
        """A cell of the column; rows are counted from 1, as a person counts them.

        >>> Place("my.csv", "age").row(0)
        'column `age`, row 1 of my.csv (data rows, counted from 1)'
        """
        return (
            f"column `{brief(self.column)}`, row {index + 1} of {literal(self.path)} "
            "(data rows, counted from 1)"
        )

    @property
    def alternative(self) -> str:
        """What to do if the column cannot be mended."""
        if self.is_target:
            return "choose another `data.target`"
        return f"use `data.drop=[{brief(self.column)}]`"


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names, the first of them if they are many.

    >>> listing(["a", "b", "c"], most=2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{brief(name)}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
