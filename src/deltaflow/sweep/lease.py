"""Going on with a sweep: what is there, who may train what, and where a run may go.

The runs of a sweep are told apart by their identity, whatever their number, so a sweep may
be resumed with more values, in another order or with another launcher. Several processes can
work on one sweep: the workers of a parallel launcher, those that a killed sweep left behind,
a second resume. They agree by locks of the system on files in ``<sweep>/.sweep``, one for
each identity, held as long as the run is going. A lock dies with its process, whatever kills
that, so nothing stale can be left, and everything else is read from the records themselves.
Those may be anybody's: links are not followed, and nothing is written but in files and folders
that are the sweep's own.

A run that completed, or diverged, stays as it is. One that was interrupted or killed goes on from
its checkpoint. What is left of one that failed, or has no checkpoint, gives way to the new run:
that measures all of it again, and more.
"""

import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deltaflow.config.names import SLUG
from deltaflow.experiment.checkpoints.archive import CHECKPOINT
from deltaflow.records import Summary, read_summary
from deltaflow.sweep.directory import NUMBER, REPLACED, SHARED, has_failed
from deltaflow.system.files import (
    folders,
    make_folder,
    read_file,
    replace_file,
)
from deltaflow.system.processes import locked

_FINISHED = ("completed", "diverged")
_PLACE = ".place"  # ends the name of a file that says where the run of an identity is


@dataclass(frozen=True)
class Lease:
    """The right to train one run of a sweep, which one process at a time can hold.

    Attributes:
        directory: where it goes; or of the run that makes it needless.
        finished: the summary of a run that is there already, finished.
        running: the summary of a run of the same identity that another process works on.
        stopped: whether another run has failed, and that ends the sweep.
        goes_on: whether the run is in the directory already, and goes on from its checkpoint.
    """

    directory: Path
    finished: Summary | None = None
    running: Summary | None = None
    stopped: bool = False
    goes_on: bool = False

    @property
    def granted(self) -> bool:
        """Whether the run is to begin."""
        return self.finished is None and self.running is None and not self.stopped


@contextmanager
def lease(
    sweep: Path, wanted: Path, identity: str, resumed: bool, fail_fast: bool
) -> Iterator[Lease]:
    """Say, without waiting, whether a run may begin, and keep others from it meanwhile.

    Args:
        sweep: the sweep's directory.
        wanted: the directory that the run would like, made already.
        identity: of the run's configuration.
        resumed: whether the sweep goes on. In a new one every run is granted, also two that
            differ in nothing but where they compute.
        fail_fast: whether the failure of another run is the end.

    Yields:
        The lease. If it is not granted, ``wanted`` is gone, unless there is something in it or
        the one who holds the lease may be about to write there.

    Raises:
        UnusableFileError: if a link, or something else that is not the sweep's own, is where
            the sweep or the run would write.
    """
    make_folder(sweep / SHARED)
    with locked(sweep / SHARED / identity) as mine:
        if fail_fast and has_failed(sweep):
            found = Lease(wanted, stopped=True)
        else:
            found = _lease(sweep, wanted, identity, mine) if resumed else Lease(wanted)
        if found.granted and found.directory == wanted:
            make_folder(wanted)
        if found.granted and mine:
            _note_place(sweep, identity, found.directory.name)
        if found.directory != wanted or (mine and not found.granted):
            with suppress(OSError):  # there is something in it
                wanted.rmdir()
        yield found


def _lease(sweep: Path, wanted: Path, identity: str, mine: bool) -> Lease:
    runs = _noted(sweep, identity) or _runs_of(sweep, identity)
    for directory, summary in runs:
        if summary.status in _FINISHED:
            return Lease(directory, finished=summary)
    for directory, summary in runs:
        if not mine or summary.is_alive(directory):
            return Lease(directory, running=summary)
    if not mine:  # it begins just now, in another process
        return Lease(wanted, running=Summary(status="running"))
    stopped = [found for found, summary in runs if _can_go_on(found, summary)]
    for directory, _ in runs:
        if directory not in stopped[:1]:
            _replace(sweep, directory)
    if stopped:
        return Lease(stopped[0], goes_on=True)
    return Lease(runs[0][0] if runs else _numbered(sweep, wanted))


def _can_go_on(directory: Path, summary: Summary) -> bool:
    return summary.status != "failed" and os.path.lexists(directory / CHECKPOINT)


def _note_place(sweep: Path, identity: str, name: str) -> None:
    """Leave a hint for the next who asks; it may be wrong.

    A folder may come from anybody: no name of one is written but such as runs are given.
    """
    if SLUG.fullmatch(name):
        replace_file(sweep / SHARED / f"{identity}{_PLACE}", name.encode("ascii"))


def _noted(sweep: Path, identity: str) -> list[tuple[Path, Summary]]:
    """The finished run of an identity, found without looking at all runs."""
    with suppress(OSError, ValueError):
        noted = read_file(sweep / SHARED, f"{identity}{_PLACE}", limit=255).decode("ascii")
        if SLUG.fullmatch(noted) and not (sweep / noted).is_symlink():
            summary = read_summary(sweep / noted)
            if summary.identity == identity and summary.status in _FINISHED:
                return [(sweep / noted, summary)]
    return []


def _runs_of(sweep: Path, identity: str) -> list[tuple[Path, Summary]]:
    found = []
    for directory in folders(sweep):
        with suppress(ValueError):  # no summary: nobody's
            summary = read_summary(directory)
            if summary.identity == identity:
                found.append((directory, summary))
    return found


def _replace(sweep: Path, directory: Path) -> None:
    """Remove what is left of a run, so that at no moment half of it could be taken for a run."""
    gone = sweep / SHARED / f"{REPLACED}{secrets.token_hex(8)}"
    directory.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _numbered(sweep: Path, wanted: Path) -> Path:
    """The directory that was wanted, or one of another number if a run has that already."""
    with locked(sweep / SHARED / "numbers", wait=True):
        own, _, rest = wanted.name.partition("_")
        is_free = not wanted.is_symlink() and not any(wanted.iterdir())
        others = [name for name in os.listdir(sweep) if name != wanted.name or not is_free]
        taken = {name.partition("_")[0] for name in others}
        if own not in taken:
            return wanted
        numbers = [int(number) for number in taken if NUMBER.fullmatch(number)]
        following = next(
            n for n in itertools.count(1 + max(numbers, default=-1)) if str(n) not in taken
        )
        directory = sweep / f"{following}_{rest if NUMBER.fullmatch(own) else wanted.name}"
        directory.mkdir()
        return directory
