"""Finds values in a table that may be mistakes but can be trained on."""

from collections.abc import Iterator, Sequence

import numpy as np

from deltaflow.data.columns import Array
from deltaflow.data.tables.problems import Problem, ProblemKind
from deltaflow.system.escaping import brief

_FAR = 1000  # an outlier is this many times as far from the median as the other values
_FEW_ROWS = 50  # with fewer rows, no value is called an outlier
_IDENTIFYING = ("id", "index", "row", "number", "nr")  # last words of identifiers' names
_CELLS = 2_000_000  # cells that are copied at the same time


def row_numbers(names: Sequence[str], numbers: Array) -> list[Problem]:
    """Find inputs that number the rows, or are sorted and have the name of an identifier.

    Rows are often sorted by class, so such an input reveals the class.

    Args:
        names: names of the inputs.
        numbers: ``[n_rows, n_inputs]``.
    """
    if len(numbers) < 3:
        return []
    found = []
    for first, block in _blocks(numbers):
        steps = np.diff(block, axis=0)
        are_counts = (np.abs(steps[0]) == 1) & (steps == steps[0]).all(axis=0)
        here = names[first : first + block.shape[1]]
        are_named_so = np.array([name.lower().endswith(_IDENTIFYING) for name in here])
        found_here = are_counts | ((steps > 0).all(axis=0) & are_named_so)
        for k in np.flatnonzero(found_here).tolist():
            ends = f"{block[0, k]:.15g}, {block[1, k]:.15g} to {block[-1, k]:.15g}"
            found.append(Problem(ProblemKind.ROW_NUMBER, names[first + k], ends))
    return found


def spellings(column: str, categories: Sequence[str]) -> list[Problem]:
    """Find the first categories of a column that differ only in spaces and capitals."""
    alike: dict[str, list[str]] = {}
    for category in sorted(categories):
        alike.setdefault(" ".join(category.split()).casefold(), []).append(category)
    several = next((some for some in alike.values() if len(some) > 1), None)
    if several is None:
        return []
    found = " and ".join(f"`{brief(category)}`" for category in several)
    return [Problem(ProblemKind.SPELLINGS, column, found, note="spaces and capitals tell apart")]


def outliers(names: Sequence[str], numbers: Array) -> list[Problem]:
    """Find the value in each column that is farthest from the others, if it is an outlier.

    Args:
        names: names of the columns.
        numbers: ``[n_rows, n_columns]``.
    """
    n = len(numbers)
    if n < _FEW_ROWS:
        return []
    found, k_rest = [], n - 1 - max(1, n // 20)
    for first, block in _blocks(numbers):
        middle = np.median(block, axis=0)
        distances = np.abs(block - middle)
        rest = np.partition(distances, k_rest, axis=0)[k_rest]
        is_far = (rest > 0) & (distances.max(axis=0) > _FAR * rest)
        for k in np.flatnonzero(is_far).tolist():
            row = int(distances[:, k].argmax())
            note = f"95 of 100 lie within {rest[k]:g} of {middle[k]:g}"
            problem = Problem(
                ProblemKind.OUTLIER, names[first + k], f"{block[row, k]:g}", row, note
            )
            found.append(problem)
    return found


def _blocks(numbers: Array) -> Iterator[tuple[int, Array]]:
    """A matrix in blocks of columns, each with the index of its first column."""
    width = max(1, _CELLS // len(numbers))
    for first in range(0, numbers.shape[1], width):
        yield first, numbers[:, first : first + width]
