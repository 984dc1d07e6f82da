"""A stopwatch that waits for an accelerator, and what memory a process has had."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


def peak_memory() -> int:
    """Bytes that this process has had at most.

    Where Linux tells it, of its own program alone: what the system counts otherwise begins with
    the memory of the process that it was started by.
    """
    import resource

    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
