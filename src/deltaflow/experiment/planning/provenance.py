"""The origin of a run: command, settings, versions, commit and machine."""

import importlib.metadata
import os
import platform
import socket
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from deltaflow.records import Summary, summary_of
from deltaflow.system.installation import checkout

_LIBRARIES = ("deltaflow", "torch", "lightning", "hydra-core", "numpy", "polars")


def first_summary(
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    command: Sequence[str],
    hyperparameters: Mapping[str, str | float | None],
    identity: str | None,
) -> Summary:
    """The first summary of a run, with what is known before it trains.

    Args:
        choices: the option chosen in each config group.
        overrides: the run's overrides.
        command: the command line.
        hyperparameters: the run's hyperparameters by name.
        identity: hash of the settings that decide the result; ``None`` if it is not known.

    Raises:
        WrongFieldError: if a value is not valid for its field.
    """
    return summary_of(
        {
            "status": "running",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "process": os.getpid(),
            "host": socket.gethostname(),
            "command": list(command),
            "overrides": list(overrides),
            "choices": {group: choice for group, choice in choices.items() if "/" not in group},
            "hyperparameters": hyperparameters,
            "identity": identity,
            "git_commit": _git_commit(),
            "versions": dict(_versions()),
        }
    )


@cache
def _versions() -> Mapping[str, str]:
    libraries = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"python": platform.python_version()} | libraries


@cache  # all runs of a sweep have the same commit
def _git_commit() -> str | None:
    if (folder := checkout()) is None:  # an installed package has no commit
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40",
               "--exclude=*"]  # fmt: skip
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
