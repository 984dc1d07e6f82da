"""The names of directories: what a person reads in them, and what keeps them apart."""

import os
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence

from deltaflow.hyperparameters import swept

SLUG_BYTES = 80  # with all that stands around it well below the 255 of file systems


def slug(number: int | str, overrides: str) -> str:
    """The name of a run within its sweep: its number, and what sets it apart.

    Args:
        number: of the job.
        overrides: Hydra's ``override_dirname``.

    Returns:
        At most 80 bytes that every file system takes.

    >>> slug(3, "activation=relu,network.depth=5,data.path=/tmp/my data.csv")
    '3_activation=relu,network.depth=5,data.path=-tmp-my-data.csv'
    """
    return _cut(f"{number}_{_readable(overrides)}")


def unique(overrides: str = "", kind: str = "") -> str:
    """The name of a run or sweep directory that no other process gives, at any moment.

    Process and token tell apart what starts in the same second; the claim of the directory
    would find out the one case in a billion.

    Args:
        overrides: what is run, in Hydra's ``override_dirname``.
        kind: what the name begins with.

    Returns:
        Kind, time, what is run, process and token: at most 140 bytes that every file
        system takes.
    """
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    parts = [kind, stamp, _cut(_readable(overrides)), f"{os.getpid()}-{secrets.token_hex(3)}"]
    return "_".join(filter(None, parts))


def sweep_directory(
    resumed: str | None, overrides: Sequence[str], params: Mapping[str, str] | None
) -> str:
    """Where a sweep goes: to a directory of its own, or to that of the one that it resumes.

    Its name holds no character that would need quotes in ``sweep.resume=…``.

    Args:
        resumed: the directory of a sweep that was stopped.
        overrides: as typed, with all their values.
        params: values to sweep over by name, from an experiment file.
    """
    if resumed is not None:
        return resumed
    axes = [*(params or {}), *swept(overrides)]
    return f"outputs/{unique('+'.join(dict.fromkeys(axes)), kind='sweep')}"


def resuming(sweep: str) -> str:
    r"""What to type to go on with a sweep.

    Args:
        sweep: its directory.

    >>> resuming("outputs/sweep_2026"), resuming("a, b")
    ('sweep.resume=outputs/sweep_2026', '\'sweep.resume="a, b"\'')
    """
    if re.fullmatch(r"[A-Za-z0-9_./+-]+", sweep):
        return f"sweep.resume={sweep}"
    escaped = re.sub(r'(\\*)"', r"\1\1\"", sweep)
    return shlex.quote(f'sweep.resume="{escaped}"')


def _readable(overrides: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", overrides).strip("-.,")


def _cut(name: str) -> str:
    return name[:SLUG_BYTES].rstrip("-_.,=")
