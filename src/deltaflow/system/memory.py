"""Does it fit into memory? Better asked before than found out halfway.

>>> in_words(3_600_000_000)
'3.6 GB'
>>> require(10**18, "`network`", "`network.width=1000000000`", "Make it smaller.")
Traceback (most recent call last):
deltaflow.system.errors.UserError: `network` must fit into memory. Found ...
"""

import errno
import os

from deltaflow.system.errors import UserError

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB")
_EXHAUSTED = (  # RuntimeErrors of PyTorch's, which has a type only for graphics cards
    "DefaultCPUAllocator: ",  # its allocator on the processor says nothing else
    "Storage size calculation overflow",  # more bytes than 64 bits can count
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def require(n_bytes: int, what: str, found: str, advice: str) -> None:
    """Refuse what cannot fit.

    Args:
        n_bytes: that it needs at least.
        what: needs them.
        found: the settings that ask for them.
        advice: what to do.

    Raises:
        ValueError: if the machine has less; one that does not say what it has has enough.
    """
    there = installed()
    if there is not None and n_bytes > there:
        raise UserError(
            f"{what} must fit into memory. Found {found}, which needs at least "
            f"{in_words(n_bytes)} where this machine has {in_words(there)}. {advice}"
        )


def installed() -> int | None:
    """Bytes of memory that this machine has; ``None`` where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a POSIX system, or one without the name
        return None


def available() -> int | None:
    """Bytes of memory that nothing uses; ``None`` where the system does not say."""
    import psutil  # which a command that is mistyped need not wait for

    try:
        return int(psutil.virtual_memory().available)
    except (psutil.Error, OSError, NotImplementedError):
        return None


def ran_out(error: BaseException) -> bool:
    """Whether memory was what an error lacked, on the processor or a graphics card."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    typed = isinstance(error, MemoryError) or ("torch", "OutOfMemoryError") in kinds
    untyped = isinstance(error, RuntimeError) and any(text in str(error) for text in _EXHAUSTED)
    return typed or untyped


def in_words(n_bytes: int) -> str:
    """A number of bytes with the unit in which it is short."""
    power = min((len(str(n_bytes)) - 1) // 3, len(_UNITS) - 1)
    return f"{n_bytes / 1000**power:.3g} {_UNITS[power]}"
