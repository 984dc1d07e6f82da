"""The common style of the live page's figures, in a light and a dark theme."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Legend, Range1d
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from deltaflow.figures.looks import COLORS, log_ticks

VIRIDIS = Viridis256
LAYER = "layer (input → output)"
_COUNTS = (LAYER, "layer", "step")  # labels of axes without ticks between whole numbers
FONT = "'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
Figure = Any  # Bokeh's own class takes any property as an attribute


@dataclass(frozen=True)
class Theme:
    """The colours of one theme.

    Attributes:
        ink: colour of text and of theory's line.
        quiet: colour of axes.
        grid: colour of grid lines.
        background: background colour.
        colors: colours of data, the same in all figures; lighter in the dark theme.
    """

    ink: str
    quiet: str
    grid: str
    background: str
    colors: tuple[str, ...]


LIGHT = Theme("#1b1c1e", "#5a5e66", "#ececee", "#ffffff", COLORS)
DARK = Theme(
    "#e4e4e2", "#a2a7b0", "#2b2f35", "#15171a",
    ("#5ab4f0", "#f0874b", "#d6f2b0", "#b05fa0", "#f2e65a", "#4f78e0", "#f6b6cf", "#2fae8e"),
)  # fmt: skip  # the same as on a report's page


def empty_figure(title: str, x: str, y: str, label: str, **options: Any) -> Figure:
    """Make a figure without data.

    Args:
        title: title of the figure.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        label: what the figure shows, for screen readers.
        options: options of Bokeh's ``figure``.
    """
    made: Figure = figure(
        title=title, x_axis_label=x, y_axis_label=y, height=options.pop("height", 262),
        sizing_mode="stretch_width", toolbar_location=None, tools=options.pop("tools", ""),
        min_border_right=14, name=label,
        x_range=options.pop("x_range", None) or Range1d(start=0, end=1),
        y_range=options.pop("y_range", None) or Range1d(start=0, end=1), **options,
    )  # fmt: skip
    made.title.text_font_size = "13px"
    for axis in made.axis:
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_standoff = 3
        if axis.axis_label in _COUNTS:
            axis.ticker.min_interval = 1
    made.title.text_font = FONT
    return made


def empty(*sources: ColumnDataSource) -> None:
    """Remove the data of sources; one that is empty already is not changed."""
    for source in sources:
        if any(len(column) for column in source.data.values()):
            source.data = {key: [] for key in source.data}


def fit(made: Figure, x: tuple[float, float], *heights: Any) -> None:
    """Fit the axes of a figure to its data.

    Args:
        made: the figure.
        x: the ends of the horizontal axis.
        heights: arrays of the values that are drawn; values that are not finite are ignored.
    """
    made.x_range.update(start=x[0], end=x[1])
    known = np.concatenate([np.asarray(one, dtype=float) for one in heights])
    known = known[np.isfinite(known)]
    if len(known):
        low, high = float(known.min()), float(known.max())
        edge = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
        made.y_range.update(start=low - edge, end=high + edge)


def legend_above(made: Figure) -> None:
    """Put the legend between the title and the plot, where it covers no data."""
    made.add_layout(Legend(orientation="horizontal", margin=0), "above")


def restyle(made: Figure, theme: Theme) -> None:
    """Give a figure the colours of a theme."""
    made.background_fill_color = made.border_fill_color = theme.background
    made.outline_line_color = theme.grid
    made.title.text_color = theme.ink
    for axis in made.axis:
        axis.axis_label_text_color = axis.major_label_text_color = theme.quiet
        axis.axis_line_color = axis.major_tick_line_color = theme.quiet
    made.grid.grid_line_color = theme.grid
    for legend in made.legend:
        legend.label_text_color = theme.ink
        legend.background_fill_color, legend.background_fill_alpha = theme.background, 0.8
        legend.border_line_color = None
        legend.label_text_font_size, legend.label_text_font = "11px", FONT
        legend.padding, legend.label_height = 3, 14
        legend.spacing = 0 if legend.orientation == "vertical" else 12
        legend.glyph_height = 12


def fit_powers(made: Figure, x: tuple[float, float], *heights: Any, most: int = 9) -> None:
    """Fit the axes to the data; the vertical axis is logarithmic and spans at least a decade.

    Args:
        made: the figure; the ticker of its vertical axis is a ``FixedTicker``.
        x: the ends of the horizontal axis.
        heights: arrays of the values that are drawn; values that are not finite or not positive
            are ignored.
        most: largest number of ticks on the vertical axis.
    """
    made.x_range.update(start=x[0], end=x[1])
    known = np.concatenate([np.asarray(one, dtype=float) for one in heights])
    known = known[np.isfinite(known) & (known > 0)]
    if not len(known):
        return
    low, high = math.log10(known.min()), math.log10(known.max())
    edge = max(0.08 * (high - low), (1 - (high - low)) / 2)
    low, high = max(low - edge, -300), min(high + edge, 300)
    made.y_range.update(start=10.0**low, end=10.0**high)
    names = [(value, name) for name, value in log_ticks(low, high).items()]
    name_ticks(made.yaxis[0], dict(names[:: -(-len(names) // most)]))


def name_ticks(axis: Any, names: Mapping[Any, str]) -> None:
    """Set the ticks of an axis and their labels.

    The ticker is kept, because Bokeh visits every model of the page for a new one.

    Args:
        axis: an axis whose ticker is a ``FixedTicker``.
        names: the label of each tick, by its place.
    """
    axis.ticker.ticks = list(names)
    axis.major_label_overrides = dict(names)
