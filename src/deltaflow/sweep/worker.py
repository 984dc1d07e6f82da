"""A worker process of a parallel launcher: it ends when the sweep that it works for is gone.

Joblib's workers wait for more work from a process that was killed, for minutes, with all the
memory that they hold.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_BUSY = threading.RLock()  # a run of a stack is at work within its stack
_SECONDS = 1  # between two looks


@contextmanager
def ends_with_parent(parent: int) -> Iterator[None]:
    """Keep this process until what it does within has ended, whatever becomes of the parent.

    Args:
        parent: number of the process that conducts the sweep. If that is this one's parent,
            this one ends when the parent is gone, between two stacks. A worker of joblib whose
            parent is another one has lost it, and begins nothing more: it would wait for ever
            for somebody to take what it gives back.
    """
    if os.getppid() == parent:
        _end_with(parent)
    elif multiprocessing.current_process().name.startswith("LokyProcess"):
        os._exit(1)
    with _BUSY:
        yield


@cache  # once for all that a worker does
def _end_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        with _BUSY:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
