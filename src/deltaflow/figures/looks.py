"""The common style of all figures: colours, markers, bands and scales, as on a report's page.

A band is the 95 % interval of the mean over seeds; on a logarithmic scale, of the mean of
logarithms. Fewer than ``FEW`` seeds are drawn as single lines instead.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from deltaflow.comparison.series.bands import FEW
from deltaflow.comparison.statistics.intervals import bounds
from deltaflow.system.files import replace_file

COLORS = (
    "#0f69a5", "#c94a00", "#004d2e", "#c8749f", "#2f2466", "#8c8a5a", "#8778f5", "#8a1fd0",
)  # fmt: skip  # distinct for the colour-blind; neighbours differ in lightness
MARKERS = ("o", "s", "D", "^", "X", "v", "P", "*")
START, END = COLORS[:2]
QUIET = "#5f6368"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SEED = "_seed"  # label of a single seed's line; «_» keeps it out of legends
_MAX_DECIMAL = 3  # powers of ten up to 10^±3 are written as decimals
_BAND_MARGIN = 0.7  # largest number of decades by which an axis exceeds the lines to show bands
_MAX_TICKS = 7  # decades with a tick label on one axis
_NAME_DISTANCE = 21  # points from an axis to its name: tick, tick label and padding
Array = np.typing.NDArray[Any]


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all.

    Args:
        figure: the figure.
        path: the file; its suffix is the format.
    """
    replace_file(path, encoded(figure, path.suffix[1:]))


