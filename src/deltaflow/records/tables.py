"""Tables on their way to disk: in chunks while a run is going, consolidated at its end."""

import io
from contextlib import suppress
from pathlib import Path
from time import monotonic

import polars as pl

from deltaflow.records.reading import (
    CHUNKS,
    chunk_names,
    note_written,
    read_part,
    read_table,
    warn_of_loss,
)
from deltaflow.records.schema import Schema
from deltaflow.system.files import make_folder, replace_file


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

    def go_on(self, kept: pl.Expr) -> None:
        """Begin with some of the rows that an earlier process has left; the others are removed.

        Args:
            kept: which of them stay.

        Raises:
            ValueError: if what is there is no such table; nothing is touched then.
        """
        rows = read_table(self.directory, self.schema).filter(kept)
        old = chunk_names(self.directory, self.schema)
        self._frames = [rows.unique(self.schema.key, keep="first").sort(self.schema.key)]
        numbers = [int(name.rpartition("-")[2].partition(".")[0]) for name in old]
        self._n_named = max(numbers, default=-1) + 1
        self.flush()
        for name in old:
            (self.directory / name).unlink()
        (self.directory / f"{self.schema.name}.parquet").unlink(missing_ok=True)

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Args:
            frame: rows that obey the schema.

        Raises:
            ValueError: if they do not.
        """
        self._frames.append(self.schema.check(frame))
        if self.is_due:
            self.flush()

    @property
    def is_due(self) -> bool:
        """Whether rows that come now are written at once."""
        return monotonic() - self._flushed_at > self.flush_seconds

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
        note_written(path)
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
            warn_of_loss(error)
            return None


def parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the content of a Parquet file; polars has no OSError for a full disk."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
