"""How the lessons draw: one look for each activation, legible without colours too.

A figure is kept as PNG, for a slide, and as SVG, for print.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course.catalogue import OUTPUT
from deltaflow import UserError
from deltaflow.figures import looks
from deltaflow.figures.looks import COLORS, END, MARKERS, QUIET, START

FORMATS = ("png", "svg")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1.2)))
LOOKS: dict[str, dict[str, Any]] = {
    name: {"color": color, "ls": dash, "marker": marker}
    for name, color, dash, marker in zip(
        ("sigmoid", "tanh", "relu", "leaky"), COLORS, _DASHES, MARKERS, strict=False
    )
}
"""Colour, line style and marker of each of the four activations."""
SOLID: dict[str, Any] = {"color": START, "ls": "-", "lw": 2.2}
DASHED: dict[str, Any] = {"color": END, "ls": "--", "lw": 2.2}
DOTTED: dict[str, Any] = {"color": "black", "ls": ":", "lw": 2.0}
FAINT: dict[str, Any] = {"color": QUIET, "ls": "-", "lw": 0.9, "zorder": 0}

_FOLDER = ContextVar("folder", default=OUTPUT)


@dataclass(frozen=True)
class Picture:
    """A figure that is kept; a notebook shows it by itself.

    Attributes:
        paths: of the files, PNG first.
    """

    paths: tuple[Path, ...]

    def _repr_png_(self) -> bytes:
        return self.paths[0].read_bytes()


def panels(
    title: str, n_columns: int = 1, size: tuple[float, float] = (11.0, 4.8), **sharing: bool
) -> tuple[Figure, list[Axes]]:
    """A figure with a heading and panels side by side.

    Args:
        title: what the figure says.
        n_columns: how many panels.
        size: width and height, inches.
        sharing: ``sharex`` and ``sharey``, as in matplotlib.
    """
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    figure.suptitle(title, fontsize=14, fontweight="bold", x=0.01, ha="left")
    grid = figure.subplots(1, n_columns, squeeze=False, **sharing)  # type: ignore[call-overload]
    return figure, list(grid[0])


def label(axes: Axes, title: str, x: str, y: str) -> None:
    """Say what a panel shows, and what its axes are, with units.

    Args:
        axes: the panel.
        title: of the panel; none if empty.
        x: the horizontal axis.
        y: the vertical axis; none if it is another panel's.
    """
    axes.set_title(title, loc="left", fontsize=12)
    axes.set_xlabel(x, fontsize=11)
    axes.set_ylabel(y, fontsize=11)
    axes.grid(color="#e4e4e4", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def names(axes: Axes, where: Any = "best") -> None:
    """Name a panel's lines."""
    axes.legend(
        loc=where, fontsize=10, framealpha=0.9, edgecolor="none", handlelength=3.2,
    )  # fmt: skip


def save(figure: Figure, name: str) -> Picture:
    """Keep a figure in both formats, and say where.

    Raises:
        ValueError: if nothing can be written there.
    """
    folder = _FOLDER.get()
    check_writable(folder)
    paths = tuple(folder / f"{name}.{kind}" for kind in FORMATS)
    for path in paths:
        looks.save(figure, path)
        figure.set_layout_engine("none")  # what was laid out once stays so
    print(f"Figure: {paths[0]} and .{FORMATS[1]}")
    return Picture(paths)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Let lessons keep their figures in a folder, rather than in ``outputs/lessons``.

    Args:
        folder: which; it need not be there yet.
    """
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def check_writable(folder: Path) -> None:
    """Make a folder for figures, if it is not there.

    Raises:
        ValueError: if it cannot be made, or nothing can be written in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".writable"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UserError(
            f"Figures need a folder to be written to. Found {folder}: {error.strerror}. "
            "Name another one with `--output`, or run the lessons elsewhere."
        ) from error