def encoded(figure: Figure, kind: str) -> bytes:
    """The bytes of a figure's file in the format ``kind``."""
    if not isinstance(figure.canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    drawn = io.BytesIO()
    # The fastest compression takes half the time; files are at most 10 % larger.
    options: Any = {"pil_kwargs": {"compress_level": 1}} if kind == "png" else {}
    figure.savefig(drawn, format=kind, **options)
    return drawn.getvalue()


def cell_borders(values: Sequence[float]) -> Array:
    """Borders of a heatmap's cells, half way between neighbouring values.

    >>> cell_borders([0, 1, 10]).tolist()
    [-0.5, 0.5, 5.5, 10.5]
    """
    some = np.asarray(values, dtype=float)
    return np.concatenate([[some[0] - 0.5], (some[1:] + some[:-1]) / 2, [some[-1] + 0.5]])


def frame(axes: Axes, grid: Literal["both", "y"] = "y") -> None:
    """Draw a pale grid behind the lines, and no box around them."""
    axes.grid(axis=grid, color="#e4e4e4", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def write_title(figure: Figure, title: str) -> None:
    """Write the title of a figure above its panels, on the left."""
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")


def name_below(axes: Axes, name: str) -> None:
    """Write the name of the horizontal axis at a fixed distance below it.

    Matplotlib would measure every tick label to find the distance, which takes a fifth of the
    time of a picture.
    """
    axes.set_xlabel(name)
    figure = axes.get_figure(root=True)
    assert figure is not None
    down = ScaledTranslation(0, -_NAME_DISTANCE / 72, figure.dpi_scale_trans)
    axes.xaxis.set_label_coords(0.5, 0, axes.transAxes + down)


def draw_seeds(
    axes: Axes, x: Sequence[float] | Array, values: Array, look: dict[str, Any], label: str,
    back: Callable[[Array], Array] = lambda values: values,
) -> None:  # fmt: skip
    """Draw the mean over seeds with its band, or with the lines of few seeds.

    Args:
        axes: the panel.
        x: places on the horizontal axis.
        values: ``[n_seeds, n_places]``, NaN where a seed has no value.
        look: style of the mean's line.
        label: label of the mean's line.
        back: maps averaged values to values of the axis, such as ``10**v`` for logarithms.
    """
    n = int(np.isfinite(values).sum(0).max())
    mean, low, high = mean_with_band(values)
    axes.plot(x, back(mean), label=label, **look)
    if n < FEW:
        draw_each(axes, x, map(back, values) if n > 1 else [], look["color"])
        return
    with np.errstate(over="ignore"):
        axes.fill_between(x, back(low), back(high), color=look["color"], alpha=0.18, lw=0)


def mean_with_band(values: Array) -> tuple[Array, Array, Array]:
    """The mean over seeds and the ends of its 95 % interval, ``[n_places]`` each.

    Args:
        values: ``[n_seeds, n_places]``, NaN where a seed has no value.
    """
    known = np.isfinite(values)
    n = known.sum(0)
    mean = np.where(n > 0, np.where(known, values, 0).sum(0) / np.maximum(n, 1), np.nan)
    squares = np.where(known, values - mean, 0) ** 2
    error = np.sqrt(squares.sum(0) / np.maximum(n - 1, 1) / np.maximum(n, 1))
    low, high = bounds(mean, error, np.where(n > 1, n - 1, np.nan), n=n)
    return mean, low, high


def draw_each(axes: Axes, x: Sequence[float] | Array, lines: Iterable[Array], color: str) -> None:
    """Draw the lines of single seeds."""
    for line in lines:
        axes.plot(x, line, color=color, lw=0.7, alpha=0.6, label=_SEED)


def spread_handle(few: bool) -> Artist:
    """The legend entry for the band, or for the lines of single seeds."""
    if few:
        return Line2D([], [], color=QUIET, lw=0.7, label="each seed")
    return Patch(color=QUIET, alpha=0.25, lw=0, label="95 % interval of the mean")


def main_lines(axes: Axes) -> list[Line2D]:
    """All lines except those of single seeds."""
    return [line for line in axes.lines if line.get_label() != _SEED]


def logarithmic(axes: Axes) -> None:
    """Make the vertical axis logarithmic, fitted to the lines, with few ticks.

    It spans at least a decade.
    """
    heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in main_lines(axes)])
    heights = heights[np.isfinite(heights) & (heights > 0)]
    if not len(heights):
        return
    axes.set_yscale("log")
    low, high = np.log10(heights.min()), np.log10(heights.max())
    with np.errstate(all="ignore"):
        bottom, top = np.log10(axes.dataLim.intervaly)  # including bands
    low = min(low, max(bottom, low - _BAND_MARGIN)) if np.isfinite(bottom) else low
    high = max(high, min(top, high + _BAND_MARGIN)) if np.isfinite(top) else high
    edge = max(0.08 * (high - low), (1 - (high - low)) / 2, 0.08)
    axes.set_ylim(10 ** (low - edge), 10 ** (high + edge))
    ticks = log_ticks(low - edge, high + edge)
    axes.yaxis.set_major_locator(FixedLocator(list(ticks.values())))
    axes.yaxis.set_major_formatter(FixedFormatter(list(ticks)))
    axes.yaxis.set_minor_locator(NullLocator())  # minor ticks take most of the drawing time


def log_ticks(low: float, high: float) -> dict[str, float]:
    """Ticks of a logarithmic axis, by label.

    Args:
        low: log₁₀ of the lower end.
        high: log₁₀ of the upper end.

    >>> log_ticks(-2.1, -0.6)
    {'0.01': 0.01, '0.02': 0.02, '0.05': 0.05, '0.1': 0.1, '0.2': 0.2}
    >>> list(log_ticks(-9.5, 0.5))
    ['10⁻⁸', '10⁻⁶', '10⁻⁴', '0.01', '1']
    """
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    steps = (1, 2, 5) if high - low < 2 else (1,)
    stride = -(-len(decades) // _MAX_TICKS)
    return {
        _power(step, decade): step * 10.0**decade
        for decade in decades
        for step in steps
        if low <= np.log10(step) + decade <= high and (len(steps) > 1 or decade % stride == 0)
    }


def _power(step: int, decade: int) -> str:
    if abs(decade) <= _MAX_DECIMAL:
        return f"{step * 10.0**decade:g}"
    return f"{'' if step == 1 else f'{step}·'}10{str(decade).translate(_SUPERSCRIPTS)}"
