"""Runs in folders: found by their summaries, and read whatever state they are in.

A run that cannot be read, or that was stopped while it wrote, is a run with a reason, not an
exception. Records alone are read; nothing that a directory names is built or run.
"""

import os
import re
import socket
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deltaflow.records import (
    SUMMARY,
    EmptySummaryError,
    Summary,
    read_summary,
)
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import encodable, literal
from deltaflow.system.files import read_file

_CONFIG = ".hydra/config.yaml"
_LARGEST_CONFIG = 2**20  # bytes
_GREATEST = 1e150  # its square is a number still


@dataclass(frozen=True)
class CollectedRun:
    """A run as its records have it.

    Attributes:
        directory: where they are.
        summary: of the run; all of it is empty if that cannot be read.
        status: one of ``STATUSES``, by what is known now.
        reason: why it is not completed.
        config: the text of its configuration, to show; empty if it is not there.
    """

    directory: Path
    summary: Summary
    status: str
    reason: str | None
    config: str

    @property
    def name(self) -> str:
        """The name of its directory, as it can be written."""
        return encodable(self.directory.name)


def collect(directories: Iterable[str | Path]) -> list[CollectedRun]:
    """Read all runs of some folders.

    Args:
        directories: run directories, sweeps', or folders that hold some.

    Returns:
        The runs, each once, in natural order: 2_… before 10_….

    Raises:
        ValueError: if there is no run in one of them.
    """
    return [read_run(folder) for folder in find_runs(directories)]


def find_runs(directories: Iterable[str | Path]) -> list[Path]:
    """The run directories in some folders: those that hold a summary.

    Args:
        directories: run directories, sweeps', or folders that hold some.

    Returns:
        Their paths, each run once, in natural order within each folder.

    Raises:
        ValueError: if there is no run in one of them.
    """
    found: dict[Path, Path] = {}
    for name in directories:
        folders = sorted(_runs_below(Path(name)), key=natural)
        if not folders:
            raise UserError(
                f"Runs must be given by folders that hold some. Found no {SUMMARY} in {name}. "
                "Name run directories, or a sweep's, such as `outputs`."
            )
        for folder in folders:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def read_run(directory: Path) -> CollectedRun:
    """One run, whatever state it is in.

    Args:
        directory: that holds its summary.

    Returns:
        The run; with status ``failed`` if its summary is none, ``interrupted`` if it is marked
        as running and its process is gone, each with a reason.
    """
    try:
        summary = read_summary(directory)
        status, reason = _ending(summary, directory)
    except EmptySummaryError:
        summary, status = Summary(status="running"), "running"
        reason = f"its {SUMMARY} is empty: it has only begun, or was stopped as it did"
    except ValueError as error:
        summary, status = Summary(status="failed"), "failed"
        reason = " ".join(str(error).split())
    return CollectedRun(directory, summary, status, reason, _text(directory))


def natural(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """A sort key by which 2_… comes before 10_….

    >>> sorted([Path("10_a"), Path("2_b"), Path("2_a")], key=natural)[0].name
    '2_a'
    """
    return tuple(
        tuple(
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
            for piece in re.split(r"(\d+)", part)
            if piece
        )
        for part in path.parts
    )


def finite(value: object) -> float | None:
    """A number of a record that one can compute with; ``None`` for all else.

    >>> finite(2), finite(None), finite("2"), finite(float("nan")), finite(10**400)
    (2.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _GREATEST else None


def seen_from(place: Path, directory: Path) -> str:
    """The path of a directory from another one, the same on every system, as it can be written."""
    return encodable(Path(os.path.relpath(directory, place)).as_posix())


def _runs_below(folder: Path) -> Iterable[Path]:
    for name, folders, files in os.walk(folder):
        if SUMMARY in (*folders, *files):  # also one that is no file, which will be said
            folders.clear()  # what is in a run belongs to it
            yield Path(name)
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        _tell_of_links([os.path.join(name, folder) for folder in folders])


def _tell_of_links(folders: Sequence[str]) -> None:
    """Warn of folders that are not looked into."""
    if links := [folder for folder in folders if os.path.islink(folder)]:
        more = f" and {len(links) - 1} more" if links[1:] else ""
        warnings.warn(
            f"Runs must be in folders. Found {literal(links[0])}{more}, a symbolic link, which is "
            "left out. Name what it leads to as well.",
            stacklevel=4,
        )


def _ending(summary: Summary, directory: Path) -> tuple[str, str | None]:
    """The status of a run, and the reason for it."""
    if summary.status == "running" and not summary.is_going(directory):
        return "interrupted", _gone(summary)
    return summary.status, {
        "running": f"not ended yet, on {summary.host}",
        "failed": summary.error or "without a message",
        "interrupted": "stopped from outside",
    }.get(summary.status)


def _gone(summary: Summary) -> str:
    if summary.host != socket.gethostname():
        return f"nothing was written for an hour, on {summary.host}"
    return f"its process {summary.process} is gone"


def _text(directory: Path) -> str:
    """The configuration, to show; nothing if there is none, or no file of the run's own."""
    try:
        return read_file(directory, _CONFIG, _LARGEST_CONFIG).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
