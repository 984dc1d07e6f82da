"""Runs in folders: found by their summaries, and read whatever state they are in.

A run that cannot be read, or that was stopped while it wrote, is a run with a reason, not an
exception. Records alone are read; nothing that a directory names is built or run.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from deltaflow.liveness import is_going
from deltaflow.records import Schema, read_summary
from deltaflow.records.summary import SUMMARY
from deltaflow.records.tables import read_columns

STATUSES = ("completed", "diverged", "failed", "interrupted", "running")
_CONFIG = Path(".hydra") / "config.yaml"
_KINDS = {"replicas": list, "metrics": dict, "flow": dict, "verdicts": list, "choices": dict,
          "overrides": list, "command": list, "versions": dict}  # fmt: skip
_PARTS = ("final", "best", "test", "flow")  # of a replica


@dataclass(frozen=True)
class CollectedRun:
    """A run as its records have it.

    Attributes:
        directory: where they are.
        summary: as in ``summary.json``; nearly empty if that cannot be read.
        status: one of ``STATUSES``, by what is known now.
        reason: why it is not completed.
        config: the text of its configuration, to show; empty if it is not there.
    """

    directory: Path
    summary: Mapping[str, Any]
    status: str
    reason: str | None
    config: str

    def table(self, schema: Schema, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of one of its tables, or what there is of them before it ended.

        Args:
            schema: of the table.
            columns: names.

        Returns:
            The rows, in no order; none if nothing was written.

        Raises:
            ValueError: if a file there is not such a table.
        """
        return read_columns(self.directory, schema, columns)


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
            raise ValueError(
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
    config = _text(directory / _CONFIG)
    try:
        if not (directory / SUMMARY).stat().st_size:
            reason = f"its {SUMMARY} is empty: it has only begun, or was stopped as it did"
            return CollectedRun(directory, _whole({}), "running", reason, config)
        summary = _whole(read_summary(directory))
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        return CollectedRun(directory, _whole({}), "failed", reason, config)
    return CollectedRun(directory, summary, *_ending(summary, directory), config)


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
    """A number of a record; ``None`` for all else.

    >>> finite(2), finite(None), finite("2"), finite(float("nan"))
    (2.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if abs(number) < float("inf") else None


def seen_from(place: Path, directory: Path) -> str:
    """The path of a directory from another one, the same on every system."""
    return Path(os.path.relpath(directory, place)).as_posix()


def _runs_below(folder: Path) -> Iterable[Path]:
    for name, folders, files in os.walk(folder):
        if SUMMARY in files:
            folders.clear()  # what is in a run belongs to it
            yield Path(name)
        folders[:] = [folder for folder in folders if not folder.startswith(".")]


def _ending(summary: Mapping[str, Any], directory: Path) -> tuple[str, str | None]:
    """The status of a run, and the reason for it."""
    status = str(summary["status"])
    if status == "running" and not is_going(summary, directory):
        return "interrupted", _gone(summary)
    return status, {
        "running": f"not ended yet, on {summary.get('host')}",
        "failed": str(summary.get("error") or "without a message"),
        "interrupted": "stopped from outside",
    }.get(status)


def _gone(summary: Mapping[str, Any]) -> str:
    if summary.get("host") != socket.gethostname():
        return f"nothing was written for an hour, on {summary.get('host')}"
    return f"its process {summary.get('process')} is gone"


def _whole(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with every field that is relied on, of the kind that it should be.

    Raises:
        ValueError: for a field of another kind.
    """
    filled: dict[str, Any] = {name: kind() for name, kind in _KINDS.items()} | dict(summary)
    filled["theory"] = filled.get("theory") or {}
    kinds = _KINDS | {"theory": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(filled[name], kind)]
    if not wrong and not all(map(_is_replica, filled["replicas"])):
        wrong = ["replicas"]
    if not wrong and not all(map(_is_verdict, filled["verdicts"])):
        wrong = ["verdicts"]
    if summary and filled["status"] not in STATUSES:
        wrong = ["status"]
    if wrong:
        raise ValueError(
            f"A {SUMMARY} must be as train.py writes it. Found another kind of `{wrong[0]}`. "
            "Leave the run out, or run it again."
        )
    return filled


def _is_replica(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("seed"), int)
        and all(isinstance(value.setdefault(part, {}), dict) for part in _PARTS)
    )


def _is_verdict(value: object) -> bool:
    return isinstance(value, dict) and {"kind", "words"} <= set(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
