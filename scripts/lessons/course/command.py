"""Learn by running: the lessons, in reading order.

Each prints what it finds, with a line of explanation, and keeps its figures as PNG and SVG. Each is
also a script of its own, scripts/lessons/<name>.py, which opens as a notebook. Without a name, the
lessons are listed.
"""

import argparse
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from course.catalogue import OUTPUT, Lesson, directory, lessons, lessons_named
from deltaflow import UserError
from deltaflow.terminal.screen import console, titled_table


def main(arguments: Sequence[str] | None = None) -> None:
    """List or run lessons; the exit status is 0 only if all went well."""
    parser = argparse.ArgumentParser("lessons.py", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="names, such as softmax")
    parser.add_argument("--all", action="store_true", help="run all of them, in half a minute")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, metavar="DIR", help=f"folder of figures ({OUTPUT})"
    )
    typed = parser.parse_args(arguments)
    if typed.all and typed.lessons:
        parser.error(f"`--all` runs every lesson. Found `{typed.lessons[0]}` beside it.")
    try:
        wanted = lessons() if typed.all else lessons_named(typed.lessons)
        if wanted:
            from course.pictures import check_writable

            check_writable(typed.output)
    except UserError as error:
        parser.error(str(error))
    if wanted:
        _run(wanted, typed.output)
    else:
        _list()


def run(lesson: Lesson, output: Path = OUTPUT) -> dict[str, object]:
    """What a lesson has named; PyTorch is left as it was: its seed, its printing, its threads."""
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
    bar = console(stderr=True)
    table = titled_table(console(), "Lessons")
    table.add_column("lesson")
    table.add_column("seconds", justify="right")
    began = time.perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=bar, transient=True, disable=not bar.is_terminal,
        redirect_stdout=sys.stdout.isatty(), redirect_stderr=False,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(wanted))
        for place, lesson in enumerate(wanted, start=1):
            progress.update(task, description=lesson.title, refresh=True)
            print(f"\n{'=' * 88}\n{place}/{len(wanted)}  {lesson.title}. {lesson.sentence}")
            started = time.perf_counter()
            run(lesson, output)
            table.add_row(lesson.name, f"{time.perf_counter() - started:.1f}")
            progress.advance(task)
    table.add_row("all", f"{time.perf_counter() - began:.1f}")
    console().print(table)
    print(f"Figures  {output}")


def _list() -> None:
    table = titled_table(console(), "Lessons, in reading order")
    for column in ("", "lesson", "what one learns"):
        table.add_column(column)
    for place, lesson in enumerate(lessons(), start=1):
        table.add_row(str(place), lesson.name, lesson.sentence)
    console().print(table)
    print(f"Run any of them by name, or all with --all.\nFiles    {directory()}")
