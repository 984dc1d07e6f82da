"""Writes tables: in chunks during a run, and as one file at its end."""

import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
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

_BLOCK_ROWS = 500_000  # rows that are sorted at a time
_GROUP_ROWS = 50_000  # rows of a group in a chunk
_SORTING = "sorting-"  # beginning of the name of a folder of sorted blocks


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
            name, rows = self._chunk(self._n_named), self.schema.sort(pl.concat(self._frames))
            self._n_named += 1
            replace_file(self.directory / name, parquet_bytes(rows, _GROUP_ROWS))
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
        is_large = sum(self._chunks.values()) + sum(map(len, self._frames)) > _BLOCK_ROWS
        if is_large and not path.exists():
            self.flush()
            read = {chunk: self._read(chunk, self.schema.key[:1]) for chunk in self._chunks}
            content = self._sort_in_blocks(
                {c: keys for c, keys in read.items() if keys is not None}
            )
        else:
            before = [read_part(self.directory, name, self.schema)] if path.exists() else []
            read = {chunk: self._read(chunk) for chunk in self._chunks}
            known = [frame for frame in read.values() if frame is not None]
            rows = pl.concat([*before, *known, *self._frames, self.schema.frame({})])
            if before:  # after an interruption, rows may be both in the file and in a chunk
                rows = rows.unique(self.schema.key, keep="first")
            content = parquet_bytes(self.schema.sort(rows))
        replace_file(path, content)
        trust_file(path)
        self._frames = []
        lost = {chunk for chunk, frame in read.items() if frame is None}
        self.n_lost += sum(self._chunks[chunk] for chunk in lost)
        self._chunks = {}
        for chunk in map(self._chunk, range(self._n_named)):
            if chunk not in lost:  # a damaged chunk is kept: it may be repaired
                (self.directory / chunk).unlink(missing_ok=True)
        for left in (self.directory / CHUNKS).glob(f"{_SORTING}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):  # the folder has chunks of another table, or does not exist
            (self.directory / CHUNKS).rmdir()

    def _chunk(self, number: int) -> str:
        return f"{CHUNKS}/{self.schema.name}-{number:05d}.parquet"

    def _sort_in_blocks(self, keys: Mapping[str, pl.DataFrame]) -> bytes:
        """The bytes of the whole table, of which a block of rows at a time is in memory.

        Args:
            keys: the first column of the key of each chunk.
        """
        if not keys:
            return parquet_bytes(self.schema.frame({}))
        column = self.schema.key[0]
        ordered = pl.concat(keys.values()).to_series().sort()
        starts = ordered.gather_every(_BLOCK_ROWS).unique(maintain_order=True).to_list()
        rows = _scan([self.directory / chunk for chunk in keys])
        content = io.BytesIO()
        with tempfile.TemporaryDirectory(prefix=_SORTING, dir=self.directory / CHUNKS) as folder:
            blocks = [Path(folder) / f"{number}.parquet" for number in range(len(starts))]
            for path, start, end in zip(blocks, starts, [*starts[1:], None], strict=True):
                within = pl.col(column) >= start
                if end is not None:
                    within &= pl.col(column) < end
                replace_file(
                    path, parquet_bytes(rows.filter(within).collect().sort(self.schema.key))
                )
            _scan(blocks).sink_parquet(content)
        return content.getvalue()

    def _read(self, chunk: str, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """The rows of a chunk; ``None``, after a warning, if it cannot be read."""
        try:
            rows = read_part(self.directory, chunk, self.schema)
            return rows if columns is None else rows.select(columns)
        except (OSError, ValueError) as error:
            warn_of_loss(error)
            return None


def _scan(paths: list[Path]) -> pl.LazyFrame:
    return pl.scan_parquet(paths, glob=False)  # the name of a folder may have brackets


def parquet_bytes(frame: pl.DataFrame, group_rows: int | None = None) -> bytes:
    """The bytes of a Parquet file.

    polars does not write the file itself, because it raises no ``OSError`` on a full disk.

    Args:
        frame: the rows.
        group_rows: rows of a group, which a scan for some values may leave out.
    """
    buffer = io.BytesIO()
    frame.write_parquet(buffer, row_group_size=group_rows)
    return buffer.getvalue()
