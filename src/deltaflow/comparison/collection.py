"""Finds runs in folders by their summaries, and reads them.

A run that cannot be read, or that was stopped while it wrote, is not an error: it is listed with a
reason. Only records are read; no class that a directory names is built.
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
_GREATEST = 1e150  # its square is still finite


@dataclass(frozen=True)
class CollectedRun:
    """A run as it was read from its directory.

    Attributes:
        directory: the run directory.
        summary: the run's summary; empty if it cannot be read.
        status: one of ``STATUSES``; a run marked as running whose process is gone is interrupted.
        reason: why the run is not completed; ``None`` if it is.
        config: the text of the configuration; empty if there is none.
    """

    directory: Path
    summary: Summary
    status: str
    reason: str | None
    config: str

    @property
    def name(self) -> str:
        """The name of the directory, with characters that cannot be encoded replaced."""
        return encodable(self.directory.name)


def collect(directories: Iterable[str | Path]) -> list[CollectedRun]:
    """Read all runs in some folders.

    Args:
        directories: run directories, sweep directories, or folders that contain some.

    Returns:
        The runs, each once, in natural order: 2_… before 10_….

    Raises:
        ValueError: if a folder contains no run.
    """
    return [read_run(folder) for folder in find_runs(directories)]


def find_runs(directories: Iterable[str | Path]) -> list[Path]:
    """Find the run directories in some folders, which are those with a summary.

    Args:
        directories: run directories, sweep directories, or folders that contain some.

    Returns:
        The paths, each run once, in natural order within each folder.

    Raises:
        ValueError: if a folder contains no run.
    """
    found: dict[Path, Path] = {}
    for name in directories:
        folders = sorted(_runs_below(Path(name), warns=True), key=natural_order)
        if not folders:
            raise UserError(
                f"Runs must be given by folders that hold some. Found no {SUMMARY} in {name}. "
                "Name run directories, or a sweep's, such as `outputs`."
            )
        for folder in folders:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def named_run(directory: Path) -> Summary:
    """Read the summary of the one run that the user has named.

    Args:
        directory: a run directory.

    Raises:
        ValueError: if it is not a run directory, with the runs below it, or its summary cannot be
            read.
    """
    if os.path.lexists(directory / SUMMARY):
        return read_summary(directory)
    where = literal(str(directory))
    if below := sorted(_runs_below(directory), key=natural_order):
        runs = "one run" if len(below) == 1 else f"{len(below)} runs"
        raise UserError(
            f"One run must be named, by its own directory. Found {runs} below {where}. Name one, "
            f"such as `{literal(str(below[0]))}`."
        )
    if directory.is_dir():
        found = f"no {SUMMARY} in {where}"
    else:
        found = f"that {where} is {'a file' if directory.exists() else 'not there'}"
    raise UserError(
        f"A run must be named by its directory. Found {found}. Name one that train.py has written."
    )


def read_run(directory: Path) -> CollectedRun:
    """Read one run in any state.

    Returns:
        The run. Its status is ``failed`` if the summary cannot be read, and ``interrupted`` if it
        is marked as running but its process is gone; both have a reason.
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


def natural_order(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """A sort key by which 2_… comes before 10_….

    >>> sorted([Path("10_a"), Path("2_b"), Path("2_a")], key=natural_order)[0].name
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


def finite_or_none(value: object) -> float | None:
    """A value as a finite float of moderate size; ``None`` for any other value.

    >>> [finite_or_none(value) for value in (2, None, "2", float("nan"), 10**400)]
    [2.0, None, None, None, None]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _GREATEST else None


def relative_path(directory: Path, start: Path) -> str:
    """The path of ``directory`` relative to ``start``, with forward slashes, safe to encode."""
    return encodable(Path(os.path.relpath(directory, start)).as_posix())


def _runs_below(folder: Path, warns: bool = False) -> Iterable[Path]:
    """Find the run directories in a folder, and warn of links if wanted."""
    for name, folders, files in os.walk(folder):
        if SUMMARY in (*folders, *files):  # a folder of this name is reported later
            folders.clear()  # folders inside a run are not searched
            yield Path(name)
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        if warns:
            _warn_of_links([os.path.join(name, folder) for folder in folders])


def _warn_of_links(folders: Sequence[str]) -> None:
    """Warn of links, which are not followed."""
    if links := [folder for folder in folders if os.path.islink(folder)]:
        more = f" and {len(links) - 1} more" if links[1:] else ""
        warnings.warn(
            f"Runs must be in folders. Found {literal(links[0])}{more}, a symbolic link, which is "
            "left out. Name what it leads to as well.",
            stacklevel=4,
        )


def _ending(summary: Summary, directory: Path) -> tuple[str, str | None]:
    """The status of a run, and why it is not completed."""
    if summary.status == "running" and not summary.is_alive(directory):
        return "interrupted", _lost_process(summary)
    return summary.status, {
        "running": f"not ended yet, on {summary.host}",
        "failed": summary.error or "without a message",
        "interrupted": "stopped from outside",
    }.get(summary.status)


def _lost_process(summary: Summary) -> str:
    if summary.host != socket.gethostname():
        return f"nothing was written for an hour, on {summary.host}"
    return f"its process {summary.process} is gone"


def _text(directory: Path) -> str:
    """The text of the configuration; empty if there is no regular file of it in the directory."""
    try:
        return read_file(directory, _CONFIG, _LARGEST_CONFIG).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
