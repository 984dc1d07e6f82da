"""What the networks predict: decision regions, a fitted curve, a confusion matrix or a scatter."""

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker

from deltaflow.figures.run.class_panels import ClassPredictions, Decisions
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.live_page.evaluation import FittedCurve, Predictions
from deltaflow.live_page.figures.looks import (
    Figure,
    Theme,
    empty,
    empty_figure,
    name_ticks,
    restyle,
)
from deltaflow.theory import Array

_MARKERS = ("circle", "square", "triangle", "diamond", "x", "plus", "star", "inverted_triangle")
_EMPTY: dict[str, dict[str, list[object]]] = {
    "image": {"image": [], "x": [], "y": [], "dw": [], "dh": []},
    "points": {"x": [], "y": [], "fill": [], "marker": []},
    "line": {"x": [], "y": []},
    "band": {"x": [], "low": [], "high": []},
    "text": {"x": [], "y": [], "text": [], "color": []},
}


class PredictionsFigure:
    """The predictions of the networks, in the form that suits the data."""

    def __init__(self) -> None:
        self.figure: Figure = empty_figure(
            "What the network does", "", "", "what the networks make of the data",
        )  # fmt: skip
        self.sources = {name: ColumnDataSource(dict(data)) for name, data in _EMPTY.items()}
        fig, sources = self.figure, self.sources
        fig.image_rgba("image", "x", "y", "dw", "dh", source=sources["image"])
        self._band = fig.varea("x", "low", "high", source=sources["band"], fill_alpha=0.3)
        self._points = fig.scatter("x", "y", source=sources["points"], size=5, marker="marker",
                                   fill_color="fill", line_width=0.6)  # fmt: skip
        self._line = fig.line("x", "y", source=sources["line"], line_width=2.4)
        fig.text("x", "y", "text", source=sources["text"], text_align="center",
                 text_baseline="middle", text_font_size="12px", text_color="color")  # fmt: skip
        fig.grid.visible = False
        self._plain = [axis.ticker for axis in fig.axis]
        self._named = [FixedTicker() for _ in fig.axis]
        self._theme: Theme
        self._predictions: Predictions | None = None

    def set_theme(self, theme: Theme) -> None:
        """Set the colours of a theme."""
        self._theme = theme
        restyle(self.figure, theme)
        self._line.glyph.line_color = self._band.glyph.fill_color = theme.colors[1]
        self._points.glyph.line_color = theme.background
        if self._predictions is not None:
            self.show(self._predictions)

    def clear(self) -> None:
        """Show nothing."""
        self._predictions = None
        empty(*self.sources.values())

    def show(self, predictions: Predictions) -> None:
        """Show predictions."""
        if type(predictions) is not type(self._predictions):
            self.clear()
        self._predictions = predictions
        if isinstance(predictions, Decisions):
            self._plane(predictions)
        elif isinstance(predictions, FittedCurve):
            self._curve(predictions)
        elif isinstance(predictions, ClassPredictions):
            self._counts(predictions)
        else:
            self._pairs(predictions)

    def _frame(
        self, title: str, x: str, y: str, edges: tuple[float, ...], classes: tuple[str, ...] = ()
    ) -> None:
        fig = self.figure
        fig.title.text = title
        fig.xaxis.axis_label, fig.yaxis.axis_label = x, y
        left, right, bottom, top = edges
        fig.x_range.update(start=left, end=right)
        fig.y_range.update(start=bottom, end=top)
        names = dict(enumerate(classes))
        for axis, plain, named in zip(fig.axis, self._plain, self._named, strict=True):
            axis.ticker = named if names else plain
            if names:
                name_ticks(axis, names)
            else:
                axis.major_label_overrides = {}

    def _plane(self, plane: Decisions) -> None:
        left, right, bottom, top = plane.edges
        colors = np.array([_rgb(color) for color in self._theme.colors])
        theme = _rgb(self._theme.background)
        n = len(colors)
        share = (0.55 * plane.agreement**2)[..., None]  # faint where networks do not agree
        mixed = share * colors[plane.chosen % n] + (1 - share) * theme
        self.sources["image"].data = {
            "image": [_rgba(mixed)], "x": [left], "y": [bottom],
            "dw": [right - left], "dh": [top - bottom],
        }  # fmt: skip
        which = plane.targets.astype(int) % n
        self._dots(plane.points[:, 0], plane.points[:, 1], which)
        self._frame("Decisions; faint where seeds differ", "feature 1", "feature 2", plane.edges)

    def _curve(self, curve: FittedCurve) -> None:
        x, y = curve.points
        self._dots(x, y, np.zeros(len(x), dtype=int))
        self.sources["line"].data = {"x": curve.x, "y": curve.mean}
        self.sources["band"].data = {"x": curve.x, "low": curve.low, "high": curve.high}
        pad = 0.1 * float(np.ptp(y))
        edges = float(curve.x[0]), float(curve.x[-1]), float(y.min()) - pad, float(y.max()) + pad
        self._frame("The fitted curve, mean of seeds", "feature", "target", edges)

    def _counts(self, found: ClassPredictions) -> None:
        k = len(found.classes)
        background, color = _rgb(self._theme.background), np.array(_rgb(self._theme.colors[0]))
        strength = found.shares[..., None]
        self.sources["image"].data = {
            "image": [_rgba(strength * color + (1 - strength) * background)],
            "x": [-0.5], "y": [-0.5], "dw": [k], "dh": [k],
        }  # fmt: skip
        true, taken = (places.ravel() for places in np.indices((k, k)))
        flat = found.shares.ravel()
        self.sources["text"].data = {
            "x": taken, "y": true, "text": [f"{share:.0%}" for share in flat],
            "color": [self._theme.background if s > 0.5 else self._theme.ink for s in flat],
        }  # fmt: skip
        edges = (-0.5, k - 0.5, k - 0.5, -0.5)
        title = f"Confusion matrix ({found.part} rows)"
        self._frame(title, "predicted class", "true class", edges, tuple(found.classes))

    def _pairs(self, found: NumberPredictions) -> None:
        x, y = found.true[:, 0], found.predicted[:, 0]
        self._dots(x, y, np.zeros(len(x), dtype=int))
        low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
        self.sources["line"].data = {"x": [low, high], "y": [low, high]}
        pad = 0.05 * (high - low)
        edges = (low - pad, high + pad) * 2
        self._frame(f"{found.targets[0]}: predicted over true", "true", "predicted", edges)

    def _dots(self, x: Array, y: Array, which: Array) -> None:
        self.sources["points"].data = {
            "x": x, "y": y, "fill": [self._theme.colors[k] for k in which],
            "marker": [_MARKERS[k] for k in which],
        }  # fmt: skip


def _rgb(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def _rgba(colors: Array) -> np.typing.NDArray[np.uint32]:
    """Convert colours ``[h, w, 3]`` from 0 to 255 to Bokeh's packed RGBA, ``[h, w]``."""
    out = np.full((*colors.shape[:2], 4), 255, dtype=np.uint8)
    out[..., :3] = colors.round()
    return out.view(np.uint32)[..., 0]
