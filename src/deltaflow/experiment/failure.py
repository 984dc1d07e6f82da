"""How a run ends that does not complete: it is interrupted, or it fails."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from deltaflow.config.instantiation import error_with_part
from deltaflow.config.messages import explain
from deltaflow.config.names import resume_command
from deltaflow.records import DirectoryLostError, Recording, Status
from deltaflow.system.escaping import short_path
from deltaflow.system.signals import interrupt_requested


@dataclass(frozen=True)
class Ending:
    """The ending of a run that does not complete.

    Attributes:
        status: the status for the summary.
        message: the error message for the summary; ``None`` after an interruption.
        error: the exception to raise.
    """

    status: Status
    message: str | None
    error: BaseException


def ending_of(config: DictConfig, caught: BaseException, records: Recording) -> Ending:
    """Decide whether an error means that a run was interrupted or that it has failed.

    After a signal has asked for an interruption, every error counts as one.
    """
    if was_interrupted(caught):
        return Ending("interrupted", None, interruption(records.directory))
    if not isinstance(caught, Exception):  # sys.exit() in a part, or a panic of polars
        name = type(caught).__name__
        caught = RuntimeError(f"{name}: {caught}").with_traceback(caught.__traceback__)
    error = error_with_part(config, caught)
    try:
        records.require_directory()
    except DirectoryLostError as lost:  # the cause of the error that was caught
        error = lost
    return Ending("failed", explain(error), error)


def interruption(directory: Path) -> KeyboardInterrupt:
    """The exception whose message says where the records are, and how to resume the run."""
    where = short_path(directory)
    return KeyboardInterrupt(
        f"What was measured until then is kept in {where}. Go on with `{resume_command(where)}`."
    )


def was_interrupted(caught: BaseException) -> bool:
    """Whether a signal has asked for an interruption, or the error is one."""
    return interrupt_requested() or _is_interruption(caught)


def _is_interruption(error: BaseException | None) -> bool:
    """Whether an error is a ``KeyboardInterrupt``, or Lightning's ``SystemExit`` after one."""
    return error is not None and (
        isinstance(error, KeyboardInterrupt)
        or (isinstance(error, SystemExit) and _is_interruption(error.__context__))
    )
