"""Tables on disk: written in chunks while a run is going, consolidated at its end."""

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
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
            replace_file(chunk, _parquet(pl.concat(self._frames)))
            self._n_chunks += 1
            self._frames = []

    def close(self) -> None:
        """Consolidate: one file, rows in the order of the key, chunks removed."""
        chunks = _chunks(self.directory, self.schema)
        frames = [*(pl.read_parquet(chunk, glob=False) for chunk in chunks), *self._frames]
        whole = pl.concat(frames) if frames else self.schema.frame({})
        target = self.directory / f"{self.schema.name}.parquet"
        replace_file(target, _parquet(whole.sort(self.schema.key)))
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
    whole = directory / f"{schema.name}.parquet"
    parts = [whole] if whole.exists() else _chunks(directory, schema)
    try:
        frames = [schema.check(pl.read_parquet(part, glob=False)) for part in parts]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"{whole} must be a Parquet file of the table `{schema.name}`. Found one that cannot "
            f"be read: {error}. Delete it, or run again."
        ) from error
    return pl.concat(frames).sort(schema.key) if frames else schema.frame({})


def _parquet(frame: pl.DataFrame) -> Callable[[Path], object]:
    """What writes a frame; bytes first, since polars has no OSError for a full disk."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return lambda path: path.write_bytes(buffer.getvalue())


def _chunks(directory: Path, schema: Schema) -> list[Path]:
    return sorted((directory / _CHUNKS).glob(f"{schema.name}-[0-9]*.parquet"))
