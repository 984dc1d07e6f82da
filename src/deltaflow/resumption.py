"""Going on with a sweep: what is there, whose turn it is, and where a run may go.

The runs of a sweep are told apart by their identity, whatever their number, so a sweep may
be resumed with more values, in another order or with another launcher. Several processes can
work on one sweep: the workers of a parallel launcher, those that a killed sweep left behind,
a second resume. They agree by locks of the system on files in ``<sweep>/.sweep``, one for
each identity, held as long as the run is going. A lock dies with its process, whatever kills
that, so nothing stale can be left, and everything else is read from the records themselves.

A run that completed, or diverged, stays as it is. What is left of one that failed, was
interrupted or was killed gives way to the new run: that measures all of it again, and more.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltaflow.liveness import is_going, locked
from deltaflow.names import resuming
from deltaflow.records.summary import SUMMARY, read_summary

SHARED = ".sweep"  # what the processes of a sweep tell each other
_FINISHED = ("completed", "diverged")
_FAILED = "failed"
_REPLACED = "replaced-"


@dataclass(frozen=True)
class Turn:
    """Whether a run may begin now.

    Attributes:
        directory: where it goes; or of the run that makes it needless.
        kept: the summary of a run that is there already, finished.
        going: the summary of a run of the same identity that another process works on.
        stopped: whether another run has failed, and that ends the sweep.
    """

    directory: Path
    kept: dict[str, Any] | None = None
    going: dict[str, Any] | None = None
    stopped: bool = False

    @property
    def has_come(self) -> bool:
        """Whether the run is to begin."""
        return self.kept is None and self.going is None and not self.stopped


def open_sweep(sweep: Path, resumed: bool) -> None:
    """Make a sweep's directory ready, before any run begins.

    Args:
        sweep: its directory.
        resumed: whether it is to go on; else it must be new.

    Raises:
        ValueError: if there are runs in a directory that should be new, or no sweep where one
            should go on.
    """
    has_runs = any(sweep.glob(f"*/{SUMMARY}"))
    if not resumed and has_runs:
        raise ValueError(
            "A run or sweep needs a directory of its own. Found the records of another in "
            f"{sweep}. Name a new one, delete that, or go on with it: `{resuming(str(sweep))}`."
        )
    if resumed and not (has_runs or (sweep / "multirun.yaml").exists()):
        if (sweep / SUMMARY).exists():
            found = f"one run in {sweep}"
        else:
            found = f"{sweep}, {'which has no runs' if sweep.is_dir() else 'which is no folder'}"
        raise ValueError(
            f"`sweep.resume` must be the directory of a sweep. Found {found}. Use the directory "
            "that the sweep printed, such as outputs/sweep_…; it starts where the command runs."
        )
    (sweep / SHARED / _FAILED).unlink(missing_ok=True)
    for rest in (sweep / SHARED).glob(f"{_REPLACED}*"):  # somebody was killed while deleting
        shutil.rmtree(rest, ignore_errors=True)
    for directory in sweep.glob("[0-9]*/"):  # or before there was a summary
        if not (directory / SUMMARY).exists():
            for rest in directory.glob(f".{SUMMARY}.*"):
                rest.unlink(missing_ok=True)
            with suppress(OSError):
                directory.rmdir()


def note_failure(sweep: Path) -> None:
    """Remember that a run has failed, whether or not it left a record of that."""
    (sweep / SHARED).mkdir(parents=True, exist_ok=True)
    (sweep / SHARED / _FAILED).touch()


def has_failed(sweep: Path) -> bool:
    """Whether a run has failed since the sweep began, or was resumed."""
    return (sweep / SHARED / _FAILED).exists()


@contextmanager
def turn(
    sweep: Path, wanted: Path, identity: str, resumed: bool, fail_fast: bool
) -> Iterator[Turn]:
    """Say, without waiting, whether a run may begin, and keep others from it meanwhile.

    Args:
        sweep: the sweep's directory.
        wanted: the directory that the run would like, made already.
        identity: of the run's configuration.
        resumed: whether the sweep goes on. In a new one every run has its turn, also two that
            differ in nothing but where they compute.
        fail_fast: whether the failure of another run is the end.

    Yields:
        The turn. If it has not come, ``wanted`` is gone, unless there is something in it.
    """
    shared = sweep / SHARED
    shared.mkdir(parents=True, exist_ok=True)
    with locked(shared / identity) as mine:
        if fail_fast and has_failed(sweep):
            found = Turn(wanted, stopped=True)
        else:
            found = _turn(sweep, wanted, identity, mine) if resumed else Turn(wanted)
        if found.has_come and mine:  # a hint for the next who asks; it may be wrong
            (shared / identity).write_text(found.directory.name, encoding="utf-8")
        if found.directory != wanted or not found.has_come:
            with suppress(OSError):  # it is another's
                wanted.rmdir()
        yield found


def _turn(sweep: Path, wanted: Path, identity: str, mine: bool) -> Turn:
    runs = _hinted(sweep, identity) or _runs_of(sweep, identity)
    for directory, summary in runs:
        if summary["status"] in _FINISHED:
            return Turn(directory, kept=summary)
    for directory, summary in runs:
        if not mine or is_going(summary, directory):
            return Turn(directory, going=summary)
    if not mine:  # it begins just now, in another process
        return Turn(wanted, going={})
    for directory, _ in runs:
        _replace(sweep, directory)
    return Turn(runs[0][0] if runs else _numbered(sweep, wanted))


def _hinted(sweep: Path, identity: str) -> list[tuple[Path, dict[str, Any]]]:
    """The finished run of an identity, found without looking at all runs."""
    with suppress(OSError, ValueError):
        directory = sweep / (sweep / SHARED / identity).read_text(encoding="utf-8")
        summary = read_summary(directory)
        if summary.get("identity") == identity and summary["status"] in _FINISHED:
            return [(directory, summary)]
    return []


def _runs_of(sweep: Path, identity: str) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted(sweep.glob(f"*/{SUMMARY}")):
        with suppress(ValueError):  # no summary: nobody's
            summary = read_summary(path.parent)
            if summary.get("identity") == identity:
                found.append((path.parent, summary))
    return found


def _replace(sweep: Path, directory: Path) -> None:
    """Remove what is left of a run, so that at no moment half of it could be taken for a run."""
    gone = sweep / SHARED / f"{_REPLACED}{secrets.token_hex(8)}"
    directory.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _numbered(sweep: Path, wanted: Path) -> Path:
    """The directory that was wanted, or one of another number if a run has that already."""
    with locked(sweep / SHARED / "numbers", wait=True):
        own, _, rest = wanted.name.partition("_")
        others = [
            path for path in sweep.iterdir() if path.name != wanted.name or any(wanted.iterdir())
        ]
        numbers = [path.name.partition("_")[0] for path in others]
        if own not in numbers:
            return wanted
        following = 1 + max((int(number) for number in numbers if number.isdigit()), default=-1)
        directory = sweep / f"{following}_{rest if own.isdigit() else wanted.name}"
        directory.mkdir()
        return directory
