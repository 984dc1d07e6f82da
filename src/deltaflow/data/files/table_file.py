"""Opens and reads files of tables: delimited text and Parquet."""

import difflib
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deltaflow.data.columns import Array
from deltaflow.data.files.delimited import (
    Texts,
    best_separator,
    first_records,
    local_path,
    read_columns,
)
from deltaflow.data.files.formats import (
    refuse_doubled_names,
    refuse_other_kinds,
    refuse_other_layouts,
)
from deltaflow.system import parquet
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.system.isolation import FailedError
from deltaflow.system.memory import require_memory

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
PACKED = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")
MAX_ROWS = 100_000_000  # because a Parquet file of a few bytes can claim any number
_CELL = 16  # bytes of memory that a value takes while samples are built, at least
_DAMAGED = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, FailedError)


@dataclass(frozen=True)
class TableFile:
    """A file with a table, whose header has been read.

    Attributes:
        path: path of the file, as the user gave it.
        names: names of the columns, in order; of a text file without surrounding spaces.
        separator: separator of a text file; ``None`` for Parquet.
        n_rows: number of rows by a Parquet file's metadata.
    """

    path: str
    names: tuple[str, ...]
    separator: str | None
    n_rows: int = 0

    def read(
        self, columns: Sequence[str], as_texts: Collection[str] = ()
    ) -> list[Array | Texts] | list[pl.Series]:
        """Read some columns; blank lines of a text file are skipped.

        Args:
            columns: names of the columns.
            as_texts: columns of a text file that are returned as texts even if all are numbers.

        Returns:
            For each column its numbers or texts; for Parquet a polars series.

        Raises:
            ValueError: if the file is damaged, has rows of different lengths, is not UTF-8, has
                no rows, or has more than fit into memory.
        """
        place_of = {name: k for k, name in enumerate(self.names)}
        places = [place_of[name] for name in columns]
        read: list[Array | Texts] | list[pl.Series]
        with _damage_reported(self.path):
            if self.separator is None:
                read = _read_parquet(self.path, self.n_rows, places)
            else:
                _require(local_path(self.path).stat().st_size, literal(self.path))
                texts = [k for k, name in enumerate(columns) if name in as_texts]
                read = read_columns(self.path, self.separator, len(self.names), places, texts)
        if not len(read[0]):
            raise UserError(
                f"A table must have rows below its header. Found none in {literal(self.path)}. "
                "Name a file with data."
            )
        return read


def open_table(path: str) -> TableFile:
    """Open a table and read its header.

    Args:
        path: path of a file, absolute or relative to the working directory; ``~`` is the home
            directory.

    Raises:
        ValueError: if the file cannot be read, is of an unknown kind, or its header is missing or
            has two equal names.
    """
    file = local_path(path)
    with _damage_reported(path):
        _refuse_path(path, file)
        if file.suffix.lower() in PARQUET:
            names, n_rows = parquet.describe(file)
            return TableFile(path, tuple(names), None, n_rows)
        return _open_text(path)


def _read_parquet(path: str, n_rows: int, places: Sequence[int]) -> list[pl.Series]:
    """Read columns of a Parquet file, whose metadata is not trusted."""
    file = local_path(path)
    found = f"{n_rows:,} rows of {literal(path)}"
    if n_rows > MAX_ROWS:
        raise UserError(f"A table must have at most {MAX_ROWS:,} rows. Found {found}. Use fewer.")
    _require(_CELL * n_rows * len(places), found)
    return parquet.read_columns(file, places)


def _require(n_bytes: int, found: str) -> None:
    advice = "Use fewer rows, or fewer columns with `data.features`."
    require_memory(n_bytes, "The table", found, advice)


def _refuse_path(path: str, file: Path) -> None:
    """Refuse a path that is not a file of a known kind (``ValueError``)."""
    if not os.path.exists(file):
        folder = file.absolute().parent
        if os.path.lexists(file):
            raise UserError(
                f"A table must be a file. Found {literal(path)}, a link that leads to none. Name "
                "what it should lead to."
            )
        there = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        nearest = difflib.get_close_matches(file.name, there, n=1)
        advice = f"Did you mean {literal(nearest[0])}?" if nearest else "Check folder and name."
        raise UserError(
            f"A table must be a file that exists. Found no {literal(file.name)} in "
            f"{literal(str(folder))}. {advice}"
        )
    if not file.is_file():
        kind = "the folder" if file.is_dir() else "no regular file:"
        raise UserError(f"A table must be a file. Found {kind} {literal(path)}. Name a table.")
    if file.suffix.lower() not in (*TEXT, *PARQUET):
        packed = file.suffix.lower() in PACKED
        advice = "Decompress it first." if packed else "Save the table as CSV or Parquet."
        raise UserError(
            f"A table must have a name that ends in {', '.join((*TEXT, *PARQUET))}. Found "
            f"{literal(path)}. {advice}"
        )


def _open_text(path: str) -> TableFile:
    refuse_other_kinds(path)
    heads = first_records(path)
    if not heads[","]:
        raise UserError(
            f"A table must have a header and rows. Found nothing in {literal(path)}. "
            "Name a file with data."
        )
    refuse_other_layouts(path, heads)
    separator = best_separator(heads)
    names = [name.strip() for name in heads[separator][0]]
    refuse_doubled_names(path, names)
    return TableFile(path, tuple(names), separator)


@contextmanager
def _damage_reported(path: str) -> Iterator[None]:
    """Turn errors of a damaged file into one that says that the table cannot be read."""
    try:
        yield
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: BaseException) -> UserError:
    reason = literal(str(error).partition("\n")[0].rstrip(".")) or type(error).__name__
    return UserError(
        f"A table must be a table that can be read. Found {literal(path)}: {reason}. "
        "Save it anew as CSV (UTF-8) or Parquet."
    )
