"""Command lines to copy: of one run, and of the sweep that all runs come from."""

import shlex
from collections.abc import Iterable, Sequence

from deltaflow.report.collect import CollectedRun

_FOLDER = ("--config-dir", "-cd")  # the one flag that a configuration depends on


def command(run: CollectedRun) -> str:
    """The command line that trains one run again, alone."""
    typed = [str(part) for part in run.summary["command"]]
    flags = []
    for place, part in enumerate(typed):
        if part in _FOLDER:
            flags += typed[place : place + 2]
        elif part.startswith(tuple(f"{flag}=" for flag in _FOLDER)):
            flags.append(part)
    return shlex.join([*_program(typed), *flags, *map(str, run.summary["overrides"])])


def sweep_command(runs: Iterable[CollectedRun]) -> str | None:
    """The command line that all runs come from; ``None`` if there are several, or none."""
    typed = {tuple(map(str, run.summary["command"])) for run in runs}
    only = typed.pop() if len(typed) == 1 else ()
    return shlex.join([*_program(only), *only[1:]]) if only else None


def _program(typed: Sequence[str]) -> list[str]:
    """What was started: a script, or the installed command.

    Records may be anybody's, and what is copied from them must not start anything else.
    """
    if not typed or typed[0].endswith(".py"):
        return ["python", *(typed[:1] or ["train.py"])]
    return ["deltaflow-train"]
