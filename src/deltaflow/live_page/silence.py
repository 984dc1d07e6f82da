"""Silences warnings while pages train, each in a thread of its own."""

import threading
import warnings
from contextlib import ExitStack

from deltaflow.experiment.building.trainer import quiet_lightning


class Silence:
    """Ignores warnings while at least one thread is in the context.

    Filters of warnings belong to all threads. If each training restored those that it found, the
    last one might restore those of another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._filters = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_inside:
                self._filters.enter_context(quiet_lightning())
                warnings.simplefilter("ignore", UserWarning)  # the verdict says the same
            self._n_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._filters.close()


SILENCE = Silence()
"""For all trainings of this process."""
