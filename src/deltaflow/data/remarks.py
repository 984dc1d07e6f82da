"""What a table may well hold by mistake, and can be trained on all the same."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from deltaflow.data.reading import Place, dropping

_FAR = 1000  # times as far from the median as the others: no usual distribution has that
_FEW = 50  # rows, of which none is far off for sure


def row_numbers(columns: Sequence[pl.Series], places: Sequence[Place]) -> list[str]:
    """Remarks on inputs that only count the rows, in the order of which classes often are.

    The only input may well be what a curve is drawn over.

    Args:
        columns: of numbers in use.
        places: of these.
    """
    if len(columns) < 2:
        return []
    return [
        f"{place} counts the rows. Found {column[0]:g} in row 1 to {column[-1]:g} in row "
        f"{len(column)}, which says how the file is sorted. Use "
        f"`{dropping([*place.dropped, place.column])}`, unless that is to be learnt."
        for column, place in zip(columns, places, strict=True)
        if column[0] in (0, 1) and _counts(column)
    ]


def outlier(numbers: pl.Series, place: Place) -> str | None:
    """A remark on the number that is farthest from the others, if it is very far.

    Args:
        numbers: of a column.
        place: of it.
    """
    n = len(numbers)
    if n < _FEW:
        return None
    values = numbers.to_numpy()
    middle = np.median(values)
    distances = np.abs(values - middle)
    k = n - 1 - max(1, n // 20)
    rest, row = np.partition(distances, k)[k], int(distances.argmax())
    if not 0 < _FAR * rest < distances[row]:
        return None
    return (
        f"A number should be of the size of the others of its column. Found {values[row]:g} in "
        f"{place.row(row)}, where 95 of 100 lie within {rest:g} of {middle:g}. Correct "
        "it, or leave the row out."
    )


def _counts(column: pl.Series) -> bool:
    return bool((np.diff(column.to_numpy()) == 1).all())
