"""Writes the records of a run from its first moment to its end: directory, tables and summary.

However a run ends, its rows are kept and its summary is correct. Closing may be repeated, signals
are held back while it runs, and the first ending that is written stays.
"""

import shutil
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from deltaflow.records.decoding import LONGEST_TEXT
from deltaflow.records.fields import Status, Summary
from deltaflow.records.schema import Schema
from deltaflow.records.summary import (
    SUMMARY,
    claim_directory,
    reclaim_directory,
    summary_of,
    write_summary,
)
from deltaflow.records.tables import TableWriter
from deltaflow.system.errors import UserError
from deltaflow.system.signals import interrupts_deferred


class DirectoryLostError(UserError):
    """The directory of a run was deleted or moved during the run."""


class Recording:
    """The records of a run, while it is trained.

    Args:
        directory: the run directory; it is created if it does not exist.
        summary: the first summary of the run.
        resumed: whether a stopped run is resumed, whose directory is taken again.

    Attributes:
        summary: the summary so far; it is written when the run ends.
        n_sharing: number of runs in the same stack, including this one; the time is divided
            evenly among them.

    Raises:
        DirectoryTakenError: if the directory has records of another run.
    """

    def __init__(self, directory: Path, summary: Summary, resumed: bool = False) -> None:
        self._seconds_before = 0.0  # of earlier processes
        if resumed:
            self._seconds_before = reclaim_directory(directory, summary).wall_seconds or 0.0
        else:
            claim_directory(directory, summary)
        self.directory = directory
        self.summary = self._first = summary
        self.n_sharing = 1
        self._place = _place(directory)
        self._started = time.monotonic()
        self._tables: list[TableWriter] = []
        self._has_ended = False

    def table(self, schema: Schema, flush_seconds: float) -> TableWriter:
        """Open a table for writing; see :class:`TableWriter` for the arguments."""
        self._tables.append(TableWriter(self.directory, schema, flush_seconds))
        return self._tables[-1]

    def note(self, fields: dict[str, Any]) -> None:
        """Set fields of the summary from JSON-like values."""
        self.summary = summary_of(asdict(self.summary) | fields)

    def restart(self, keeping: bool = False) -> None:
        """Discard all records except the first summary.

        Args:
            keeping: discard them in memory only, and remove no file.

        Raises:
            DirectoryLostError: if the directory was deleted or moved.
            OSError: if a file cannot be removed.
        """
        self.require_directory()
        self._tables = []
        self.summary = self._first
        for entry in () if keeping else self.directory.iterdir():
            if entry.name not in (SUMMARY, ".hydra"):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()

    def flush(self) -> None:
        """Write all rows that are in memory, and the summary with the time so far."""
        self.require_directory()
        for table in self._tables:
            table.flush()
        write_summary(self.directory, replace(self.summary, wall_seconds=self._seconds))

    def close_tables(self) -> None:
        """Close every table, also after an error in another one.

        Raises:
            DirectoryLostError: if the directory was deleted or moved.
            OSError: if a table could not be written.
        """
        self.require_directory()
        errors = []
        for table in self._tables:
            try:
                table.close()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a panic of polars is not an Exception
                errors.append(error)
        if errors:
            raise errors[0]

    def complete(self) -> None:
        """Close the tables and write the summary, whose status is set already.

        Raises:
            DirectoryLostError: if the directory was deleted or moved.
            OSError: if a file cannot be written. The run has not ended then.
        """
        with interrupts_deferred():
            self.close_tables()
            self._end(self.summary)

    def abort(self, status: Status, error: str | None) -> None:
        """Record that the run failed or was interrupted, unless it has ended already.

        What cannot be written is left out. If the disk is full, the first summary or a shorter
        one still fits into the space of the file that is there.

        Args:
            status: ``failed`` or ``interrupted``.
            error: the error message of a failed run.
        """
        with interrupts_deferred():
            if self._has_ended or not self.directory_exists:
                return
            try:
                self.close_tables()
            except OSError:  # the disk is what failed; the chunks are there
                pass
            except BaseException as second:
                warnings.warn(f"A table was left in chunks: {second}", stacklevel=2)
            said = error and error[:LONGEST_TEXT]
            bare = replace(self._first, command=[], overrides=[], hyperparameters={}, versions={})
            for summary in (self.summary, self._first, bare):
                with suppress(OSError):
                    self._end(replace(summary, status=status, error=said))
                    break

    @property
    def directory_exists(self) -> bool:
        """Whether the directory still exists and is the same one."""
        return self._place == _place(self.directory)

    @property
    def n_lost(self) -> int:
        """Number of rows that were written and could not be read again."""
        return sum(table.n_lost for table in self._tables)

    def require_directory(self) -> None:
        """Check that the directory is still there.

        Raises:
            DirectoryLostError: if it was deleted or moved.
        """
        if not self.directory_exists:
            raise DirectoryLostError(
                "A run's directory must stay where it is until the run ends. Found that "
                f"{self.directory} was moved or deleted. Run again; what had been written until "
                "then is where it was moved to."
            )

    @property
    def _seconds(self) -> float:
        seconds = (time.monotonic() - self._started) / self.n_sharing
        return round(self._seconds_before + seconds, 3)

    def _end(self, summary: Summary) -> None:
        self.summary = replace(summary, wall_seconds=self._seconds)
        write_summary(self.directory, self.summary)
        self._has_ended = True


def _place(directory: Path) -> tuple[int, int] | None:
    """Numbers that identify a directory whatever its name; ``None`` if there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
