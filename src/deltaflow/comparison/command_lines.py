"""Commands for the reader to copy: that of one run, and that of the sweep.

Records are not trusted: a command that is copied from them may only start a training.
"""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from deltaflow.comparison.collection import CollectedRun
from deltaflow.system.escaping import printable

TRAIN, RUN_SWEEP = "deltaflow.train", "deltaflow.run_sweep"
"""The program in the record of a run that was started by a Python function."""

_SCRIPTS = ("train.py", "__main__.py")
_FOLDER = ("--config-dir", "-cd")  # the only flag that changes the configuration
_DIRECTORIES = ("hydra.sweep.dir=", "sweep.resume=")


def run_command(run: CollectedRun) -> str:
    """The command, or the Python call, that trains one run again alone."""
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
    """The one command that started all runs; ``None`` if there are several or none is known."""
    commands = {tuple(run.summary.command) for run in runs}
    only = commands.pop() if len(commands) == 1 else ()
    if not only:
        return None
    if not _is_python(only):
        return _typed([*_program(only), *only[1:]])
    if only[0] not in (TRAIN, RUN_SWEEP):  # another script, whose arguments are not overrides
        return None
    settings = [one for one in only[1:] if one != "-m" and not one.startswith(_DIRECTORIES)]
    return _called(only[0], settings)


def _typed(parts: Sequence[str]) -> str:
    """Quote and join parts of a command line, without control characters."""
    return printable(shlex.join(parts))


def _called(function: str, settings: Sequence[str]) -> str:
    return printable(f"{function}({list(settings)!r})")


def _is_python(typed: Sequence[str]) -> bool:
    """Whether the run was started by a Python function."""
    program = PurePath(typed[0]).name if typed else ""
    return program in (TRAIN, RUN_SWEEP) or (program.endswith(".py") and program not in _SCRIPTS)


def _program(typed: Sequence[str]) -> list[str]:
    """The program to type: ``python train.py``, or the installed command if that was typed."""
    return ["python", "train.py"] if not typed or typed[0].endswith(".py") else ["deltaflow-train"]
