"""Ends the worker processes of a parallel launcher when their parent is gone.

Otherwise joblib's workers would wait minutes for work from a killed process, and keep their memory.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_BUSY = threading.RLock()  # reentrant, because a run is trained within its stack
_SECONDS = 1  # between two checks


@contextmanager
def ends_with_parent(parent: int) -> Iterator[None]:
    """End this process once its parent is gone, but not during the block.

    A worker of joblib that has lost its parent ends at once: nobody would take its results, and it
    would wait for ever.

    Args:
        parent: process id of the command that started the sweep. Nothing happens in that process
            itself.
    """
    if os.getppid() == parent:
        _end_with(parent)
    elif multiprocessing.current_process().name.startswith("LokyProcess"):
        os._exit(1)
    with _BUSY:
        yield


@cache  # one thread per worker
def _end_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        with _BUSY:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
