"""A worker process of a parallel launcher: it ends when the sweep that it works for is gone.

Joblib's workers wait for more work from a process that was killed, for minutes, with all the
memory that they hold.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_AT_WORK = threading.Lock()
_SECONDS = 1  # between two looks


@contextmanager
def at_work(conductor: int) -> Iterator[None]:
    """Keep this process until what it does within has ended, whatever becomes of the conductor.

    Args:
        conductor: number of the process that conducts the sweep. If that is this one's parent,
            this one ends when the parent is gone, between two runs.
    """
    if os.getppid() == conductor:
        _end_with(conductor)
    with _AT_WORK:
        yield


@cache  # once for all runs of a worker
def _end_with(conductor: int) -> None:
    def watch() -> None:
        while os.getppid() == conductor:
            time.sleep(_SECONDS)
        with _AT_WORK:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
