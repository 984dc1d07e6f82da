"""The names of directories: what a person reads in them, and what keeps them apart."""

import os
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from deltaflow.config.hyperparameters import swept

SLUG_BYTES = 80  # with all that stands around it well below the 255 of file systems
SLUG = re.compile(r"[0-9]{1,9}(_[A-Za-z0-9_.=,+-]{0,80})?")
"""The names that `slug` gives, and a few more."""


def axes(overrides: Sequence[str], params: Mapping[str, str] | None) -> list[str]:
    """The names of what a sweep varies.

    Args:
        overrides: as typed, with all their values.
        params: values to sweep over by name, from an experiment file.
    """
    return list(dict.fromkeys([*(params or {}), *swept(overrides)]))


def slug(varied: Sequence[str], number: int | str, overrides: Sequence[str]) -> str:
    """The name of a run within its sweep: its number, and what sets it apart.

    Args:
        varied: names of what its sweep varies.
        number: of the job.
        overrides: of the run. Where none of them varies, all stand in the name.

    Returns:
        At most 80 bytes that every file system takes.

    >>> slug(["network.depth", "data.path"], 3, ["n_seeds=9", "network.depth=5", "data.path=/my t"])
    '3_network.depth=5,data.path=-my-t'
    """
    own = [o for o in overrides if not _key(o).startswith("sweep.")]
    chosen = [o for o in own if _key(o) in varied] or own
    return _cut(f"{number}_{_readable(','.join(o.lstrip('+') for o in chosen))}")


def unique_name(overrides: str = "", kind: str = "") -> str:
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


def sweep_directory(resumed: str | None, varied: Sequence[str]) -> str:
    """Where a sweep goes: to a directory of its own, or to that of the one that it resumes.

    Its name holds no character that would need quotes in ``sweep.resume=…``.

    Args:
        resumed: the directory of a sweep that was stopped.
        varied: names of what it varies.
    """
    if resumed is not None:
        return resumed
    return f"outputs/{unique_name('+'.join(varied), kind='sweep')}"


def resume_override(sweep: str) -> str:
    r"""What to type to go on with a sweep.

    Args:
        sweep: its directory.

    >>> resume_override("outputs/sweep_2026"), resume_override("a, b")
    ('sweep.resume=outputs/sweep_2026', '\'sweep.resume="a, b"\'')
    """
    plain = f"sweep.resume={sweep}"
    if re.fullmatch(r"[A-Za-z0-9_./+-]+", sweep):
        (override,) = OverridesParser.create().parse_overrides([plain])
        if override.value() == sweep:  # not so for null, FALSE or 007
            return plain
    escaped = re.sub(r'(\\*)"', r"\1\1\"", sweep)
    return shlex.quote(f'sweep.resume="{escaped}"')


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _readable(overrides: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", overrides).strip("-.,")


def _cut(name: str) -> str:
    return name[:SLUG_BYTES].rstrip("-_.,=")
