"""Locks between processes, the number of cores, and whether a process is alive."""

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
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

_SILENCE = 3600  # seconds; every run writes more often
_CLOCK = 2  # seconds by which the clocks of the system may differ


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Lock a file until the block or the process ends.

    Args:
        path: path of the file; it is created if it does not exist, and stays empty.
        wait: whether to wait for another process that holds the lock.

    Yields:
        Whether this process holds the lock; also true on a system without locks.

    Raises:
        UnusableFileError: if it is a link, or not a regular file.
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
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_process_alive(
    process: int | None, host: str | None, started: str | None, folder: Path
) -> bool:
    """Whether the process that works on a folder is still alive, judged without a lock.

    On this machine the process must exist and have started before the work, because process ids
    are reused. On another machine it counts as dead if it has written nothing for an hour.

    Args:
        process: process id.
        host: name of its machine.
        started: when the work began, ISO 8601.
        folder: the folder that it writes to.
    """
    if host != socket.gethostname() or process is None:
        return time.time() - _last_written(folder) < _SILENCE
    if process == os.getpid():  # the caller does not work on it
        return False
    try:
        found = psutil.Process(process)
        is_older = found.create_time() < datetime.fromisoformat(str(started)).timestamp() + _CLOCK
        return bool(is_older and found.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, ValueError, OverflowError):  # no such process, or a wrong time
        return False


def _last_written(directory: Path) -> float:
    """Time of the last change of anything in a directory, in seconds since the epoch."""
    last = 0.0
    for folder, _, files in os.walk(directory):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            try:
                last = max(last, os.lstat(path).st_mtime)
            except OSError:  # just removed: a process is at work
                return time.time()
    return last
