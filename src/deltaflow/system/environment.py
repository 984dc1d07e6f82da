"""The environment of a command: streams, working directory, variables, a limit on memory.

Nothing but the standard library is imported here, for libraries are what would stumble.
"""

import gc
import importlib
import os
import sys
from types import ModuleType

from deltaflow.system.errors import UserError

_SELDOM = 100  # collections of what is younger, ten by default
_LIBRARIES_TAKE = 2_000_000_000  # bytes of addresses, once all are imported and at work


def prepare() -> None:
    """Make good what can be, before any library is imported.

    A standard stream that was closed leads nowhere from now on: the next file to be opened would
    get its number, and be written to. Figures go to files, so no library needs the display, or
    the notebook, that the environment speaks of. NumPy's products are small here, and threads for
    them wait for each other where something else works too: a dot product then takes 4 ms.

    Raises:
        ValueError: for the first that cannot: a folder that is gone, too little memory, or
            none of the threads that polars needs.
    """
    _open_closed_streams()
    os.environ["MPLBACKEND"] = "agg"
    if "OMP_NUM_THREADS" not in os.environ:  # which counts for it too
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


def imported(name: str) -> ModuleType:
    """Import a module and all that it takes; look for no garbage meanwhile, and in it never.

    Libraries make a million objects that stay, and the collector would go through them again and
    again: a seventh of the time of a training's imports. Later it looks seldom at what has grown
    old, most of which stays as well.
    """
    if name in sys.modules or not gc.isenabled():
        return importlib.import_module(name)
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _SELDOM)
        gc.enable()


def _open_closed_streams() -> None:
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            _occupy(number)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _occupy(number: int) -> None:
    """Let a file descriptor lead nowhere, unless it is open."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def _require_addresses() -> None:
    """Refuse a limit under which libraries would end the process in the middle of their import."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if 0 <= limit < _LIBRARIES_TAKE:
        raise UserError(
            f"PyTorch and its like must have 2 GB of memory addresses. Found a limit of "
            f"{limit / 1e9:.3g} GB, as `ulimit -v` sets it. Use `ulimit -v unlimited`."
        )
