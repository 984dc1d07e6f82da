"""Locks between processes, and whether a process still works on a run."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil

from deltaflow.system.files import open_lock

try:
    import fcntl
except ImportError:  # there are no such locks: processes have to do
    fcntl = None  # type: ignore[assignment]

_SILENCE = 3600  # seconds: any run writes more often, and none is waited for longer
_CLOCK = 2  # seconds by which the system's clocks may disagree


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of a file, which ends with the block or with the process.

    Args:
        path: of the file, made if it is not there. Nothing is ever written to it.
        wait: for another process that has it, for a moment.

    Yields:
        Whether nobody else has it. True as well where a system has no locks.

    Raises:
        UnusableFileError: if it is a link, or no regular file.
    """
    number = open_lock(path)
    try:
        mine = True
        if fcntl is not None:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                mine = False
            except OSError:  # a file system without locks
                pass
        yield mine
    finally:
        os.close(number)


def n_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_at_work(process: int | None, host: str | None, started: str | None, folder: Path) -> bool:
    """Whether a process still works on what is in a folder, as far as can be told without a lock.

    On this machine, that is whether the process lives, and began before the work did: numbers
    of processes are given again. On another one it cannot be told; there, one that has written
    nothing for an hour counts as dead.

    Args:
        process: its number.
        host: the name of its machine.
        started: when the work began, ISO 8601.
        folder: that it writes to.
    """
    if host != socket.gethostname() or process is None:
        return time.time() - _last_written(folder) < _SILENCE
    if process == os.getpid():  # who asks is not at work on it
        return False
    try:
        found = psutil.Process(process)
        is_older = found.create_time() < datetime.fromisoformat(str(started)).timestamp() + _CLOCK
        return bool(is_older and found.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, ValueError, OverflowError):  # gone, or no number of a process or time
        return False


def _last_written(directory: Path) -> float:
    """When anything in a directory was last written, in seconds of the epoch."""
    last = 0.0
    for folder, _, files in os.walk(directory):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            try:
                last = max(last, os.lstat(path).st_mtime)
            except OSError:  # gone meanwhile: somebody is at work
                return time.time()
    return last
