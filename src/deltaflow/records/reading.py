"""Reads tables, whole or in chunks. Files are not trusted: they are checked before they are read.

A table that another process wrote is decoded in a separate process, because a damaged file can
crash the decoder.
"""

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from deltaflow.records.schema import LAYERS, METRICS, Schema
from deltaflow.records.trust import is_trusted
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.system.files import UnusableFileError, folders, open_file
from deltaflow.system.isolation import UnavailableError, call
from deltaflow.system.memory import require_memory
from deltaflow.system.parquet import footer

CHUNKS = "records"
"""The folder in a run directory that holds the chunks of tables during the run."""

_LARGEST = 2**32  # bytes of a file
_LONGEST_FOOTER = 2**24  # bytes of a file's metadata
_MAX_COLUMNS = 1000
_ROWS = 1_000_000  # allowed in any file, because equal rows compress to almost nothing
_ROWS_PER_BYTE = 100  # allowed in addition
_CELL = 24  # bytes of memory per value: the value and two temporary copies
_MAX_VALUES_OF = {"layer": 100_000}  # the largest value of a column
_GREATEST = 2**62  # the largest value of other columns of whole numbers
_SPLITS = ("train", "validation", "test")
_LONGEST_REASON = 300  # characters


def read_table(directory: Path, schema: Schema, *, is_own: bool = False) -> pl.DataFrame:
    """Read a table of a run that has ended, is still training, or was killed.

    A column that the files lack, because an earlier version wrote them, is null.

    Args:
        directory: the run directory.
        schema: the schema of the table.
        is_own: whether this process has written the table, so that it need not be read in a
            separate process. A file passed to :func:`trust_file` is recognised without this.

    Returns:
        The rows, sorted by the key; no rows if nothing was written.

    Raises:
        ValueError: if a file is not a table of this schema.
    """
    frames = _read_parts(directory, schema, schema.types, is_own)
    return schema.sort(pl.concat(frames)) if frames else schema.frame({})


def read_columns(directory: Path, schema: Schema, columns: Sequence[str]) -> pl.DataFrame:
    """Read some columns of a table, which is much faster than reading all.

    Args:
        directory: the run directory.
        schema: the schema of the table.
        columns: names of the columns; one that the files lack is null.

    Returns:
        The rows, in no particular order; no rows if nothing was written.

    Raises:
        ValueError: if a file is not a table of this schema.
    """
    types = {name: schema.types[name] for name in columns}
    frames = _read_parts(directory, schema, types, is_own=False)
    return pl.concat(frames, rechunk=True) if frames else pl.DataFrame(schema=types)


def read_part(directory: Path, name: str, schema: Schema) -> pl.DataFrame:
    """Read one file of a table that this process is writing.

    Args:
        directory: the run directory.
        name: path of the file relative to ``directory``.
        schema: the schema of the table.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a table of this schema.
    """
    return _read(directory, name, schema, schema.types, is_own=True)


def warn_of_loss(error: Exception) -> None:
    """Warn that a chunk cannot be read, and that its rows are lost."""
    warnings.warn(f"Rows are lost. {error}", stacklevel=3)


def _read_parts(
    directory: Path, schema: Schema, types: Mapping[str, pl.DataType], is_own: bool
) -> list[pl.DataFrame]:
    """Read some columns from the whole table, or else from each of its chunks.

    A run that ends writes the whole table and then removes the chunks. If the whole table appears
    while chunks are read, some of them may have been missed, so the whole table is read.
    """
    whole = f"{schema.name}.parquet"
    if not os.path.lexists(directory / whole):
        frames: list[pl.DataFrame] = []
        for name in chunk_names(directory, schema):
            try:
                n_held = sum(int(frame.estimated_size()) for frame in frames)
                frames.append(_read(directory, name, schema, types, is_own, n_held))
            except FileNotFoundError:
                continue
            except UnavailableError:
                raise
            except ValueError as error:
                warn_of_loss(error)
        if not os.path.lexists(directory / whole):
            return frames
    return [_read(directory, whole, schema, types, is_own)]


def chunk_names(directory: Path, schema: Schema) -> list[str]:
    """Paths of a table's chunks, relative to the run directory."""
    if directory / CHUNKS not in folders(directory):
        return []
    chunk = re.compile(rf"{schema.name}-[0-9]+\.parquet")
    names = sorted(filter(chunk.fullmatch, os.listdir(directory / CHUNKS)))
    return [f"{CHUNKS}/{name}" for name in names]


