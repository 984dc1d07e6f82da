"""Checks and repairs the environment of a command: streams, folder, variables, memory limit.

It imports only the standard library, because other libraries may fail in a broken environment.
"""

import gc
import importlib
import os
import sys
from types import ModuleType

from deltaflow.system.errors import UserError

_OLDEST_THRESHOLD = 100  # middle collections before one of the oldest generation; default 10
_MIN_ADDRESSES = 2_000_000_000  # bytes of address space that the libraries need


def prepare_environment() -> None:
    """Repair the environment before any library is imported.

    A closed standard stream is opened on the null device; otherwise the next file to be opened
    would get its number, and output would go there. Matplotlib draws to files, without a display
    or a notebook. NumPy computes with one thread: its products are small here, and on a busy
    machine its threads wait for each other, so that a dot product takes 4 ms.

    Raises:
        ValueError: if the working directory does not exist, the address space is limited to less
            than the libraries need, or ``POLARS_MAX_THREADS`` is 0.
    """
    _open_closed_streams()
    os.environ["MPLBACKEND"] = "agg"
    if "OMP_NUM_THREADS" not in os.environ:  # OpenBLAS reads it as well
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError(
            "A command must run in a folder that is there. Found that this one was deleted. "
            "Change to another one."
        ) from None
    if (threads := os.environ.get("POLARS_MAX_THREADS")) and threads.strip("+0") == "":
        raise UserError(
            f"POLARS_MAX_THREADS must be at least 1. Found {threads}. Unset it, or use "
            "POLARS_MAX_THREADS=1."
        )
    _require_addresses()


def import_without_gc(name: str) -> ModuleType:
    """Import a module with the garbage collector off, and exempt what it created from collection.

    Libraries create a million objects that stay. Traversing them again and again takes a seventh
    of the import time of a training. Afterwards the oldest generation is collected ten times less
    often than by default, because most of its objects stay as well.
    """
    if name in sys.modules or not gc.isenabled():
        return importlib.import_module(name)
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _OLDEST_THRESHOLD)
        gc.enable()


def _open_closed_streams() -> None:
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            _open_on_null(number)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _open_on_null(number: int) -> None:
    """Open a file descriptor on the null device, unless it is open."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)


def _require_addresses() -> None:
    """Refuse an address-space limit under which the libraries would crash during import."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if 0 <= limit < _MIN_ADDRESSES:
        raise UserError(
            f"PyTorch and its like must have 2 GB of memory addresses. Found a limit of "
            f"{limit / 1e9:.3g} GB, as `ulimit -v` sets it. Use `ulimit -v unlimited`."
        )
