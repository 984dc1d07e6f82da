"""Figures of the records so far: δ by layer and step, loss and accuracy, and shares of units."""

from typing import Any

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    LinearColorMapper,
    LogScale,
    Range1d,
)

from deltaflow.figures.run.depth_panels import SHARES
from deltaflow.live_page.figures.looks import (
    FONT,
    LAYER,
    VIRIDIS,
    Theme,
    empty,
    empty_figure,
    fit,
    fit_powers,
    legend_above,
    restyle,
)
from deltaflow.live_page.history import DrawnStep, History

_MAX_COLUMNS = 240  # columns of the heatmap, or points of a curve
_MAX_TICKS = 4  # tick labels beside a curve


class HeatFigure:
    """log₁₀ δ, a row per layer and a column per step."""

    def __init__(self) -> None:
        self.figure = empty_figure(
            "log₁₀ δ, layer by step", "step", "layer", "heatmap of δ over layers and steps",
        )  # fmt: skip
        self.colors = LinearColorMapper(palette=VIRIDIS, low=-1, high=0, nan_color="#8c8c8c")
        self.source = ColumnDataSource({k: [] for k in ("image", "x", "y", "dw", "dh")})
        self.figure.image("image", "x", "y", "dw", "dh", source=self.source,
                          color_mapper=self.colors)  # fmt: skip
        self.bar = ColorBar(color_mapper=self.colors, width=8, padding=4, label_standoff=4,
                            major_label_text_font=FONT)  # fmt: skip
        self.figure.add_layout(self.bar, "right")
        self.figure.grid.visible = False

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        restyle(self.figure, theme)
        self.bar.background_fill_color = theme.background
        self.bar.major_label_text_color = theme.quiet
        self.bar.bar_line_color = self.bar.major_tick_line_color = theme.quiet

    def clear(self) -> None:
        """Show nothing."""
        empty(self.source)

    def show(self, history: History, epoch_steps: int) -> None:
        """Show the steps so far, thinned if there are many; the axis ends with the epoch."""
        steps = history.layers.steps
        stride = -(-len(steps) // _MAX_COLUMNS)
        grid = np.stack([delta for _, delta in steps[::stride]], axis=1)
        last, depth = steps[-1][0] + 1, len(grid)
        if (known := grid[np.isfinite(grid)]).size:
            self.colors.update(low=float(known.min()), high=float(known.max()) + 1e-9)
        self.source.data = {"image": [grid], "x": [0], "y": [0.5], "dw": [last], "dh": [depth]}
        self.figure.x_range.update(start=0, end=-(-last // epoch_steps) * epoch_steps)
        self.figure.y_range.update(start=0.5, end=depth + 0.5)


class CurvesFigure:
    """Loss, accuracy or R² by step, of training and validation.

    The axis of a loss is logarithmic, so that the rest stays readable when it diverges. It is
    linear for a loss with negative values, which a user's class may have.
    """

    def __init__(self, name: str, height: int) -> None:
        self.figure = empty_figure("", "step", "", f"{name} by step", height=height,
                                   min_border_left=48)  # fmt: skip
        self.set_title(name)
        self.sources = {n: ColumnDataSource({"x": [], "y": []}) for n in ("step", "train", "val")}
        fig, sources = self.figure, self.sources
        self._step = fig.line("x", "y", source=sources["step"], line_alpha=0.45)
        self._train = fig.line("x", "y", source=sources["train"], line_width=2)
        self._val = fig.line("x", "y", source=sources["val"], line_width=2, line_dash="dashed")
        self._dots = fig.scatter("x", "y", source=sources["val"], size=4, marker="square")
        self._lone = fig.scatter("x", "y", source=sources["step"], size=4)
        self._linear = fig.y_scale, fig.yaxis[0].ticker
        self._log = LogScale(), FixedTicker()
        self._linear[1].desired_num_ticks = 3

    def set_title(self, name: str) -> None:
        """Set the title, which replaces a legend, because that would cover a line."""
        self.figure.title.text = f"{name} (dashed: validation)"

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        restyle(self.figure, theme)
        self._step.glyph.line_color = self._train.glyph.line_color = theme.colors[0]
        self._lone.glyph.update(fill_color=theme.colors[0], line_color=theme.colors[0])
        self._val.glyph.line_color = self._dots.glyph.line_color = theme.colors[1]
        self._dots.glyph.fill_color = theme.colors[1]

    def clear(self) -> None:
        """Show nothing."""
        empty(*self.sources.values())

    def show(self, history: History, name: str, epoch_steps: int) -> None:
        """Show a column of the metrics table; for the loss also the loss of each update."""
        for split, source in (("train", "train"), ("validation", "val")):
            epochs, means = history.metrics.by_epoch(split, name)
            if len(epochs) != len(self.sources[source].data["x"]):
                at = (epochs + 1) * epoch_steps
                self.sources[source].data = {"x": at, "y": means}
        if name == "loss":
            stride = -(-max(len(history.losses), 1) // _MAX_COLUMNS)
            y = history.losses[::stride]
            self.sources["step"].data = {"x": np.arange(1, len(y) * stride + 1, stride), "y": y}
            self._lone.visible = np.isfinite(y).sum() < 2  # a line needs two points
        drawn = [source.data["y"] for source in self.sources.values()]
        n_epochs = -(-max(len(history.losses), 1) // epoch_steps)
        x = (0, n_epochs * epoch_steps)
        if name == "accuracy":
            drawn = [np.array([0.0, 1.0])]  # the whole range, so that chance looks like chance
        elif name == "r2":
            drawn = [np.maximum(y, -1.0) for y in drawn]  # networks that diverge may have −10³⁰
        is_log = name == "loss" and not any(np.any(np.asarray(y) < 0) for y in drawn)
        self._scale(self._log if is_log else self._linear)
        if is_log:
            fit_powers(self.figure, x, *drawn, most=_MAX_TICKS)
        else:
            fit(self.figure, x, *drawn)

    def _scale(self, scale: tuple[Any, Any]) -> None:
        """Set scale and ticker of the vertical axis, if they change."""
        axis = self.figure.yaxis[0]
        if axis.ticker is not scale[1]:
            self.figure.y_scale, axis.ticker = scale
            axis.major_label_overrides = {}


class SharesFigure:
    """The shares of saturated, inactive and dead units by layer."""

    def __init__(self) -> None:
        self.figure = empty_figure(
            "Units that pass little back", LAYER, "share", "saturated, inactive and dead units",
            y_range=Range1d(start=-0.03, end=1.03),
        )  # fmt: skip
        legend_above(self.figure)
        self.sources = {name: ColumnDataSource({"x": [], "y": []}) for name in SHARES}
        markers = ("triangle", "circle", "x")
        self._drawn = []
        for (name, source), marker in zip(self.sources.items(), markers, strict=True):
            label = name.removesuffix("_fraction")
            line = self.figure.line("x", "y", source=source, line_width=1.6, legend_label=label)
            dots = self.figure.scatter("x", "y", source=source, size=7, marker=marker,
                                       legend_label=label)  # fmt: skip
            self._drawn.append((line, dots))

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        restyle(self.figure, theme)
        for (line, dots), color in zip(self._drawn, theme.colors[:3], strict=True):
            line.glyph.line_color = dots.glyph.line_color = dots.glyph.fill_color = color

    def clear(self) -> None:
        """Show nothing."""
        empty(*self.sources.values())

    def show(self, last: DrawnStep) -> None:
        """Show the shares of one step."""
        for (name, source), item in zip(
            self.sources.items(), self.figure.legend.items, strict=True
        ):
            item.visible = name in last.shares
            y = last.shares.get(name, np.empty(0))
            source.data = {"x": np.arange(1, len(y) + 1), "y": y}
        self.figure.x_range.update(start=0.5, end=len(last.profiles["delta_norm"].mean) + 0.5)
        self.figure.title.text = (
            "Units that pass little back" if last.shares else "φ neither saturates nor is flat"
        )
