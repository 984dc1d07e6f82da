"""Tables on disk: written in chunks while a run is going, consolidated at its end."""

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from deltaflow.records.schema import Schema

_CHUNKS = "records"


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all.

    Args:
        path: where it will be.
        write: called with the path of a temporary file in the same folder.
    """
    with _temporary(path) as temporary:
        write(temporary)
        temporary.chmod(0o644)  # mkstemp's files are for their owner alone
        temporary.replace(path)


def create_file(path: Path, content: bytes) -> None:
    """Write a file that is not there, so that of several processes one has written it, whole.

    Args:
        path: where it will be.
        content: of the file.

    Raises:
        FileExistsError: if it is there.
    """
    with _temporary(path) as temporary:
        temporary.write_bytes(content)
        temporary.chmod(0o644)
        try:
            os.link(temporary, path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            raise
        except OSError:  # some file systems have no links
            with path.open("xb") as file:
                file.write(content)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


class TableWriter:
    """Collects rows of one table and writes them out now and then.

    Args:
        directory: the run directory.
        schema: of the table.
        flush_seconds: rows older than this are written with the next ones; what a killed
            run loses at most, but for the step it was in.
    """

    def __init__(self, directory: Path, schema: Schema, flush_seconds: float) -> None:
        self.directory = directory
        self.schema = schema
        self.flush_seconds = flush_seconds
        self._frames: list[pl.DataFrame] = []
        self._n_chunks = 0
        self._flushed_at = time.monotonic()

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Args:
            frame: rows that obey the schema.

        Raises:
            ValueError: if they do not.
        """
        self._frames.append(self.schema.check(frame))
        if time.monotonic() - self._flushed_at > self.flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Write what has come since the last time as a chunk of its own."""
        self._flushed_at = time.monotonic()
        if self._frames:
            chunk = self.directory / _CHUNKS / f"{self.schema.name}-{self._n_chunks:05d}.parquet"
            replace_file(chunk, parquet(pl.concat(self._frames)))
            self._n_chunks += 1
            self._frames = []

    def close(self) -> None:
        """Consolidate: one file, rows in the order of the key, chunks removed."""
        chunks = _chunks(self.directory, self.schema)
        frames = [*(pl.read_parquet(chunk, glob=False) for chunk in chunks), *self._frames]
        whole = pl.concat(frames) if frames else self.schema.frame({})
        target = self.directory / f"{self.schema.name}.parquet"
        replace_file(target, parquet(whole.sort(self.schema.key)))
        self._frames = []
        for chunk in chunks:
            chunk.unlink()
        folder = self.directory / _CHUNKS
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)


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
    try:
        frames = [
            schema.check(pl.read_parquet(part, glob=False)) for part in _parts(directory, schema)
        ]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(directory, schema, error) from error
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
    for attempt in ("first", "last"):
        try:
            frames = [_columns(part, types) for part in _parts(directory, schema)]
            break
        except FileNotFoundError as error:  # a run has just made one table of its chunks
            if attempt == "last":
                raise _unreadable(directory, schema, error) from error
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(directory, schema, error) from error
    return pl.concat(frames) if frames else pl.DataFrame(schema=types)


def parquet(frame: pl.DataFrame) -> Callable[[Path], object]:
    """What writes a frame; bytes first, since polars has no OSError for a full disk."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return lambda path: path.write_bytes(buffer.getvalue())


def _columns(part: Path, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    with part.open("rb") as file:  # by its name, polars would take brackets for a pattern
        there = pl.read_parquet_schema(file)
    frame = pl.read_parquet(part, columns=[name for name in types if name in there], glob=False)
    absent = [pl.lit(None, kind).alias(name) for name, kind in types.items() if name not in there]
    return frame.with_columns(absent).select(list(types)).cast(dict(types))  # type: ignore[arg-type]


def _unreadable(directory: Path, schema: Schema, error: Exception) -> ValueError:
    return ValueError(
        f"{directory / f'{schema.name}.parquet'} must be a Parquet file of the table "
        f"`{schema.name}`. Found one that cannot be read: {error}. Delete it, or run again."
    )


def _parts(directory: Path, schema: Schema) -> list[Path]:
    """The files of a table: one, or its chunks."""
    whole = directory / f"{schema.name}.parquet"
    return [whole] if whole.exists() else _chunks(directory, schema)


def _chunks(directory: Path, schema: Schema) -> list[Path]:
    return sorted((directory / _CHUNKS).glob(f"{schema.name}-[0-9]*.parquet"))
