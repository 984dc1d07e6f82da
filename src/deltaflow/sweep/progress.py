"""Shows the progress of a sweep whose runs other processes train, by reading its directory."""

import re
import sys
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

from deltaflow.config.names import SLUG
from deltaflow.system.escaping import printable
from deltaflow.system.files import folders

_CLEAR = "\r\x1b[2K"
_INTERVAL = 0.5  # seconds
_LONGEST = 60  # characters of a run's name
_SHOWN: ContextVar["SweepProgress | None"] = ContextVar("_SHOWN", default=None)


def show_progress(sweep: Path, n_runs: int | None) -> None:
    """Show :class:`SweepProgress` until :func:`stop_progress`, if the output is a terminal."""
    if sys.stdout.isatty():
        _SHOWN.set(SweepProgress(sweep, n_runs))


def stop_progress() -> None:
    """Remove the line that :func:`show_progress` shows, if any."""
    if shown := _SHOWN.get():
        shown.stop()
        _SHOWN.set(None)


class SweepProgress:
    """Shows in the last line of a terminal how many runs have ended, until it is stopped.

    The cursor stays at the start of the line, so output of any process overwrites it, and the next
    update writes it again below.

    Args:
        sweep: the sweep's directory.
        n_runs: number of runs in the sweep; ``None`` if it is not known.
    """

    def __init__(self, sweep: Path, n_runs: int | None) -> None:
        self._sweep, self._n_runs = sweep, n_runs
        self._known = _ended(sweep, set())  # not empty if the sweep is resumed
        self._n_before = len(self._known)
        self._label = ""
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop updating and remove the line."""
        self._stopped.set()
        self._thread.join()
        _write(_CLEAR)

    def line(self) -> str:
        """The current text, such as «5/16 · tanh, xavier · 1:10 left»."""
        new = _ended(self._sweep, self._known)
        self._known |= new
        if new:
            values = re.sub(r"[\w.]+=", "", max(new).partition("_")[2])
            self._label = values.replace(",", ", ")[:_LONGEST]
        n = len(self._known)
        parts = [f"{n}/{self._n_runs}" if self._n_runs else f"{n} done", self._label]
        if self._n_runs and n > self._n_before:
            pace = (time.monotonic() - self._began) / (n - self._n_before)
            seconds = pace * max(self._n_runs - n, 0)
            parts.append(f"{seconds // 60:.0f}:{seconds % 60:02.0f} left")
        return " · ".join(filter(None, parts))

    def _watch(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            _write(f"{_CLEAR}{printable(self.line())}\r")


def _ended(sweep: Path, known: set[str]) -> set[str]:
    """The names of runs that have ended, without those in ``known``."""
    from deltaflow.records import read_summary  # imported late, because polars is slow to import

    found = set()
    for folder in folders(sweep):
        if folder.name not in known and SLUG.fullmatch(folder.name):
            with suppress(ValueError, OSError):  # the summary is being written
                if read_summary(folder).status != "running":
                    found.add(folder.name)
    return found


def _write(text: str) -> None:
    with suppress(OSError, ValueError):  # the terminal was closed
        sys.stdout.write(text)
        sys.stdout.flush()
