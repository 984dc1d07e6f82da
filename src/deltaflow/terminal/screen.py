"""The console and its tables, for a terminal, a pipe or a file."""

import io
import os
import sys

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deltaflow.system.escaping import printable

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


def announce(label: str, said: str, watch: str | None) -> None:
    """Say what will be trained, and what to watch, before anything is loaded."""
    out = console()
    say(out, label, printable(said))
    if watch:
        out.print(Text(printable(watch), style="italic"))


def say(out: Console, label: str, said: str, width: int = 13) -> None:
    """Print a line behind a label of so many columns, whole in a pipe or a file."""
    out.print(Text(f"{label:<{width}}{said}"), soft_wrap=True)


def needed(out: Console, table: Table) -> Measurement:
    """The width that a table needs with rows of several lines, and with a line a row."""
    return Measurement.get(out, out.options.update(max_width=1000), table)


def titled_table(out: Console, title: str) -> Table:
    """An empty table in the style of the console."""
    style = box.SIMPLE_HEAD if out.is_terminal else box.ASCII2
    flush = not out.is_terminal
    return Table(title=title, title_justify="left", title_style="bold", box=style, pad_edge=flush)
