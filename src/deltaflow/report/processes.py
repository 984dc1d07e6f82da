"""Whether the process that began a run is still at it."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

_PROC = Path("/proc")  # Linux alone has it; elsewhere a number that is in use counts
_LATER = 2.0  # seconds by which clocks and roundings may differ


def ended(summary: Mapping[str, Any]) -> str | None:
    """Why a run that is marked as running cannot be.

    Args:
        summary: of the run.

    Returns:
        The reason; ``None`` if its process is at it, or is on another machine, or is not
        known.
    """
    number, host = summary.get("process"), summary.get("host")
    if not isinstance(number, int) or number < 1 or host != socket.gethostname():
        return None
    if number == os.getpid():  # whoever asks is not training
        return "its records stop before its end"
    if not _alive(number) or _another(number, summary.get("started")):
        return f"its process {number} is gone"
    return None


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # there, and somebody else's
        return True
    return _state(number) != "Z"  # ended, and nobody has asked how


def _state(number: int) -> str | None:
    fields = _fields(number)
    return fields[0] if fields else None


def _another(number: int, started: object) -> bool:
    """Whether a process of this number began only after the run did."""
    fields = _fields(number)
    try:
        boot = next(
            int(line.split()[1])
            for line in (_PROC / "stat").read_text().splitlines()
            if line.startswith("btime")
        )
        begun = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return begun > datetime.fromisoformat(str(started)).timestamp() + _LATER
    except (OSError, ValueError, LookupError, StopIteration):
        return False


def _fields(number: int) -> list[str]:
    """What Linux says of a process, from its state on; see proc(5)."""
    try:
        return (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
