"""Draws the picture of a run: its finding, the flow of δ, learning curves and predictions."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deltaflow.comparison.flow_numbers import flow_numbers, positive_log
from deltaflow.comparison.statistics.intervals import FACTOR, interval
from deltaflow.figures.labels import plain, wrapped
from deltaflow.figures.looks import (
    END,
    QUIET,
    START,
    cell_borders,
    draw_seeds,
    encoded,
    frame,
    logarithmic,
    main_lines,
    name_below,
    spread_handle,
)
from deltaflow.figures.run.axes import RunAxes
from deltaflow.figures.run.class_panels import ClassPredictions, panel_of
from deltaflow.figures.run.depth_panels import (
    draw_profile,
    draw_shares,
    logarithms,
    note_missing,
    whole_numbers,
)
from deltaflow.figures.run.number_panels import NumberPredictions, draw_numbers

_LINE_WIDTH = 118  # characters of the finding in a line
_drawing = threading.Lock()  # all threads draw on the same axes
_axes = functools.cache(RunAxes)


@dataclass(frozen=True)
class RunPicture:
    """What the picture of a run shows.

    Attributes:
        layers: the layers table of one run, without replicas that do not count.
        title: the name of the run.
        finding: the main finding in a sentence, which is the headline.
        metrics: the metrics table of the same replicas.
        predictions: predictions for rows with known classes or numbers.
    """

    layers: pl.DataFrame
    title: str
    finding: str = ""
    metrics: pl.DataFrame | None = None
    predictions: ClassPredictions | NumberPredictions | None = None

    def draw(self, run_axes: RunAxes | None = None) -> Figure:
        """Draw the picture.

        Its upper row has log₁₀ of the δ norm by layer and step (the mean over seeds of the
        logarithm), its profile, and the loss. Its lower row has the profiles of the weight
        gradient, the update ratio and the shares of units, and the predictions. Bands are 95 %
        intervals of the mean over seeds; fewer than four seeds are drawn one by one.

        Args:
            run_axes: empty axes to draw on; ``None`` for new ones.
        """
        if run_axes is None:
            run_axes = RunAxes(*self._axes_arguments)
        figure, layers = run_axes.figure, self.layers
        headline = wrapped(self.finding, _LINE_WIDTH, 2) or plain(self.title)
        figure.text(0.012, 0.982, headline, fontsize=13, fontweight="bold", va="top")
        _draw_heatmap(run_axes, layers)
        decay = _mean_decay(layers)
        draw_profile(run_axes.profile, layers, "delta_norm", "δ norm over depth", decay)
        draw_profile(run_axes.gradient, layers, "weight_grad_norm", "Weight gradient norm")
        draw_profile(run_axes.update, layers, "update_ratio", "Update ratio ‖ΔW‖ / ‖W‖")
        draw_shares(run_axes.shares, layers)
        if run_axes.curves is not None and self.metrics is not None:
            _draw_loss(run_axes.curves, self.metrics)
        if run_axes.predictions is not None and run_axes.draw_predictions is not None:
            run_axes.draw_predictions(run_axes.predictions, self.predictions)
        subtitle = plain(self.title) if self.finding else ""
        y = 0.945 - 0.028 * headline.count("\n")
        figure.text(0.012, y, subtitle, fontsize=10, va="top", color=QUIET)
        _draw_legend(figure, run_axes.profile, y)
        return figure

    def png(self) -> bytes:
        """The bytes of a PNG file with the picture."""
        with _drawing:
            run_axes = _axes(*self._axes_arguments)
            run_axes.clear()
            return encoded(self.draw(run_axes), "png")

    @property
    def _axes_arguments(self) -> tuple[bool, Callable[[Axes, Any], None] | None]:
        """The arguments of :class:`RunAxes` for this picture."""
        has_curves = self.metrics is not None and len(self.metrics) > 0
        if isinstance(self.predictions, NumberPredictions):
            return has_curves, draw_numbers
        return has_curves, None if self.predictions is None else panel_of(self.predictions)


def _draw_legend(figure: Figure, profile: Axes, y: float) -> None:
    """Draw one legend for all panels over depth, above them, where it covers nothing."""
    handles: list[Artist] = [*main_lines(profile)]
    shown = {False: bool(profile.collections), True: len(handles) < len(profile.lines)}
    handles += [spread_handle(few) for few, is_there in shown.items() if is_there]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.005, y - 0.02), ncols=5, frameon=False,
        fontsize=9.5, columnspacing=1.6,
    )  # fmt: skip


def _draw_loss(axes: Axes, metrics: pl.DataFrame) -> None:
    """Draw the training and validation loss by epoch, on a linear scale if one is not positive."""
    is_positive = bool((metrics["loss"].drop_nulls().drop_nans() > 0).all())
    shown = positive_log("loss") if is_positive else pl.col("loss")
    looks = {"train": ("training", {"color": START, "ls": "-"}),
             "validation": ("validation", {"color": END, "ls": "--"})}  # fmt: skip
    drawn = []
    for split, (name, look) in looks.items():
        rows = metrics.filter(pl.col("split") == split)
        if not len(rows):
            continue
        grid = rows.with_columns(shown=shown).pivot("epoch", index="seed", values="shown")
        epochs = sorted(int(column) for column in grid.columns if column != "seed")
        values = grid.select(map(str, epochs)).to_numpy().astype(float)
        values[~np.isfinite(values)] = np.nan
        if not np.isfinite(values).any():
            continue
        draw_seeds(
            axes, [e + 1 for e in epochs], values, look, name,
            (lambda logs: 10.0**logs) if is_positive else lambda losses: losses,
        )  # fmt: skip
        drawn.append(name)
    if drawn and is_positive:
        logarithmic(axes)
    if drawn:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    else:
        note_missing(axes, "not finite after any epoch")
        axes.set_xticks([])
    frame(axes)
    name_below(axes, "epochs trained")
    axes.set_title("Loss", loc="left", fontsize=11, y=1)
    for x, (name, look) in zip((0.52, 1.0), looks.values(), strict=True):
        if name in drawn:
            axes.text(
                x, 1.035, f"{'—' if look['ls'] == '-' else '– –'} {name}", transform=axes.transAxes,
                ha="right", fontsize=9.5, color=look["color"],
            )  # fmt: skip


def _draw_heatmap(run_axes: RunAxes, layers: pl.DataFrame) -> None:
    axes = run_axes.heat
    means = logarithms(layers, "delta_norm").group_by("layer", "step").agg(pl.col("log").mean())
    grid = means.pivot("step", index="layer", values="log").sort("layer")
    steps = sorted(int(name) for name in grid.columns if name != "layer")
    values = grid.select(map(str, steps)).to_numpy().astype(float)
    mesh = axes.pcolormesh(
        cell_borders(steps), np.arange(len(values) + 1) + 0.5, np.ma.masked_invalid(values),
        cmap="viridis",
    )  # fmt: skip
    axes.set_facecolor("#d9d9d9")  # where δ is 0 or not finite
    name_below(axes, "training step")
    axes.set_ylabel("layer (1 = next to the input)")
    axes.yaxis.set_major_locator(whole_numbers(1, len(values)))
    axes.xaxis.set_major_locator(whole_numbers(steps[0], steps[-1], most=6))
    grey = " (grey: 0 or not finite)" if not np.isfinite(values).all() else ""
    axes.set_title(f"Error signal δ: log₁₀ of its norm{grey}", loc="left", fontsize=11, y=1)
    run_axes.draw_colorbar(mesh)


def _mean_decay(layers: pl.DataFrame) -> dict[str, float | None]:
    """The geometric mean of the decay rate over seeds, at the start and at the end."""
    numbers = flow_numbers(layers).values()
    return {
        moment: interval((row[f"decay_rate_{moment}"] for row in numbers), scale=FACTOR).mean
        for moment in ("start", "end")
    }
