"""Tables as files: delimited text and Parquet; what cannot be read is refused."""

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
from deltaflow.system.memory import require

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
PACKED = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")
MOST_ROWS = 100_000_000  # a file of a few bytes can say that it has any number of them
_CELL = 16  # bytes of a value, at least, from the file to the samples
_DAMAGED = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, FailedError)


@dataclass(frozen=True)
class TableFile:
    """A table that is there, with a header.

    Attributes:
        path: as it was given.
        names: of its columns, in order; of a text file without the spaces around them.
        separator: of a text file; ``None`` for Parquet.
        n_rows: that a Parquet file says it has.
    """

    path: str
    names: tuple[str, ...]
    separator: str | None
    n_rows: int = 0

    def read(
        self, columns: Sequence[str], as_texts: Collection[str] = ()
    ) -> list[Array | Texts] | list[pl.Series]:
        """The data rows of some columns; the blank lines of a text file are passed over.

        Args:
            columns: their names.
            as_texts: those of a text file that are texts, even if all of them are numbers.

        Returns:
            For each its numbers or texts; of Parquet, a series of its own type.

        Raises:
            ValueError: if the file is damaged, ragged, not in UTF-8, has no rows, or more than
                fit into memory.
        """
        place_of = {name: k for k, name in enumerate(self.names)}
        places = [place_of[name] for name in columns]
        read: list[Array | Texts] | list[pl.Series]
        with _damage_told(self.path):
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
    """Look at a table's header.

    Args:
        path: of a file, absolute or from the working directory; ``~`` is the home directory.

    Returns:
        The table.

    Raises:
        ValueError: if it is no file that can be read, of a kind that is not known, or its
            header is missing or names two columns alike.
    """
    file = local_path(path)
    with _damage_told(path):
        _refuse_path(path, file)
        if file.suffix.lower() in PARQUET:
            names, n_rows = parquet.look(file)
            return TableFile(path, tuple(names), None, n_rows)
        return _open_text(path)


def _read_parquet(path: str, n_rows: int, places: Sequence[int]) -> list[pl.Series]:
    """Columns of a file that may say of itself whatever it likes."""
    file = local_path(path)
    found = f"{n_rows:,} rows of {literal(path)}"
    if n_rows > MOST_ROWS:
        raise UserError(f"A table must have at most {MOST_ROWS:,} rows. Found {found}. Use fewer.")
    _require(_CELL * n_rows * len(places), found)
    return parquet.read(file, places)


def _require(n_bytes: int, found: str) -> None:
    advice = "Use fewer rows, or fewer columns with `data.features`."
    require(n_bytes, "The table", found, advice)


def _refuse_path(path: str, file: Path) -> None:
    """Refuse what is no file, or of a kind that is not known."""
    if not os.path.exists(file):
        folder = file.absolute().parent
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
def _damage_told(path: str) -> Iterator[None]:
    """Say of whatever is raised within for a damaged file that the table cannot be read."""
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
