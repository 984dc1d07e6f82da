"""The phase diagram of the live page, with the network in it."""

from typing import Any

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    LinearColorMapper,
    Range1d,
    TapTool,
    Title,
)

from deltaflow.live_page.figures.looks import FONT, VIRIDIS, Theme, empty_figure, restyle
from deltaflow.live_page.forecast import SIGMA_B, SIGMA_W
from deltaflow.theory import PHASES, PhaseDiagram

_DEPTHS = (1.0, 1000.0)  # trainable depths at the ends of the colour scale, layers
_HALF_NAME = 1.05  # half the width of a phase's name, in units of σ_w


class PhaseFigure:
    """The phase diagram with the network as a star; a click moves the star."""

    def __init__(self) -> None:
        self.figure = empty_figure(
            "Phase diagram: click to move", "σ_w", "σ_b",
            "phase diagram over σ_w and σ_b", tools=[TapTool()],
            x_range=_beyond(SIGMA_W[-1]), y_range=_beyond(SIGMA_B[-1]),
        )  # fmt: skip
        self.colors = LinearColorMapper(palette=VIRIDIS, low=0, high=3)
        self.image = ColumnDataSource({"image": []})
        self.edge = ColumnDataSource({"x": [], "y": []})
        self.names = ColumnDataSource({"x": [], "y": [], "text": []})
        self.here = ColumnDataSource({"x": [], "y": []})
        fig = self.figure
        fig.image("image", 0, 0, SIGMA_W[-1], SIGMA_B[-1], source=self.image,
                  color_mapper=self.colors)  # fmt: skip
        fig.line("x", "y", source=self.edge, line_width=2.5, line_color="#ffffff")
        fig.text("x", "y", "text", source=self.names, text_color="#ffffff", text_align="center",
                 text_font_size="11px", text_font_style="bold",
                 background_fill_color="#00000080", padding=3)  # fmt: skip
        fig.scatter("x", "y", source=self.here, marker="star", size=20, fill_color="#ff7a1a",
                    line_color="#000000", line_width=1.2)  # fmt: skip
        self.bar = ColorBar(color_mapper=self.colors, width=8, padding=4, label_standoff=4,
                            ticker=FixedTicker(ticks=[0, 1, 2, 3]), major_label_text_font=FONT,
                            major_label_overrides={0: "1", 1: "10", 2: "100", 3: "∞"})  # fmt: skip
        fig.add_layout(self.bar, "right")
        self.meaning = Title(text="colour: trainable depth, in layers", align="right", standoff=2,
                             text_font=FONT, text_font_size="11px",
                             text_font_style="normal")  # fmt: skip
        fig.add_layout(self.meaning, "above")
        fig.grid.visible = False
        self._shown: PhaseDiagram | None = None

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        restyle(self.figure, theme)
        self.bar.background_fill_color = theme.background
        self.bar.major_label_text_color = self.meaning.text_color = theme.quiet

    def show(self, diagram: PhaseDiagram) -> None:
        """Show a diagram."""
        if diagram is self._shown:
            return
        self._shown = diagram
        depth = np.log10(np.clip(diagram.trainable_depth, *_DEPTHS))
        self.image.data = {"image": [depth]}
        self.edge.data = {"x": np.sqrt(diagram.edge()), "y": SIGMA_B}
        words: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
        phases = (("ordered", diagram.chi < 1), ("chaotic", diagram.chi > 1))
        for name, where in phases:
            if where.mean() > 0.08:
                b, w = (np.median(places) for places in np.nonzero(where))
                words["x"].append(np.clip(SIGMA_W[int(w)], _HALF_NAME, SIGMA_W[-1] - _HALF_NAME))
                words["y"].append(SIGMA_B[int(b)])
                words["text"].append(f"{name}:\n{PHASES[name]}")
        self.names.data = words

    def move(self, point: tuple[float, float] | None) -> None:
        """Move the star to (σ_w, σ_b); ``None`` removes it."""
        self.here.data = {"x": [point[0]] if point else [], "y": [point[1]] if point else []}


def _beyond(end: float) -> Range1d:
    """The range from 0 to ``end`` with a margin, so that a star at an edge is not cut off."""
    return Range1d(start=-0.04 * end, end=1.04 * end)
