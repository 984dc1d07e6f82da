"""Learn by running: the lessons, in reading order.

    python scripts/lessons.py                       list them
    python scripts/lessons.py softmax entropy       run these
    python scripts/lessons.py --all                 run all of them, in about half a minute

Each prints what it finds, with a line of explanation, and keeps its figures as PNG and SVG in
outputs/lessons/, or in another folder with --output DIR. Each is also a script of its own,
scripts/lessons/<name>.py, which opens as a notebook.
"""

import runpy
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from course.catalogue import OUTPUT, Lesson, chosen, directory, lessons
from deltaflow.config.messages import command
from deltaflow.system.errors import UserError
from deltaflow.terminal.screen import console, titled_table


@dataclass(frozen=True)
class Settings:
    """What the command was told.

    Attributes:
        names: of lessons.
        everything: run all of them.
        output: where figures go.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    output: Path = OUTPUT


@command
def main(arguments: Sequence[str]) -> None:
    """List or run lessons; the exit status is 0 only if all went well."""
    settings = read_settings(arguments)
    if settings.everything or settings.names:
        wanted = lessons() if settings.everything else chosen(settings.names)
        _run(wanted, settings.output)
    else:
        _list(console())


def read_settings(arguments: Sequence[str]) -> Settings:
    """Tell lessons and flags apart.

    Args:
        arguments: as typed.

    Raises:
        ValueError: for a flag that there is not, or names beside ``--all``.

    >>> read_settings(["softmax", "--output", "slides"]).names
    ('softmax',)
    """
    names, output, rest = [], OUTPUT, iter(arguments)
    for argument in rest:
        flag, _, value = argument.partition("=")
        if flag == "--output":
            folder = value or next(rest, "")
            if not folder:
                raise UserError(
                    "`--output` must be a folder. Found nothing. Use `--output slides`."
                )
            output = Path(folder)
        elif argument.startswith("-") and argument != "--all":
            raise UserError(
                f"Lessons take their names, --all and --output. Found `{argument}`. See --help."
            )
        elif argument != "--all":
            names.append(argument)
    everything = "--all" in arguments
    if everything and names:
        raise UserError(
            f"`--all` runs every lesson and needs no names. Found `{names[0]}` beside it. "
            "Leave one of the two out."
        )
    return Settings(tuple(names), everything, output)


def run(lesson: Lesson, output: Path = OUTPUT) -> dict[str, object]:
    """Run a lesson, and leave PyTorch as it was: its seed, its printing, its threads.

    Args:
        lesson: which.
        output: where its figures go.

    Returns:
        What the lesson has named, by name.
    """
    import torch

    from course.pictures import kept_in

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small networks wait for threads longer than they compute
    try:
        with kept_in(output), torch.random.fork_rng(devices=[]):
            return runpy.run_path(str(lesson.path), run_name="__main__")
    finally:
        torch.set_num_threads(n_threads)
        torch.set_printoptions(profile="default")


def _run(wanted: Sequence[Lesson], output: Path) -> None:
    """Run lessons one after the other, beneath a bar, and say what each took."""
    from course.pictures import check_writable

    check_writable(output)
    out, bar = console(), console(stderr=True)
    took: list[float] = []
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=bar, transient=True, disable=not bar.is_terminal,
        redirect_stdout=sys.stdout.isatty(), redirect_stderr=False,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(wanted))
        for number, lesson in enumerate(wanted, start=1):
            progress.update(task, description=lesson.title, refresh=True)
            print(f"\n{'=' * 88}\n{number}/{len(wanted)}  {lesson.title}. {lesson.sentence}")
            started = time.perf_counter()
            run(lesson, output)
            took.append(time.perf_counter() - started)
            progress.advance(task)
    _summarize(out, wanted, took, output)


def _summarize(out: Console, wanted: Sequence[Lesson], took: Sequence[float], output: Path) -> None:
    table = titled_table(out, "Lessons")
    table.add_column("lesson")
    table.add_column("seconds", justify="right")
    for lesson, seconds in zip(wanted, took, strict=True):
        table.add_row(lesson.name, f"{seconds:.1f}")
    table.add_row("all", f"{sum(took):.1f}")
    out.print()
    out.print(table)
    out.print(Text(f"Figures  {output}"), soft_wrap=True)


def _list(out: Console) -> None:
    table = titled_table(out, "Lessons, in reading order")
    for column in ("", "lesson", "what one learns"):
        table.add_column(column)
    for number, lesson in enumerate(lessons(), start=1):
        table.add_row(str(number), lesson.name, lesson.sentence)
    out.print(table)
    out.print("Run any of them by name, or all with --all.", soft_wrap=True)
    out.print(Text(f"Files    {directory()}"), soft_wrap=True)
