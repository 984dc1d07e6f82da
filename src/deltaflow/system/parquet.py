"""Parquet files of anybody: what is in them, asked of a process of its own.

This module is imported there, and imports no more than that takes.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from deltaflow.system.isolation import call

_LONGEST_FOOTER = 2**28  # bytes that say what is in a file


@dataclass(frozen=True)
class Footer:
    """What a file says at its end of itself, true or not.

    Attributes:
        types: of its columns by name, in order.
        n_rows: how many rows each has.
    """

    types: Mapping[str, pl.DataType]
    n_rows: int


def footer(file: BinaryIO | Path, longest: int = _LONGEST_FOOTER) -> Footer:
    """Read the end of a file. An open one is at its beginning then.

    Args:
        file: with the file's content.
        longest: bytes that the end may have.

    Raises:
        ValueError: if there is no such end, or it is longer.
    """
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - 8))
        length, mark = int.from_bytes(content.read(4), "little"), content.read()
        if mark != b"PAR1" or length > longest:
            raise ValueError("its end is not that of a Parquet file")
        content.seek(0)
        frame = pl.scan_parquet(file, glob=False)
        types = frame.collect_schema()
        n_rows = int(frame.select(pl.len()).collect().item())
        content.seek(0)
        return Footer(types, n_rows)


def look(path: Path) -> tuple[list[str], int]:
    """The names of a file's columns, in order, and how many rows it says it has.

    Raises:
        FailedError: if it is damaged.
    """
    names, n_rows = call(_look, str(path))
    return list(names), int(n_rows)


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


def _look(path: str) -> tuple[list[str], int]:
    found = footer(Path(path))
    return list(found.types), found.n_rows


def _read(path: str, places: list[int]) -> pl.DataFrame:
    return pl.read_parquet(Path(path), columns=places, glob=False)
