"""Commands to copy: of one run, and of the sweep that all runs come from.

Records may be anybody's, and what is copied from them must not start anything but training.
"""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from deltaflow.comparison.collection import CollectedRun
from deltaflow.system.escaping import printable

TRAIN, RUN_SWEEP = "deltaflow.train", "deltaflow.run_sweep"
"""What a record has for its program where a function was called in Python."""

_SCRIPTS = ("train.py", "__main__.py")
_FOLDER = ("--config-dir", "-cd")  # the one flag that a configuration depends on
_DIRECTORIES = ("hydra.sweep.dir=", "sweep.resume=")


def run_command(run: CollectedRun) -> str:
    """The command that trains one run again, alone: a call where Python made it."""
    typed, overrides = run.summary.command, run.summary.overrides
    if _is_python(typed):
        return _called(TRAIN, overrides)
    flags: list[str] = []
    for place, part in enumerate(typed):
        if part in _FOLDER:
            flags += typed[place : place + 2]
        elif part.startswith(tuple(f"{flag}=" for flag in _FOLDER)):
            flags.append(part)
    return _typed([*_program(typed), *flags, *overrides])


def sweep_command(runs: Iterable[CollectedRun]) -> str | None:
    """The command that all runs come from; ``None`` if there are several, or it is not known."""
    commands = {tuple(run.summary.command) for run in runs}
    only = commands.pop() if len(commands) == 1 else ()
    if not only:
        return None
    if not _is_python(only):
        return _typed([*_program(only), *only[1:]])
    if only[0] not in (TRAIN, RUN_SWEEP):  # a script, whose arguments are its own
        return None
    settings = [one for one in only[1:] if one != "-m" and not one.startswith(_DIRECTORIES)]
    return _called(only[0], settings)


def _typed(parts: Sequence[str]) -> str:
    """Parts of a command line, as a terminal may get them: no keys are pressed by pasting them."""
    return printable(shlex.join(parts))


def _called(function: str, settings: Sequence[str]) -> str:
    return printable(f"{function}({list(settings)!r})")


def _is_python(typed: Sequence[str]) -> bool:
    """Whether a function was called, by a script or a notebook."""
    program = PurePath(typed[0]).name if typed else ""
    return program in (TRAIN, RUN_SWEEP) or (program.endswith(".py") and program not in _SCRIPTS)


def _program(typed: Sequence[str]) -> list[str]:
    """What was started: the script, or the installed command."""
    return ["python", "train.py"] if not typed or typed[0].endswith(".py") else ["deltaflow-train"]
