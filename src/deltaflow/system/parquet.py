"""Reads Parquet files that are not trusted, in a separate process.

That process imports this module, so it imports little.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from deltaflow.system.isolation import call

_LONGEST_FOOTER = 2**28  # bytes of a file's metadata


@dataclass(frozen=True)
class Footer:
    """The metadata at the end of a file, which may be wrong.

    Attributes:
        types: type of each column by name, in order.
        n_rows: number of rows.
    """

    types: Mapping[str, pl.DataType]
    n_rows: int


def footer(file: BinaryIO | Path, longest: int = _LONGEST_FOOTER) -> Footer:
    """Read the metadata of a file. An open file is at its beginning afterwards.

    Args:
        file: the file, or its path.
        longest: largest size of the metadata in bytes.

    Raises:
        ValueError: if there is no metadata, or it is larger.
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


def describe(path: Path) -> tuple[list[str], int]:
    """The names of a file's columns, in order, and the number of rows in its metadata.

    Raises:
        FailedError: if the file is damaged.
    """
    names, n_rows = call(_describe, str(path))
    return list(names), int(n_rows)


def read_columns(path: Path, places: Sequence[int]) -> list[pl.Series]:
    """Read some columns of a file.

    Args:
        path: path of the file.
        places: positions of the columns, from 0; polars would take a name such as * for a
            pattern.

    Returns:
        A series per position, in the same order.

    Raises:
        FailedError: if the file is damaged.
    """
    order = sorted(set(places))
    frame: pl.DataFrame = call(_read_columns, str(path), order, n_bytes=path.stat().st_size)
    columns = dict(zip(order, frame.get_columns(), strict=True))
    return [columns[place] for place in places]


def _describe(path: str) -> tuple[list[str], int]:
    found = footer(Path(path))
    return list(found.types), found.n_rows


def _read_columns(path: str, places: list[int]) -> pl.DataFrame:
    return pl.read_parquet(Path(path), columns=places, glob=False)
