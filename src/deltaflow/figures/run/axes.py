"""The axes of a run's picture, which are reused for the next picture.

Making axes with their ticks takes a third of the time of a picture, so the pictures of a sweep are
drawn on the same axes, one after another.
"""

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from deltaflow.figures.run.canvas import TextCachingCanvas


class RunAxes:
    """Holds a figure and its axes, on which one picture after another is drawn.

    The margins are fixed, because a layout that measures texts takes as long as all the drawing.

    Args:
        has_curves: whether there are axes for learning curves.
        draw_predictions: draws the predictions on their axes, in all pictures; ``None`` for no
            such axes.

    Attributes:
        figure: the figure.
        heat: axes of the heatmap.
        profile: axes of the δ norm over depth.
        curves: axes of the learning curves.
        gradient: axes of the weight gradient over depth.
        update: axes of the update ratio over depth.
        shares: axes of the shares of units over depth.
        draw_predictions: draws the predictions.
        predictions: axes of the predictions; ``None`` if there are none.
    """

    def __init__(
        self, has_curves: bool, draw_predictions: Callable[[Axes, Any], None] | None
    ) -> None:
        self.draw_predictions = draw_predictions
        self.figure = Figure(figsize=(13, 8.2), dpi=100)
        TextCachingCanvas(self.figure)
        above = self.figure.add_gridspec(
            1, 2 + has_curves, left=0.045, right=0.988, bottom=0.475, top=0.82, wspace=0.2,
            width_ratios=[1.25, 1, 0.85][: 2 + has_curves],
        )  # fmt: skip
        below = self.figure.add_gridspec(
            1,
            3 + (draw_predictions is not None),
            left=0.045,
            right=0.988,
            bottom=0.07,
            top=0.36,
            wspace=0.24,
        )
        self._all: list[Axes] = [*above.subplots(), *below.subplots()]  # type: ignore[misc]
        self.heat, self.profile, *curves = self._all[: 2 + has_curves]
        self.gradient, self.update, self.shares, *predictions = self._all[2 + has_curves :]
        self.curves: Axes | None = curves[0] if curves else None
        self.predictions: Axes | None = predictions[0] if predictions else None
        self._colorbar: Colorbar | None = None

    def clear(self) -> None:
        """Remove what was drawn, except ticks and what each picture sets again."""
        for axes in self._all:
            for artist in (*axes.lines, *axes.collections, *axes.texts, *axes.images):
                artist.remove()
            if (legend := axes.get_legend()) is not None:
                legend.remove()
            axes.set_prop_cycle(None)
            axes.set_xscale("linear")  # with the locators and formatters of new axes
            axes.set_yscale("linear")
            axes.dataLim = Bbox.null()
            axes.ignore_existing_data_limits = True
            axes.autoscale()
        for artist in (*self.figure.texts, *self.figure.legends):
            artist.remove()

    def draw_colorbar(self, mesh: QuadMesh) -> None:
        """Draw the heatmap's colour bar beside it."""
        if self._colorbar is None:
            self._colorbar = self.figure.colorbar(mesh, ax=self.heat, pad=0.02)
        else:
            self._colorbar.update_normal(mesh)
