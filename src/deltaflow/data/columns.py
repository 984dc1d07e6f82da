"""How the columns of a table were read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import numpy as np

Array = np.typing.NDArray[Any]
GREATEST = 3e38
"""About the largest number in single precision."""
FINITE = f"Every number must be finite, in single precision too: at most {GREATEST:g} in magnitude."
"""The rule for every number of the data, as messages tell it."""
MAX_COLUMNS = 1_000_000
"""Greatest number of columns, inputs or categories in a preprocessing that is read from a file."""


class Kind(StrEnum):
    """The kind of values in a column."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "true/false"
    ORDER = "ordered category"
    DATE = "date"

    @property
    def is_numeric(self) -> bool:
        """Whether the column's inputs are standardised, and gaps are filled with the median."""
        return self in (Kind.NUMBER, Kind.ORDER, Kind.DATE)


@dataclass(frozen=True)
class Column:
    """How a column was read.

    Attributes:
        name: name in the file.
        kind: the kind of its values; ``None`` if it was not read.
        n_inputs: number of the network's inputs that it gives; 0 if it is left out.
        left_out: why it is left out; empty if it is used.
        categories: the categories in the order of the inputs. Two categories give one input, which
            is 1 for the second.
        form: format of dates, for ``strptime``.
        has_indicator: whether the last input is an indicator, which is 1 where there is a gap.
    """

    name: str
    kind: Kind | None
    n_inputs: int = 0
    left_out: str = ""
    categories: Annotated[Sequence[str], MAX_COLUMNS] = ()
    form: str = ""
    has_indicator: bool = False

    @property
    def n_values(self) -> int:
        """Number of inputs without the indicator."""
        return self.n_inputs - self.has_indicator


@dataclass(frozen=True)
class Reading:
    """How a table was read.

    Attributes:
        path: path of the file, as the user gave it.
        n_rows: number of rows that are used.
        targets: names of the columns to predict.
        columns: all other columns, in the order of the file.
        class_counts: number of rows of each class, by name; empty for a regression.
        target_ranges: the smallest and the largest value of each numeric target.
        target_kind: the kind of the target's values.
        rows: for each used row its data row in the file, from 0; ``None`` if all are used.
        n_rows_left_out: number of rows that were left out because of a gap.
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
        """The data row of the file, from 0, of a row of the samples."""
        return row if self.rows is None else int(self.rows[row])

    def record(self) -> dict[str, Any]:
        """Convert to JSON values, for ``summary.json``."""
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
