"""What became of the columns of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import numpy as np

Array = np.typing.NDArray[Any]
MOST_COLUMNS = 1_000_000
"""Columns, inputs and categories that a kept table may have at most."""


class Kind(StrEnum):
    """What a column was taken for."""

    NUMBER = "number"
    CATEGORY = "category"
    TRUTH = "true/false"
    ORDER = "ordered category"
    DATE = "date"

    @property
    def is_numeric(self) -> bool:
        """Whether its inputs are standardised, and a gap is filled with their median."""
        return self in (Kind.NUMBER, Kind.ORDER, Kind.DATE)


@dataclass(frozen=True)
class Column:
    """What became of a column.

    Attributes:
        name: as in the file.
        kind: what it was taken for; ``None`` if it was not looked at.
        n_inputs: how many inputs of the network it gives; 0 if it is left out.
        left_out: why, if it is.
        categories: of a category, in the order of its inputs; the second of two is 1.
        form: of dates in words, as ``strptime`` has it.
        has_indicator: whether its last input is 1 where it has a gap.
    """

    name: str
    kind: Kind | None
    n_inputs: int = 0
    left_out: str = ""
    categories: Annotated[Sequence[str], MOST_COLUMNS] = ()
    form: str = ""
    has_indicator: bool = False

    @property
    def n_values(self) -> int:
        """Inputs but for the indicator."""
        return self.n_inputs - self.has_indicator


@dataclass(frozen=True)
class Reading:
    """How a table was read.

    Attributes:
        path: of the file, as it was given.
        n_rows: its rows, without header, blank lines and rows that were left out.
        targets: the columns to predict.
        columns: all others, in the order of the file.
        class_counts: rows of each class, by name; empty for a regression.
        target_ranges: the least and the greatest value of each numeric target.
        target_kind: what the target was taken for.
        rows: which rows of the file they are, from 0, if some were left out for a gap.
        n_rows_left_out: how many were.
    """

    path: str
    n_rows: int
    targets: tuple[str, ...]
    columns: tuple[Column, ...]
    class_counts: dict[str, int] = field(default_factory=dict)
    target_ranges: tuple[tuple[float, float], ...] = ()
    target_kind: Kind = Kind.CATEGORY
    rows: Array | None = field(default=None, compare=False)
    n_rows_left_out: int = 0

    def file_row(self, row: int) -> int:
        """The row of the file, from 0, that a row of the samples was."""
        return row if self.rows is None else int(self.rows[row])

    def record(self) -> dict[str, Any]:
        """The same in JSON's own types, with the same words."""
        return {
            "path": self.path,
            "rows": self.n_rows,
            "rows_left_out": self.n_rows_left_out,
            "targets": list(self.targets),
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
