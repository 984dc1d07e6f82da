"""Reads and writes ``summary.json``, by which a run also takes its directory."""

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
"""Files that a run writes. A directory that has one of them is not taken by another run."""
_LARGEST = 2**26  # bytes of a summary, enough for fifty thousand replicas
_MAX_VALUES = 2**22  # of a summary; decoded, each takes far more memory than in the file


class DirectoryTakenError(UserError):
    """Another run has the directory."""


class EmptySummaryError(UserError):
    """The summary is an empty file: the run has just taken its directory."""


def claim_directory(directory: Path, summary: Summary) -> None:
    """Take a directory for a new run by creating its summary, which only one run can do.

    The file appears with its whole content at once.

    Args:
        directory: the run directory; it is created if it does not exist.
        summary: the first summary of the run.

    Raises:
        DirectoryTakenError: if the directory has files of another run, or is a file.
    """
    content = _written(summary)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DirectoryTakenError(
            f"A run needs a directory of its own. Found a file at {directory}, or at a "
            "folder above it. Name a new one."
        ) from None
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


def reclaim_directory(directory: Path, summary: Summary) -> Summary:
    """Take the directory of a stopped run again, in order to resume it.

    Args:
        directory: the run directory.
        summary: the first summary of the resumed run; it gets the ``wall_seconds`` of the old.

    Returns:
        The old summary.

    Raises:
        DirectoryTakenError: if the run has completed or diverged, is still training, or has
            another identity. No file is changed then.
        ValueError: if there is no summary.
    """
    found, where = read_summary(directory), literal(str(directory))
    if found.status in ("completed", "diverged"):
        reason = f"one that has {found.status} in {where}. Run it anew to train longer"
    elif found.is_alive(directory):
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
    """Write ``summary.json``, whole or not at all unless the disk is full."""
    content = _written(summary)
    path = directory / SUMMARY
    try:
        replace_file(path, content)
    except OSError:  # the disk is full, but the old summary's space can be used again
        overwrite_file(path, content)


def read_summary(directory: Path) -> Summary:
    """Read ``summary.json``; the file is not trusted.

    Raises:
        EmptySummaryError: if the file is empty.
        ValueError: if there is no file, it cannot be read, or a field has a wrong value.
    """
    where = literal(str(directory))
    try:
        content = read_file(directory, SUMMARY, _LARGEST)
        if not content:
            raise EmptySummaryError(
                f"A {SUMMARY} must say how its run goes. Found it empty in {where}: the run has "
                "only begun, or was stopped as it did. Read it later, or run again."
            )
        if sum(content.count(mark) for mark in (b",", b"[", b"{")) > _MAX_VALUES:
            raise ValueError(f"more than {_MAX_VALUES:,} values")
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
    """Build a summary from JSON-like values; NaN and infinities become null.

    Raises:
        WrongFieldError: for the first field with a wrong value.
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
