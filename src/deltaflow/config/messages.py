"""Turns any error into one message: what was expected, what was found, what to do."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps

from deltaflow.config.composition.errors import explain_composition
from deltaflow.system.error_kinds import (
    file_in_place_of_folder,
    is_about_a_connection,
    is_about_a_file,
)
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.system.memory import is_out_of_memory

INTERRUPTED = 130
"""The exit status after Ctrl-C, 128 + SIGINT, as in shells."""
_LOST_WORKERS = (  # names of error classes, most of them of plugins
    "TerminatedWorkerError", "BrokenProcessPool", "UncompletedJobError",
    "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "LostProcessError",
)  # fmt: skip


def explain(error: BaseException) -> str:
    """The message for an error: what was expected, what was found, what to do."""
    said = " ".join(str(error).split())
    if message := explain_composition(error):
        return message
    if is_out_of_memory(error):
        return (
            f"A run must fit into memory. Found too little of it: {said[:200] or 'none is left'}. "
            "Make the network, `n_seeds`, `data.batch_size` or the data smaller."
        )
    if is_lost_worker(error) and not isinstance(error, UserError):
        return (
            f"A sweep in parallel must keep its processes. Found that one of them has ended: "
            f"{_first_sentence(said)} If memory ran out, run fewer at once: "
            "`hydra/launcher=joblib hydra.launcher.n_jobs=1`."
        )
    if isinstance(error, UnicodeDecodeError):
        return f"A file must hold text in UTF-8. Found other bytes: {said}. Save it as UTF-8."
    if isinstance(error, UnicodeEncodeError):
        return (
            f"Names and settings must be text that {error.encoding} has. Found "
            f"{error.object[error.start : error.end][:20]!r}. Rename what is called so, or set "
            "PYTHONUTF8=1."
        )
    if is_about_a_connection(error):
        return (
            "What a run talks to must answer. Found no connection: "
            f"{said[:300] or type(error).__name__}. Check its address and the network, "
            "or leave it out, as with `logger=tensorboard`."
        )
    if (file := file_in_place_of_folder(error)) is not None:
        return (
            f"A directory must be a folder, or not exist yet. Found {literal(str(file))[:300]}, "
            "which is a file. Name another, or move it."
        )
    if is_about_a_file(error):
        return (
            f"A file must be one that can be used. Found {said[:300]}. Check its path, its "
            "permissions and the free space."
        )
    if isinstance(error, UserError):
        return str(error)
    return (
        f"{type(error).__name__}: {said.rstrip('.')}. This should not have come so far. "
        "HYDRA_FULL_ERROR=1 shows where it did."
    )


def _first_sentence(said: str) -> str:
    """The first sentence of a plugin's message, without the log that follows it."""
    return f"{said.partition('. ')[0][:200].rstrip('.')}."


def is_lost_worker(error: BaseException) -> bool:
    """Whether an error means that a process of a parallel launcher ended during a run."""
    return type(error).__name__ in _LOST_WORKERS


@contextmanager
def errors_as_messages(with_traceback: bool) -> Iterator[None]:
    """Turn an error into a message and exit status 1; with ``with_traceback``, raise it."""
    try:
        yield
    except Exception as error:
        if with_traceback:
            raise
        if not isinstance(error, BrokenPipeError):  # nobody reads the output any more
            print_error(explain(error))
        raise SystemExit(1) from error


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turn any error into a ``UserError`` with its message."""
    try:
        yield
    except Exception as error:  # Hydra raises errors of many types
        raise UserError(explain(error)) from error


@contextmanager
def in_one_message() -> Iterator[None]:
    """Turn an error or Ctrl-C into one message and an exit status, and warnings into messages.

    The exit status is 1 after an error and ``INTERRUPTED`` after Ctrl-C. With
    ``HYDRA_FULL_ERROR=1`` errors are raised unchanged.
    """
    with warnings.catch_warnings(), errors_as_messages(os.environ.get("HYDRA_FULL_ERROR") == "1"):
        print_warnings()
        try:
            yield
        except KeyboardInterrupt:
            print_error("interrupted.")
            raise SystemExit(INTERRUPTED) from None


def entry_point(run: Callable[[Sequence[str]], None]) -> Callable[..., None]:
    """Make a command of a function, with its module's docstring as help.

    Errors become one message. A ``_target_`` may name a class in the folder where the command is
    started.

    Args:
        run: the function, which gets the arguments of the command.

    Returns:
        A function whose arguments are by default those of the command line.
    """

    @wraps(run)
    def main(arguments: Sequence[str] | None = None) -> None:
        typed = sys.argv[1:] if arguments is None else arguments
        with in_one_message():
            if {"-h", "--help"} & set(typed):
                print(sys.modules[run.__module__].__doc__)  # noqa: T201
            else:
                sys.path.append(os.getcwd())
                run(typed)

    return main


class WarningPrinter:
    """Prints each warning as a message, once."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def __call__(self, message: Warning | str, *_: object, **__: object) -> None:
        """Take the place of :func:`warnings.showwarning`."""
        if str(message) not in self._printed:
            self._printed.add(str(message))
            print_error(f"warning: {message}")


def print_warnings() -> None:
    """Print warnings as messages from now on, each once, except those meant for developers.

    A worker calls this before each of its runs; what it has printed is not printed again.
    """
    for category in (DeprecationWarning, FutureWarning):  # these concern libraries
        warnings.simplefilter("ignore", category)
    if not isinstance(warnings.showwarning, WarningPrinter):
        warnings.showwarning = WarningPrinter()


def print_error(message: str) -> None:
    """Print a message to standard error; a closed terminal is ignored."""
    with suppress(OSError):  # a terminal that was closed
        print(f"deltaflow: {message}", file=sys.stderr, flush=True)  # noqa: T201
