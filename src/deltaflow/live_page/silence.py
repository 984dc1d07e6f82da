"""Silences warnings in the threads of pages that train, and in no others."""

import threading
import warnings
from contextlib import ExitStack
from typing import Any

from deltaflow.experiment.building.trainer import quiet_loggers


class Silence:
    """Ignores the warnings of a thread that is in the context; the verdict says the same.

    All threads share the filters of warnings. So there is one filter for all pages, which matches
    only in these threads, and a program that changes its filters meanwhile keeps its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._loggers = ExitStack()
        self._of_thread = threading.local()
        self._filter: Any = ("ignore", self, Warning, None, 0)

    def match(self, _: str) -> bool:
        """Whether a warning of this thread is ignored; Python asks, as it would ask a regex."""
        return bool(getattr(self._of_thread, "is_inside", False))

    def __enter__(self) -> None:
        with self._lock:
            self._of_thread.is_inside = True
            if not self._n_inside:
                self._loggers.enter_context(quiet_loggers())
            self._n_inside += 1
            if self._filter not in warnings.filters:
                warnings.filters.insert(0, self._filter)  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._of_thread.is_inside = False
            self._n_inside -= 1
            if not self._n_inside:
                self._loggers.close()
                if self._filter in warnings.filters:
                    warnings.filters.remove(self._filter)  # type: ignore[attr-defined]


SILENCE = Silence()
"""For all trainings of this process."""
