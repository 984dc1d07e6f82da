"""The records of a run under way: its directory, its tables and its summary, brought to an end.

Whatever ends a run, however often and in the midst of what, its rows stay and its summary says
the truth: closing may be repeated, signals wait meanwhile, and an ending that is written is not
replaced by another.
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
from deltaflow.records.summary import SUMMARY, claim, reclaim, summary_of, write_summary
from deltaflow.records.tables import TableWriter
from deltaflow.system.errors import UserError
from deltaflow.system.signals import held_back


class DirectoryLostError(UserError):
    """The directory of a run under way was deleted or moved."""


class Recording:
    """The records of a run, from its first moment on.

    Args:
        directory: the run directory; made if it is not there.
        summary: of the run before it begins.
        resumed: whether it goes on in the directory that it has.

    Attributes:
        summary: what is known of the run; it is written when the run ends.
        n_sharing: runs that are trained with it at the same time, itself included; each counts
            its share of the time.

    Raises:
        DirectoryTakenError: if the records of another run are in the directory.
    """

    def __init__(self, directory: Path, summary: Summary, resumed: bool = False) -> None:
        self._seconds_before = 0.0  # of earlier processes
        if resumed:
            self._seconds_before = reclaim(directory, summary).wall_seconds or 0.0
        else:
            claim(directory, summary)
        self.directory = directory
        self.summary = self._first = summary
        self.n_sharing = 1
        self._place = _place(directory)
        self._started = time.monotonic()
        self._tables: list[TableWriter] = []
        self._has_ended = False

    def table(self, schema: Schema, flush_seconds: float) -> TableWriter:
        """Begin a table; arguments as of `TableWriter`."""
        self._tables.append(TableWriter(self.directory, schema, flush_seconds))
        return self._tables[-1]

    def note(self, fields: dict[str, Any]) -> None:
        """Fill in fields of the summary, given as JSON would have them."""
        self.summary = summary_of(asdict(self.summary) | fields)

    def restart(self, keeping: bool = False) -> None:
        """Forget and remove all that was recorded, but for the summary of the start.

        Args:
            keeping: forget alone, and remove nothing.

        Raises:
            DirectoryLostError: if the directory is not there any more.
            OSError: if something cannot be removed.
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
        """Write all rows that are still in memory, and how long they took."""
        self.require_directory()
        for table in self._tables:
            table.flush()
        write_summary(self.directory, replace(self.summary, wall_seconds=self._seconds))

    def close_tables(self) -> None:
        """Consolidate the tables, each whatever becomes of the others.

        Raises:
            DirectoryLostError: if the directory is not there any more.
            OSError: if one of them could not be written.
        """
        self.require_directory()
        errors = []
        for table in self._tables:
            try:
                table.close()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # polars' panics are no Exception
                errors.append(error)
        if errors:
            raise errors[0]

    def complete(self) -> None:
        """Close the tables, and write the summary with the status that it has.

        Raises:
            DirectoryLostError: if the directory is not there any more.
            OSError: if something cannot be written; the run has not ended then.
        """
        with held_back():
            self.close_tables()
            self._end(self.summary)

    def break_off(self, status: Status, error: str | None) -> None:
        """Write down that the run was stopped; nothing, if it had ended already.

        What cannot be written is left out. On a disk that is full, the summary of the start, or
        a shorter one, still fits where it is.

        Args:
            status: ``failed`` or ``interrupted``.
            error: the message of a run that failed.
        """
        with held_back():
            if self._has_ended or not self.is_there:
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
    def is_there(self) -> bool:
        """Whether the directory is still where it was."""
        return self._place == _place(self.directory)

    @property
    def n_lost(self) -> int:
        """Rows that were written and could not be read again."""
        return sum(table.n_lost for table in self._tables)

    def require_directory(self) -> None:
        """Refuse to write into a directory that is not the run's any more.

        Raises:
            DirectoryLostError: if it was deleted or moved.
        """
        if not self.is_there:
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
    """What tells a directory from another of its name; ``None`` if it is not there."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
