"""Parquet files of anybody: what is in them, asked of a process of its own.

This module is imported there, and imports no more than that takes.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from deltaflow.system.isolation import call


def column_names(path: Path) -> list[str]:
    """The names of a file's columns, in order.

    Args:
        path: of the file.

    Raises:
        FailedError: if it is damaged.
    """
    return list(call(_column_names, str(path)))


def count_rows(path: Path) -> int:
    """How many rows a file says it has.

    Args:
        path: of the file.

    Raises:
        FailedError: if it is damaged.
    """
    return int(call(_count_rows, str(path)))


def read(path: Path, places: Sequence[int]) -> list[pl.Series]:
    """Some columns of a file.

    Args:
        path: of the file.
        places: of the columns, from 0. A name such as * would be a pattern.

    Returns:
        A series for each, in the order of the places.

    Raises:
        FailedError: if it is damaged.
    """
    order = sorted(set(places))
    frame: pl.DataFrame = call(_read, str(path), order, n_bytes=path.stat().st_size)
    columns = dict(zip(order, frame.get_columns(), strict=True))
    return [columns[place] for place in places]


def _column_names(path: str) -> list[str]:
    return list(pl.scan_parquet(Path(path), glob=False).collect_schema())


def _count_rows(path: str) -> int:
    return int(pl.scan_parquet(Path(path), glob=False).select(pl.len()).collect().item())


def _read(path: str, places: list[int]) -> pl.DataFrame:
    return pl.read_parquet(Path(path), columns=places, glob=False)
