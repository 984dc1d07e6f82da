"""The axes of a run's picture, kept from one picture to the next.

To make axes with their ticks takes Matplotlib a third of the time of a picture, so the pictures of
a sweep are drawn on the same axes, one after another.
"""

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from deltaflow.figures.canvas import CanvasWithMemory


class RunAxes:
    """A figure with empty axes.

    The margins are fixed: a layout that measures its texts would take as long as all the drawing.

    Args:
        has_curves: whether there are axes for learning curves.
        draw_judged: draws the predictions on their axes, the same for all pictures; ``None`` for
            no such axes.

    Attributes:
        figure: the figure.
        heat: axes of the heatmap.
        profile: axes of the δ norm over depth.
        curves: axes of the learning curves.
        gradient: axes of the weight gradient over depth.
        update: axes of the update ratio over depth.
        shares: axes of the shares of units over depth.
        draw_judged: draws the predictions.
        judged: axes of the predictions.
    """

    def __init__(self, has_curves: bool, draw_judged: Callable[[Axes, Any], None] | None) -> None:
        self.draw_judged = draw_judged
        self.figure = Figure(figsize=(13, 8.2), dpi=100)
        CanvasWithMemory(self.figure)
        above = self.figure.add_gridspec(
            1, 2 + has_curves, left=0.045, right=0.988, bottom=0.475, top=0.82, wspace=0.2,
            width_ratios=[1.25, 1, 0.85][: 2 + has_curves],
        )  # fmt: skip
        below = self.figure.add_gridspec(
            1,
            3 + (draw_judged is not None),
            left=0.045,
            right=0.988,
            bottom=0.07,
            top=0.36,
            wspace=0.24,
        )
        self._all: list[Axes] = [*above.subplots(), *below.subplots()]  # type: ignore[misc]
        self.heat, self.profile, *curves = self._all[: 2 + has_curves]
        self.gradient, self.update, self.shares, *judged = self._all[2 + has_curves :]
        self.curves: Axes | None = curves[0] if curves else None
        self.judged: Axes | None = judged[0] if judged else None
        self._colorbar: Colorbar | None = None

    def clear(self) -> None:
        """Remove all that was drawn; ticks, and what is set again for each picture, stay."""
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
        for said in (*self.figure.texts, *self.figure.legends):
            said.remove()

    def draw_colorbar(self, mesh: QuadMesh) -> None:
        """Draw the colours of the heatmap beside it."""
        if self._colorbar is None:
            self._colorbar = self.figure.colorbar(mesh, ax=self.heat, pad=0.02)
        else:
            self._colorbar.update_normal(mesh)
