"""The progress of a sweep whose runs are trained elsewhere, as its directory tells of it."""

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
_LONGEST = 60  # letters of a run's name
_SHOWN: ContextVar["SweepProgress | None"] = ContextVar("_SHOWN", default=None)


def show_progress(sweep: Path, n_runs: int | None) -> None:
    """Say on a terminal, and nowhere else, how far a sweep is, until ``stop_progress``."""
    if sys.stdout.isatty():
        _SHOWN.set(SweepProgress(sweep, n_runs))


def stop_progress() -> None:
    """Take away what ``show_progress`` shows, if it does."""
    if shown := _SHOWN.get():
        shown.stop()
        _SHOWN.set(None)


class SweepProgress:
    """Says in the last line of a terminal how many runs have ended, until it is stopped.

    The cursor stays at the line's start, so what any process prints takes its place, and the next
    look at the directory writes it again below.

    Args:
        sweep: its directory.
        n_runs: that it will have; ``None`` if that is not known.
    """

    def __init__(self, sweep: Path, n_runs: int | None) -> None:
        self._sweep, self._n_runs = sweep, n_runs
        self._known = _ended(sweep, set())  # of a sweep that goes on
        self._n_before = len(self._known)
        self._label = ""
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the line away."""
        self._stopped.set()
        self._thread.join()
        _write(_CLEAR)

    def line(self) -> str:
        """What there is to say now: «5/16 · tanh, xavier · 1:10 left»."""
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
    """The names of the runs that have ended, but for those that are known to have."""
    from deltaflow.records import read_summary  # the first line of a run does not wait for polars

    found = set()
    for folder in folders(sweep):
        if folder.name not in known and SLUG.fullmatch(folder.name):
            with suppress(ValueError, OSError):  # it is being written
                if read_summary(folder).status != "running":
                    found.add(folder.name)
    return found


def _write(text: str) -> None:
    with suppress(OSError, ValueError):  # a terminal that was closed meanwhile
        sys.stdout.write(text)
        sys.stdout.flush()
