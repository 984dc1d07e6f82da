"""A stopwatch that waits for an accelerator."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def stopwatch(device: torch.device) -> Iterator[Callable[[], float]]:
    """Time what is done within, an accelerator's pending work included."""

    def now() -> float:
        if device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter()

    started = now()
    ended = started
    yield lambda: ended - started
    ended = now()
