"""How a run ends that does not complete: interrupted, or failed with one message."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from deltaflow.config.instantiation import error_with_part
from deltaflow.config.messages import explain
from deltaflow.config.names import resume_command
from deltaflow.records import DirectoryLostError, Recording, Status
from deltaflow.system.escaping import short_path
from deltaflow.system.signals import was_asked


@dataclass(frozen=True)
class Ending:
    """How a run ends that does not complete.

    Attributes:
        status: for its summary.
        message: of a failure, for its summary.
        error: to raise.
    """

    status: Status
    message: str | None
    error: BaseException


def broken_off(config: DictConfig, caught: BaseException, records: Recording) -> Ending:
    """Tell an interruption from a failure: what was asked for counts, not what came of it.

    Args:
        config: of the run.
        caught: what ended it.
        records: of the run.
    """
    if was_interrupted(caught):
        return Ending("interrupted", None, interrupted(records.directory))
    if not isinstance(caught, Exception):  # sys.exit() in a part, or a panic of polars
        name = type(caught).__name__
        caught = RuntimeError(f"{name}: {caught}").with_traceback(caught.__traceback__)
    error = error_with_part(config, caught)
    try:
        records.require_directory()
    except DirectoryLostError as lost:  # and whatever failed did so for that
        error = lost
    return Ending("failed", explain(error), error)


def interrupted(directory: Path) -> KeyboardInterrupt:
    """What tells the person who interrupted a run where its records are."""
    where = short_path(directory)
    return KeyboardInterrupt(
        f"What was measured until then is kept in {where}. Go on with `{resume_command(where)}`."
    )


def was_interrupted(caught: BaseException) -> bool:
    """Whether an error came of an interruption: what was asked for counts."""
    return was_asked() or _is_interruption(caught)


def _is_interruption(error: BaseException | None) -> bool:
    """Whether an interruption was raised, or came before: Lightning makes a SystemExit of it."""
    return error is not None and (
        isinstance(error, KeyboardInterrupt)
        or (isinstance(error, SystemExit) and _is_interruption(error.__context__))
    )
