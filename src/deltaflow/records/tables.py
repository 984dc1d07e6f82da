"""Tables on disk: written in chunks while a run is going, consolidated at its end."""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic

import polars as pl

from deltaflow.records.files import UnusableFileError, make_folder, open_file, replace_file
from deltaflow.records.schema import Schema

CHUNKS = "records"
"""The folder of a run under way that holds the chunks of its tables."""
LARGEST = 2**40  # bytes of a table


class TableWriter:
    """Collects rows of one table and writes them out now and then.

    Whatever happens, and however often, no row is lost that was written once: rows are forgotten
    only when they are in a chunk, and chunks are removed only when the whole table is there.

    Args:
        directory: the run directory.
        schema: of the table.
        flush_seconds: rows older than this are written with the next ones; what a killed
            run loses at most, but for the step it was in.

    Attributes:
        n_lost: rows of chunks that could not be read again.
    """

    def __init__(self, directory: Path, schema: Schema, flush_seconds: float) -> None:
        self.directory = directory
        self.schema = schema
        self.flush_seconds = flush_seconds
        self.n_lost = 0
        self._frames: list[pl.DataFrame] = []
        self._chunks: dict[str, int] = {}  # written and not consolidated, with their rows
        self._n_named = 0  # chunks that were begun, written or not
        self._flushed_at = monotonic()

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Args:
            frame: rows that obey the schema.

        Raises:
            ValueError: if they do not.
        """
        self._frames.append(self.schema.check(frame))
        if monotonic() - self._flushed_at > self.flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Write what has come since the last time as a chunk of its own."""
        self._flushed_at = monotonic()
        if self._frames:
            make_folder(self.directory / CHUNKS)
            name, rows = self._chunk(self._n_named), pl.concat(self._frames)
            self._n_named += 1
            replace_file(self.directory / name, parquet(rows))
            self._chunks[name] = len(rows)
            self._frames = []

    def close(self) -> None:
        """Consolidate: one file, rows in the order of the key, chunks removed.

        It may be called again, after a failure or an interruption too; rows that are in the
        file stay there.

        Raises:
            OSError: if the file cannot be written; the chunks are there then.
            ValueError: if the file is there and not such a table.
        """
        name = f"{self.schema.name}.parquet"
        path = self.directory / name
        if path.exists() and not (self._chunks or self._frames):
            return
        before = [read_part(self.directory, name, self.schema)] if path.exists() else []
        chunks = {chunk: self._read(chunk) for chunk in self._chunks}
        known = [frame for frame in chunks.values() if frame is not None]
        rows = pl.concat([*before, *known, *self._frames, self.schema.frame({})])
        # An interruption may have left rows in two places.
        whole = rows.unique(self.schema.key, keep="first").sort(self.schema.key)
        replace_file(path, parquet(whole))
        self._frames = []
        self.n_lost += sum(self._chunks[chunk] for chunk, frame in chunks.items() if frame is None)
        self._chunks = {}
        for chunk in map(self._chunk, range(self._n_named)):
            if chunks.get(chunk, rows) is not None:  # one that is damaged may be mended by hand
                (self.directory / chunk).unlink(missing_ok=True)
        with suppress(OSError):  # it holds another table's chunks, or is gone
            (self.directory / CHUNKS).rmdir()

    def _chunk(self, number: int) -> str:
        return f"{CHUNKS}/{self.schema.name}-{number:05d}.parquet"

    def _read(self, chunk: str) -> pl.DataFrame | None:
        """The rows of a chunk; ``None``, and a warning, if it is not as it was written."""
        try:
            return read_part(self.directory, chunk, self.schema)
        except (OSError, ValueError) as error:
            _warn_of_loss(error)
            return None


def read_table(directory: Path, schema: Schema) -> pl.DataFrame:
    """A table of a run that has ended, is going, or was killed.

    Args:
        directory: the run directory.
        schema: of the table.

    Returns:
        The rows in the order of the key; none if none were written.

    Raises:
        ValueError: if a file there is not such a table.
    """
    frames = _read_parts(directory, schema, read_part)
    return pl.concat(frames).sort(schema.key) if frames else schema.frame({})


def read_columns(directory: Path, schema: Schema, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a table of a run that has ended, is going, or was killed.

    Much quicker than the whole table. Columns that the files lack, as those of an earlier
    version do, are null.

    Args:
        directory: the run directory.
        schema: of the table.
        columns: names.

    Returns:
        The rows, in no order; none if none were written.

    Raises:
        ValueError: if a file there is not such a table.
    """
    types = {name: schema.types[name] for name in columns}
    frames = _read_parts(directory, schema, partial(_columns, types=types))
    return pl.concat(frames) if frames else pl.DataFrame(schema=types)


def parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the content of a Parquet file; polars has no OSError for a full disk."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def read_part(directory: Path, name: str, schema: Schema) -> pl.DataFrame:
    """One of the files of a table.

    Args:
        directory: the run directory.
        name: of the file, as seen from there.
        schema: of the table.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is not such a table.
    """
    with _as_table(directory / name, schema), open_file(directory, name, LARGEST) as file:
        return schema.check(pl.read_parquet(file))


def _columns(
    directory: Path, name: str, schema: Schema, types: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    with _as_table(directory / name, schema), open_file(directory, name, LARGEST) as file:
        there = pl.read_parquet_schema(file)
        file.seek(0)
        frame = pl.read_parquet(file, columns=[column for column in types if column in there])
        absent = [pl.lit(None, kind).alias(n) for n, kind in types.items() if n not in there]
        return frame.with_columns(absent).select(list(types)).cast(dict(types))  # type: ignore[arg-type]


@contextmanager
def _as_table(path: Path, schema: Schema) -> Iterator[None]:
    """Say of whatever is raised within that a file is not a table."""
    try:
        yield
    except (FileNotFoundError, UnusableFileError):
        raise
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"{path} must be a Parquet file of the table `{schema.name}`. Found one that cannot "
            f"be read: {error}. Delete it, or run again."
        ) from error


def _read_parts(
    directory: Path, schema: Schema, read: Callable[[Path, str, Schema], pl.DataFrame]
) -> list[pl.DataFrame]:
    """What is read of each of a table's files: one, or its chunks, each for itself."""
    whole = f"{schema.name}.parquet"
    for attempt in ("first", "last"):
        if (directory / whole).exists():
            return [read(directory, whole, schema)]
        frames = []
        try:
            for chunk in sorted((directory / CHUNKS).glob(f"{schema.name}-[0-9]*.parquet")):
                try:
                    frames.append(read(directory, f"{CHUNKS}/{chunk.name}", schema))
                except ValueError as error:
                    _warn_of_loss(error)
            return frames
        except FileNotFoundError:  # a run has just made one table of its chunks
            if attempt == "last":
                raise
    return []


def _warn_of_loss(error: Exception) -> None:
    warnings.warn(f"Rows are lost. {error}", stacklevel=3)
