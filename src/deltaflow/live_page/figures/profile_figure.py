"""The depth profile of a quantity: theory, the current step and step 0."""

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d

from deltaflow.comparison.series.bands import FEW
from deltaflow.live_page.figures.looks import (
    LAYER,
    Theme,
    empty,
    empty_figure,
    fit_powers,
    legend_above,
    restyle,
)
from deltaflow.live_page.history import DrawnStep
from deltaflow.theory import Array

_QUANTITIES = {
    "delta_norm": ("δ", "‖δ‖"),
    "sample_grad_rms": ("Gradient of a weight", "RMS over samples"),
}


class ProfileFigure:
    """A quantity by layer: theory's line, the current step with its band, and step 0."""

    def __init__(self) -> None:
        self.figure = empty_figure(
            "δ by layer", LAYER, "‖δ‖", "depth profile of δ", y_axis_type="log",
            y_range=Range1d(start=0.1, end=1),
        )  # fmt: skip
        self.sources = {n: ColumnDataSource() for n in ("theory", "reach", "start", "band", "now")}
        self.seeds = ColumnDataSource({"x": [], "y": []})
        fig = self.figure
        fig.yaxis.ticker = FixedTicker()
        legend_above(fig)
        for name, columns in {"theory": "x y", "reach": "x low high", "start": "x y",
                              "band": "x low high", "now": "x y"}.items():  # fmt: skip
            self.sources[name].data = {column: [] for column in columns.split()}
        self._reach = fig.varea("x", "low", "high", source=self.sources["reach"], fill_alpha=0.13)
        self._start = fig.line("x", "y", source=self.sources["start"], line_width=1.4,
                               line_dash="dashed", legend_label="step 0")  # fmt: skip
        self._band = fig.varea("x", "low", "high", source=self.sources["band"], fill_alpha=0.25)
        self._each = fig.multi_line("x", "y", source=self.seeds, line_width=0.8, line_alpha=0.7)
        self._now = fig.line("x", "y", source=self.sources["now"], line_width=2.2,
                             legend_label="now, mean of seeds")  # fmt: skip
        self._dots = fig.scatter("x", "y", source=self.sources["now"], size=5)
        self._theory = fig.line("x", "y", source=self.sources["theory"], line_width=2.2,
                                line_dash="dotted", legend_label="theory")  # fmt: skip

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        restyle(self.figure, theme)
        now, start = theme.colors[0], theme.colors[1]
        self._band.glyph.fill_color = self._each.glyph.line_color = now
        self._now.glyph.line_color = self._dots.glyph.fill_color = now
        self._dots.glyph.line_color = now
        self._start.glyph.line_color = start
        self._theory.glyph.line_color = self._reach.glyph.fill_color = theme.ink

    def predict(self, name: str, line: Array) -> None:
        """Show theory alone.

        Args:
            name: name of the quantity in the layers table.
            line: the predicted values, ``[L − 1]``.
        """
        empty(self.seeds, *(source for key, source in self.sources.items() if key != "theory"))
        self._draw_theory(line)
        self._say(name, ", as theory predicts it")
        fit_powers(self.figure, (0.5, len(line) + 1.5), line)

    def show(self, name: str, first: DrawnStep, last: DrawnStep) -> None:
        """Show the measured values of a quantity, with theory."""
        now, start = last.profiles[name], first.profiles[name]
        x = np.arange(1, len(now.mean) + 1)
        is_band = len(now.seeds) >= FEW
        low, high = (now.low, now.high) if is_band else (now.mean, now.mean)
        self.sources["band"].data = {"x": x, "low": 10**low, "high": 10**high}
        self.sources["now"].data = {"x": x, "y": 10**now.mean}
        few = [] if is_band or len(now.seeds) < 2 else list(10**now.seeds)
        if few:
            self.seeds.data = {"x": [x] * len(few), "y": few}
        before = 10**start.mean if last.step else np.full(len(x), np.nan)
        self.sources["start"].data = {"x": x, "y": before}
        self._say(name, f" at step {last.step}")
        shown, hidden = [10**now.mean, before], slice(0, len(x) - 1)
        if start.predicted is not None:
            line = start.predicted[hidden]
            self._draw_theory(line)
            shown.append(line)
            if start.spread is not None:
                by = np.exp(start.spread[hidden])
                reach = {"x": x[hidden], "low": line / by, "high": line * by}
                self.sources["reach"].data = reach
        fit_powers(self.figure, (0.5, len(x) + 0.5), *shown)

    def _say(self, name: str, when: str) -> None:
        words, symbol = _QUANTITIES[name]
        self.figure.title.text = f"{words} by layer{when}"
        self.figure.yaxis.axis_label = symbol

    def _draw_theory(self, line: Array) -> None:
        self.sources["theory"].data = {"x": np.arange(1, len(line) + 1), "y": line}