def _read(
    directory: Path,
    name: str,
    schema: Schema,
    types: Mapping[str, pl.DataType],
    is_own: bool,
    n_held: int = 0,
) -> pl.DataFrame:
    """Read some columns of a file.

    Args:
        directory: the run directory.
        name: path of the file relative to ``directory``.
        schema: the schema of the table.
        types: types of the columns, by name.
        is_own: whether this process has written the file.
        n_held: bytes of the table's other files that are in memory.
    """
    with _as_table(directory / name, schema):
        if is_own or is_trusted(directory / name):
            return _decoded(directory, name, schema, types, n_held)
        question = (str(directory), name, schema.name, list(types), n_held)
        size = (directory / name).lstat().st_size
        kept = (FileNotFoundError, UnusableFileError)
        frame: pl.DataFrame = call(_decoded_by_name, *question, n_bytes=size, errors=kept)
        return frame


def _decoded_by_name(
    directory: str, name: str, table: str, columns: Sequence[str], n_held: int
) -> pl.DataFrame:
    """Call :func:`_decoded` with arguments that JSON can hold, in another process."""
    schema = {schema.name: schema for schema in (LAYERS, METRICS)}[table]
    types = {column: schema.types[column] for column in columns}
    return _decoded(Path(directory), name, schema, types, n_held)


def _decoded(
    directory: Path, name: str, schema: Schema, types: Mapping[str, pl.DataType], n_held: int
) -> pl.DataFrame:
    """Read some columns of a file; check its metadata before, and the values after."""
    with open_file(directory, name, _LARGEST) as file:
        found = footer(file, _LONGEST_FOOTER)
        there, n_rows = found.types, found.n_rows
        if len(there) > _MAX_COLUMNS:
            raise ValueError(f"it has {len(there):,} columns")
        for column, kind in types.items():
            if there.get(column, kind) != kind:
                raise ValueError(f"`{column}` is {there[column]}, not {kind}")
        advice = "Leave the run out"
        if n_rows > _ROWS + _ROWS_PER_BYTE * (size := os.fstat(file.fileno()).st_size):
            raise ValueError(f"{n_rows:,} rows in {size:,} bytes are none that a run has measured")
        needed = (c.name for c in schema.columns if not c.nullable and c.default is None)
        if missing := [column for column in needed if column not in there]:
            raise ValueError(f"it has no column {', '.join(missing)}")
        require_memory(n_held + n_rows * len(types) * _CELL, "A table", f"{n_rows:,} rows", advice)
        frame = pl.read_parquet(file, columns=[column for column in types if column in there])
        absent = [c.absent for c in schema.columns if c.name in types and c.name not in there]
        return _checked(frame.with_columns(absent).select(list(types)), schema)


@contextmanager
def _as_table(path: Path, schema: Schema) -> Iterator[None]:
    """Turn errors raised inside into one that says that the file is not a table."""
    try:
        yield
    except (FileNotFoundError, UnusableFileError, UnavailableError):
        raise
    except (OSError, ValueError, PolarsError, PanicException) as error:  # panics: BaseException
        said = literal(" ".join(str(error).split()))[:_LONGEST_REASON].rstrip(".")
        raise UserError(
            f"{literal(str(path))} must be a Parquet file of the table `{schema.name}`. Found one "
            f"that cannot be read: {said}. Delete it, or run again."
        ) from error


def _checked(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Check the columns that may not be null, and return the frame.

    Raises:
        ValueError: if a value is missing or out of range, or two rows have the same key.
    """
    for column in schema.columns:
        if column.nullable or column.name not in frame.columns:
            continue
        values = frame[column.name]
        if values.null_count():
            raise ValueError(f"`{column.name}` is null in some row")
        if column.dtype == pl.Int64:
            most = _MAX_VALUES_OF.get(column.name, _GREATEST)
            if not values.is_between(0, most).all():
                raise ValueError(f"`{column.name}` is not from 0 to {most:,} in some row")
        elif not values.is_in(_SPLITS).all():
            raise ValueError(f"`{column.name}` is not one of {', '.join(_SPLITS)} in some row")
    keyed = set(schema.key) <= set(frame.columns) and not schema.is_in_order(frame)
    if keyed and frame.select(schema.key).is_duplicated().any():
        raise ValueError(f"two rows have the same {', '.join(schema.key)}")
    return frame
