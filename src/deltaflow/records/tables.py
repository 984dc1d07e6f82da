"""Writes tables: in chunks during a run, and as one file at its end."""

import io
from contextlib import suppress
from pathlib import Path
from time import monotonic

import polars as pl

from deltaflow.records.reading import (
    CHUNKS,
    chunk_names,
    read_part,
    read_table,
    warn_of_loss,
)
from deltaflow.records.schema import Schema
from deltaflow.records.trust import trust_file
from deltaflow.system.files import make_folder, replace_file


class TableWriter:
    """Collects rows of one table and writes them in chunks.

    A row that was written is never lost: rows leave memory only after their chunk is written, and
    chunks are removed only after the whole table is written.

    Args:
        directory: the run directory.
        schema: the schema of the table.
        flush_seconds: rows are written with the first rows that come this long after the last
            chunk, so a killed run loses at most the rows of this time and of the current step.

    Attributes:
        n_lost: number of rows in chunks that could not be read again.
    """

    def __init__(self, directory: Path, schema: Schema, flush_seconds: float) -> None:
        self.directory = directory
        self.schema = schema
        self.flush_seconds = flush_seconds
        self.n_lost = 0
        self._frames: list[pl.DataFrame] = []
        self._chunks: dict[str, int] = {}  # number of rows of each chunk that was written
        self._n_named = 0  # number of the next chunk
        self._flushed_at = monotonic()

    def resume(self, kept: pl.Expr) -> None:
        """Take over rows that an earlier process has written, and remove the others.

        Args:
            kept: a boolean expression; rows for which it is true are kept.

        Raises:
            ValueError: if a file is not a table of this schema. No file is changed then.
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

        Raises:
            ValueError: if ``frame`` does not have the schema.
        """
        self._frames.append(self.schema.check(frame))
        if self.is_due:
            self.flush()

    @property
    def is_due(self) -> bool:
        """Whether the next rows are written at once."""
        return monotonic() - self._flushed_at > self.flush_seconds

    def flush(self) -> None:
        """Write the rows since the last chunk as a new chunk."""
        self._flushed_at = monotonic()
        if self._frames:
            make_folder(self.directory / CHUNKS)
            name, rows = self._chunk(self._n_named), pl.concat(self._frames)
            self._n_named += 1
            replace_file(self.directory / name, parquet_bytes(rows))
            self._chunks[name] = len(rows)
            self._frames = []

    def close(self) -> None:
        """Write one file, sorted by the key, and remove the chunks.

        It may be called again, also after an error or an interruption; rows in the file are kept.

        Raises:
            OSError: if the file cannot be written. The chunks are kept then.
            ValueError: if the file exists and is not a table of this schema.
        """
        name = f"{self.schema.name}.parquet"
        path = self.directory / name
        if path.exists() and not (self._chunks or self._frames):
            return
        before = [read_part(self.directory, name, self.schema)] if path.exists() else []
        chunks = {chunk: self._read(chunk) for chunk in self._chunks}
        known = [frame for frame in chunks.values() if frame is not None]
        if self._frames:  # a large table takes its memory twice at most
            self._frames = [self.schema.sort(pl.concat(self._frames))]
        rows = pl.concat([*before, *known, *self._frames, self.schema.frame({})])
        if before:  # after an interruption, rows may be both in the file and in a chunk
            rows = rows.unique(self.schema.key, keep="first")
        replace_file(path, parquet_bytes(self.schema.sort(rows)))
        trust_file(path)
        self._frames = []
        self.n_lost += sum(self._chunks[chunk] for chunk, frame in chunks.items() if frame is None)
        self._chunks = {}
        for chunk in map(self._chunk, range(self._n_named)):
            if chunks.get(chunk, rows) is not None:  # a damaged chunk is kept: it may be repaired
                (self.directory / chunk).unlink(missing_ok=True)
        with suppress(OSError):  # the folder has chunks of another table, or does not exist
            (self.directory / CHUNKS).rmdir()

    def _chunk(self, number: int) -> str:
        return f"{CHUNKS}/{self.schema.name}-{number:05d}.parquet"

    def _read(self, chunk: str) -> pl.DataFrame | None:
        """The rows of a chunk; ``None``, after a warning, if it cannot be read."""
        try:
            return read_part(self.directory, chunk, self.schema)
        except (OSError, ValueError) as error:
            warn_of_loss(error)
            return None


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """The bytes of a Parquet file.

    polars does not write the file itself, because it raises no ``OSError`` on a full disk.
    """
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
