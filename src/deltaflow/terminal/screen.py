"""The console and its tables, for terminals, pipes and files."""

import io
import os
import sys

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deltaflow.system.escaping import printable

_PLAIN_WIDTH = 120  # width for a file or a pipe, in characters


def console(stderr: bool = False) -> Console:
    """Make a console that wraps at the terminal's width, and writes plain text elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):  # unknown characters become question marks
        stream.reconfigure(errors="replace")
    made = _PatientConsole(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made.width = _PLAIN_WIDTH
    return made


class _PatientConsole(Console):
    """A console that ignores a closed pipe, as after ``| head``."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def announce(label: str, said: str, watch: str | None) -> None:
    """Show what will be trained, and what to watch, before libraries are imported.

    Args:
        label: label of the line.
        said: what will be trained.
        watch: what to watch; ``None`` if the preset does not say.
    """
    out = console()
    say(out, label, printable(said))
    if watch:
        out.print(Text(printable(watch), style="italic"))


def say(out: Console, label: str, said: str, width: int = 13) -> None:
    """Print a line after a label that is padded to ``width`` characters."""
    out.print(Text(f"{label:<{width}}{said}"), soft_wrap=True)


def needed(out: Console, table: Table) -> Measurement:
    """The smallest width of a table, and its width if no cell is wrapped, in characters."""
    return Measurement.get(out, out.options.update(max_width=1000), table)


def titled_table(out: Console, title: str) -> Table:
    """An empty table in the style of the console."""
    style = box.SIMPLE_HEAD if out.is_terminal else box.ASCII2
    flush = not out.is_terminal
    return Table(title=title, title_justify="left", title_style="bold", box=style, pad_edge=flush)
