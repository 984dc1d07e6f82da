"""Command lines to copy: of one run, and of the sweep that all runs come from."""

import shlex
from collections.abc import Iterable, Sequence

from deltaflow.comparison.collection import CollectedRun
from deltaflow.system.escaping import printable

_FOLDER = ("--config-dir", "-cd")  # the one flag that a configuration depends on


def command(run: CollectedRun) -> str:
    """The command line that trains one run again, alone."""
    typed = run.summary.command
    flags: list[str] = []
    for place, part in enumerate(typed):
        if part in _FOLDER:
            flags += typed[place : place + 2]
        elif part.startswith(tuple(f"{flag}=" for flag in _FOLDER)):
            flags.append(part)
    return _copied([*_program(typed), *flags, *run.summary.overrides])


def sweep_command(runs: Iterable[CollectedRun]) -> str | None:
    """The command line that all runs come from; ``None`` if there are several, or none."""
    typed = {tuple(run.summary.command) for run in runs}
    only = typed.pop() if len(typed) == 1 else ()
    return _copied([*_program(only), *only[1:]]) if only else None


def _copied(parts: Sequence[str]) -> str:
    """Parts of a command line, as a terminal may get them: no keys are pressed by pasting them."""
    return printable(shlex.join(parts))


def _program(typed: Sequence[str]) -> list[str]:
    """What was started: the script, or the installed command.

    Records may be anybody's, and what is copied from them must not start anything else.
    """
    return ["python", "train.py"] if not typed or typed[0].endswith(".py") else ["deltaflow-train"]
