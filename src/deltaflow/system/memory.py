"""Estimates whether something fits into memory, before it is allocated.

>>> in_words(3_600_000_000)
'3.6 GB'
>>> require_memory(10**18, "`network`", "`network.width=1000000000`", "Make it smaller.")
Traceback (most recent call last):
deltaflow.system.errors.UserError: `network` must fit into memory. Found ...
"""

import errno
import os

from deltaflow.system.errors import UserError

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB")
_EXHAUSTED = (  # messages of PyTorch, whose own error type is only for graphics cards
    "DefaultCPUAllocator: ",  # the CPU allocator has no other error
    "Storage size calculation overflow",  # more bytes than 64 bits can count
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def require_memory(n_bytes: int, what: str, found: str, advice: str) -> None:
    """Refuse what does not fit into the memory of this machine.

    Args:
        n_bytes: lower bound of the memory needed, in bytes.
        what: subject of the message, such as ``The table``.
        found: the settings that need the memory.
        advice: what to do, a sentence.

    Raises:
        ValueError: if the machine has less memory. If its memory is unknown, nothing is refused.
    """
    there = installed_memory()
    if there is not None and n_bytes > there:
        raise UserError(
            f"{what} must fit into memory. Found {found}, which needs at least "
            f"{in_words(n_bytes)} where this machine has {in_words(there)}. {advice}"
        )


def installed_memory() -> int | None:
    """The memory of this machine in bytes; ``None`` if the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a POSIX system, or one without the name
        return None


def available_memory() -> int | None:
    """The free memory in bytes; ``None`` if the system does not tell."""
    import psutil  # imported late, so that a mistyped command is refused quickly

    try:
        return int(psutil.virtual_memory().available)
    except (psutil.Error, OSError, NotImplementedError):
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the processor or a graphics card."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    typed = isinstance(error, MemoryError) or ("torch", "OutOfMemoryError") in kinds
    untyped = isinstance(error, RuntimeError) and any(text in str(error) for text in _EXHAUSTED)
    return typed or untyped


def in_words(n_bytes: int) -> str:
    """A number of bytes with a suitable unit, to three digits."""
    power = min((len(str(n_bytes)) - 1) // 3, len(_UNITS) - 1)
    return f"{n_bytes / 1000**power:.3g} {_UNITS[power]}"
