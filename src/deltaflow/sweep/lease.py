"""Decides which process may train a run of a sweep, and in which directory.

Runs are recognised by their identity, not by their number, so a sweep may be resumed with more
values, in another order or with another launcher. Several processes can work on one sweep: the
workers of a parallel launcher, those that a killed sweep left behind, a second resume. For each
identity they lock a file in ``<sweep>/.sweep`` while the run is trained. The system releases a
lock when its process ends, so no lock is stale. Everything else is read from the records, which
are not trusted: links are not followed.

A completed or diverged run is kept. An interrupted or killed run is resumed from its checkpoint. A
run that failed, or has no checkpoint, is replaced by the new run.
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
_PLACE = ".place"  # suffix of the file that names the run directory of an identity


@dataclass(frozen=True)
class Lease:
    """The right to train one run of a sweep, which only one process at a time can hold.

    Attributes:
        directory: the run directory; if the lease is not granted, that of the existing run.
        finished: the summary of a finished run with the same identity, if any.
        running: the summary of a run with the same identity in another process, if any.
        stopped: whether another run has failed, which ends the sweep.
        resumes: whether a run in ``directory`` is resumed from its checkpoint.
    """

    directory: Path
    finished: Summary | None = None
    running: Summary | None = None
    stopped: bool = False
    resumes: bool = False

    @property
    def granted(self) -> bool:
        """Whether the run may be trained."""
        return self.finished is None and self.running is None and not self.stopped


@contextmanager
def lease(
    sweep: Path, proposed: Path, identity: str, resumed: bool, fail_fast: bool
) -> Iterator[Lease]:
    """Decide without waiting whether a run may be trained, and lock it during the block.

    Args:
        sweep: the sweep's directory.
        proposed: the directory proposed for the run; it exists already.
        identity: the identity of the run's configuration.
        resumed: whether the sweep is resumed. In a new sweep every run is granted, even two with
            the same identity, which differ only in their device.
        fail_fast: whether the failure of another run ends the sweep.

    Yields:
        The lease. If it is not granted, ``proposed`` is removed, unless it has files or the holder
        of the lock may be about to write there.

    Raises:
        UnusableFileError: if a path to which the sweep or run writes is a link or not a regular
            file.
    """
    make_folder(sweep / SHARED)
    with locked(sweep / SHARED / identity) as mine:
        if fail_fast and has_failed(sweep):
            found = Lease(proposed, stopped=True)
        else:
            found = _lease(sweep, proposed, identity, mine) if resumed else Lease(proposed)
        if found.granted and found.directory == proposed:
            make_folder(proposed)
        if found.granted and mine:
            _note_directory(sweep, identity, found.directory.name)
        if found.directory != proposed or (mine and not found.granted):
            with suppress(OSError):  # it has files
                proposed.rmdir()
        yield found


def _lease(sweep: Path, proposed: Path, identity: str, mine: bool) -> Lease:
    runs = _noted_run(sweep, identity) or _runs_of(sweep, identity)
    for directory, summary in runs:
        if summary.status in _FINISHED:
            return Lease(directory, finished=summary)
    for directory, summary in runs:
        if not mine or summary.is_alive(directory):
            return Lease(directory, running=summary)
    if not mine:  # another process is just starting it
        return Lease(proposed, running=Summary(status="running"))
    resumable = [found for found, summary in runs if _is_resumable(found, summary)]
    for directory, _ in runs:
        if directory not in resumable[:1]:
            _remove_run(sweep, directory)
    if resumable:
        return Lease(resumable[0], resumes=True)
    return Lease(runs[0][0] if runs else _free_directory(sweep, proposed))


def _is_resumable(directory: Path, summary: Summary) -> bool:
    return summary.status != "failed" and os.path.lexists(directory / CHECKPOINT)


def _note_directory(sweep: Path, identity: str, name: str) -> None:
    """Write the name of the run directory as a hint for later leases; it may become wrong.

    Only names that a run can have are written.
    """
    if SLUG.fullmatch(name):
        replace_file(sweep / SHARED / f"{identity}{_PLACE}", name.encode("ascii"))


def _noted_run(sweep: Path, identity: str) -> list[tuple[Path, Summary]]:
    """The finished run of an identity by the hint, which avoids reading all runs."""
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
        with suppress(ValueError):  # not a run
            summary = read_summary(directory)
            if summary.identity == identity:
                found.append((directory, summary))
    return found


def _remove_run(sweep: Path, directory: Path) -> None:
    """Remove a run directory; it is renamed first, so that no half of it is taken for a run."""
    gone = sweep / SHARED / f"{REPLACED}{secrets.token_hex(8)}"
    directory.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _free_directory(sweep: Path, proposed: Path) -> Path:
    """The proposed directory, or one with the next free number if its number is taken."""
    with locked(sweep / SHARED / "numbers", wait=True):
        own, _, rest = proposed.name.partition("_")
        is_free = not proposed.is_symlink() and not any(proposed.iterdir())
        others = [name for name in os.listdir(sweep) if name != proposed.name or not is_free]
        taken = {name.partition("_")[0] for name in others}
        if own not in taken:
            return proposed
        numbers = [int(number) for number in taken if NUMBER.fullmatch(number)]
        following = next(
            n for n in itertools.count(1 + max(numbers, default=-1)) if str(n) not in taken
        )
        directory = sweep / f"{following}_{rest if NUMBER.fullmatch(own) else proposed.name}"
        directory.mkdir()
        return directory
