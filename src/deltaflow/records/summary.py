"""``summary.json``: what was run, how it ended, and the numbers that matter."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from deltaflow.records.decoding import WrongFieldError, decode
from deltaflow.records.fields import Summary
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.system.files import (
    UnusableFileError,
    create_file,
    overwrite_file,
    read_file,
    replace_file,
)

SUMMARY = "summary.json"
_WRITTEN = (
    SUMMARY, "layers.parquet", "metrics.parquet", "records", "flow.png", ".hydra", "checkpoints",
    "tensorboard", "csv", "wandb", "fit-profile.txt", "validate-profile.txt", "test-profile.txt",
)  # fmt: skip
"""What a run writes. Where one of these is, something of somebody's would be overwritten."""
_LARGEST = 2**26  # bytes of a summary: one of fifty thousand replicas
_MOST_VALUES = 2**22  # of a summary; a few bytes each could be gigabytes in memory


class DirectoryTakenError(UserError):
    """Another run has the directory."""


class EmptySummaryError(UserError):
    """A run has taken its directory, and nothing is known of it yet."""


def claim(directory: Path, summary: Summary) -> None:
    """Take a directory for a run, before any other can.

    The first summary is there whole at once, so whoever finds one knows whose it is.

    Args:
        directory: the run directory; made if it is not there.
        summary: of the run as it begins.

    Raises:
        DirectoryTakenError: if another run has it.
    """
    content = _written(summary)
    directory.mkdir(parents=True, exist_ok=True)
    taken = [name for name in _WRITTEN if os.path.lexists(directory / name)]
    try:
        if not taken:
            create_file(directory / SUMMARY, content)
            return
    except FileExistsError:
        taken = [SUMMARY]
    found = "the records of another" if SUMMARY in taken else f"`{taken[0]}`"
    raise DirectoryTakenError(
        f"A run needs a directory of its own. Found {found} in {directory}. Name a new one, or "
        "delete that."
    )


def reclaim(directory: Path, summary: Summary) -> Summary:
    """Take the directory of a run that was stopped, for the same run.

    Args:
        directory: the run directory.
        summary: of the run as it goes on.

    Returns:
        The summary that was there. How long it took stays in the new one.

    Raises:
        DirectoryTakenError: if it has ended, is going, or is another; nothing is touched.
        ValueError: if there is no summary.
    """
    found, where = read_summary(directory), literal(str(directory))
    if found.status in ("completed", "diverged"):
        reason = f"one that has {found.status} in {where}. Run it anew to train longer"
    elif found.is_going(directory):
        reason = f"that process {found.process} still works on {where}. Wait, or stop it first"
    elif found.identity != summary.identity:
        reason = (
            f"other settings, or other data, than those of {where}. Leave out what you have typed "
            "behind `resume=…`, and put back its table"
        )
    else:
        write_summary(directory, replace(summary, wall_seconds=found.wall_seconds))
        return found
    raise DirectoryTakenError(f"A run that goes on must have been stopped. Found {reason}.")


def write_summary(directory: Path, summary: Summary) -> None:
    """Write ``summary.json`` in one go."""
    content = _written(summary)
    path = directory / SUMMARY
    try:
        replace_file(path, content)
    except OSError:  # a full disk; but what the summary that is there takes is ours already
        overwrite_file(path, content)


def read_summary(directory: Path) -> Summary:
    """Read ``summary.json``, whoever wrote it.

    Args:
        directory: the run directory.

    Raises:
        EmptySummaryError: if it is empty.
        ValueError: if there is none, it cannot be read, or a field is not what it must be.
    """
    where = literal(str(directory))
    try:
        content = read_file(directory, SUMMARY, _LARGEST)
        if not content:
            raise EmptySummaryError(
                f"A {SUMMARY} must say how its run goes. Found it empty in {where}: the run has "
                "only begun, or was stopped as it did. Read it later, or run again."
            )
        if sum(content.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES:,} values")
        values = json.loads(content, parse_constant=lambda _: None)  # not finite: null
        return decode(Summary, values)
    except (EmptySummaryError, UnusableFileError):
        raise
    except WrongFieldError as error:
        raise UserError(
            f"A {SUMMARY} must be as train.py writes it: {error} "
            f"Leave {where} out, or run it again."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"A run directory must hold a readable {SUMMARY}. Found "
            f"{literal(' '.join(str(error).split()))[:200]} in {where}. "
            "Name a directory that train.py has written."
        ) from error


def summary_of(values: Any) -> Summary:
    """A summary of fields as JSON would have them, NaN and infinities as null.

    Raises:
        WrongFieldError: for the first field that is not what it must be.
    """
    return decode(Summary, _finite(values))


def _written(summary: Summary) -> bytes:
    text = json.dumps(asdict(summary), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
