"""The console, its tables and their cells, for a terminal, a pipe or a file."""

import io
import math
import os
import sys
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from deltaflow.records import Interval

_PLAIN_WIDTH = 120  # of a file or a pipe


def console(stderr: bool = False) -> Console:
    """A console that wraps at the terminal's width, and writes plain wide text elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):  # one that knows no δ shows a question mark
        stream.reconfigure(errors="replace")
    made = _PatientConsole(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made.width = _PLAIN_WIDTH
    return made


class _PatientConsole(Console):
    """Goes on in silence when nobody reads any more, as after ``| head``."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def titled_table(out: Console, title: str) -> Table:
    """An empty table in the style of the console."""
    style = box.SIMPLE_HEAD if out.is_terminal else box.ASCII2
    return Table(title=title, title_justify="left", title_style="bold", box=style)


def spread(value: Interval) -> str:
    """A mean and half its interval, if it has one."""
    if value.mean is None:
        return "–"
    if value.high is None:
        return f"{value.mean:.4g}"
    return f"{value.mean:.4g} ± {value.high - value.mean:.2g}"


def arrow(values: Sequence[float | None], form: Callable[[float | None], str]) -> str:
    """Values from the start to the end; a dash if there is none."""
    if all(value is None for value in values):
        return "–"
    return " → ".join(form(value) for value in values)


def scientific(value: float | None) -> str:
    """As 1.2e-03."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.1e}"


def percent(value: float | None) -> str:
    """A share, as 12%."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.0f}%"


def signed(value: float | None) -> str:
    """As -1.23."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"
