"""What a run was made from: command, versions, commit, machine."""

import importlib.metadata
import os
import platform
import socket
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LIBRARIES = ("deltaflow", "torch", "lightning", "hydra-core", "numpy", "polars")


def first_summary(
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    command: Sequence[str],
    hyperparameters: Mapping[str, str | float | None],
    identity: str,
) -> dict[str, Any]:
    """The summary of a run that begins: all that is known before it trains.

    Args:
        choices: the option chosen in each config group.
        overrides: of this run.
        command: the command line.
        hyperparameters: of this run, by name.
        identity: of what decides its result.

    Returns:
        Every field of the summary, those to come empty.
    """
    return {
        "status": "running",
        "error": None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": None,
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": list(command),
        "overrides": list(overrides),
        "choices": {group: choice for group, choice in choices.items() if "/" not in group},
        "hyperparameters": dict(hyperparameters),
        "identity": identity,
        "git_commit": _git_commit(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "table": None,
        "device": None,
        "n_parameters": None,
        "n_steps": None,
        "replicas": [],
        "metrics": {},
        "flow": {},
        "theory": None,
        "verdicts": [],
    }


def _git_commit() -> str | None:
    checkout = Path(__file__).parents[2]
    if not (checkout / "src" / "deltaflow").exists():  # installed: there is no commit to name
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40",
               "--exclude=*"]  # fmt: skip
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
