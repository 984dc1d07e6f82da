"""Draws panels over depth: a quantity by layer, at the first and the last recorded step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, PercentFormatter

from deltaflow.comparison.flow_numbers import first_and_last, positive_log, with_common_end
from deltaflow.figures.looks import END, QUIET, START, draw_seeds, frame, logarithmic, name_below
from deltaflow.flow.profiles import decay_rate

SHARES = {"saturated_fraction": ("^", "▲"), "inactive_fraction": ("o", "●"),
          "dead_fraction": ("X", "✖")}  # fmt: skip


def draw_profile(
    axes: Axes,
    layers: pl.DataFrame,
    quantity: str,
    title: str,
    decay: Mapping[str, float | None] | None = None,
) -> None:
    """Draw a quantity over depth on a logarithmic scale.

    Args:
        axes: the panel.
        layers: the layers table of one run.
        quantity: a column of the table.
        title: title of the panel.
        decay: the decay rate by moment, for the legend. If it is given, the profile that theory
            predicts is drawn, too.
    """
    layers = with_common_end(layers)
    logs = logarithms(layers, quantity)
    for moment, step, look in first_and_last_looks(layers):
        rows = logs.filter(pl.col("step") == step)
        grid = rows.pivot("layer", index="seed", values="log").drop("seed")
        x = sorted(int(name) for name in grid.columns)
        values = grid.select(map(str, x)).to_numpy().astype(float)
        if not np.isfinite(values).any():
            continue
        rate = decay[moment] if decay else None
        label = f"{moment} (step {step})" + (f": ×{rate:.2g} per layer going back" if rate else "")
        draw_seeds(axes, x, values, look, label, lambda logs: 10.0**logs)
    _note_zeros(axes, logs)
    if decay:
        _draw_prediction(axes, layers, f"predicted_{quantity}")
    if axes.lines:
        logarithmic(axes)
    _frame(axes, layers, title, missing="0 or not finite in every layer")


def draw_shares(axes: Axes, layers: pl.DataFrame) -> None:
    """Draw the shares of saturated, inactive and dead units by layer."""
    layers = with_common_end(layers)
    names = [name for name in SHARES if layers[name].count()]
    for moment, step, look in first_and_last_looks(layers):
        rows = layers.filter(pl.col("step") == step).group_by("layer").agg(
            pl.col(name).fill_nan(None).mean() for name in names
        ).sort("layer")  # fmt: skip
        for name in names:
            axes.plot(
                rows["layer"].to_numpy(), rows[name].to_numpy(),
                **look | {"marker": SHARES[name][0]},
                label=f"{name.removesuffix('_fraction')}, {moment}",
            )  # fmt: skip
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    named = (f"{SHARES[n][1]} {n.removesuffix('_fraction')}" for n in names)
    title = "Units: " + (", ".join(named) or "none to count")
    _frame(axes, layers, title, missing="φ neither saturates nor is flat")


def first_and_last_looks(layers: pl.DataFrame) -> list[tuple[str, int, dict[str, Any]]]:
    """Name, step and line style of the start, and of the end if it is another step."""
    first, last = first_and_last(layers)
    size = 4.5 if layers["layer"].n_unique() <= 20 else 2.5
    start = {"color": START, "ls": "-", "marker": "o", "ms": size}
    end = {"color": END, "ls": "--", "marker": "s", "ms": size}
    both = [("start", first, start), ("end", last, end)]
    return both if last != first else both[:1]


def logarithms(layers: pl.DataFrame, quantity: str) -> pl.DataFrame:
    """Seed, layer, step, ``log`` (log₁₀, null if 0 or not finite) and ``zero`` of a quantity."""
    zero = pl.col(quantity) == 0
    return layers.select("seed", "layer", "step", log=positive_log(quantity), zero=zero)


def whole_numbers(lowest: int, highest: int, most: int = 12) -> FixedLocator:
    """Ticks at evenly spaced whole numbers between two bounds, at most about ``most``."""
    stride = max(1, -(-(highest - lowest + 1) // most))
    for round_stride in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000):
        if round_stride >= stride:
            stride = round_stride
            break
    ticks = range(lowest - lowest % stride, highest + 1, stride)
    return FixedLocator([tick for tick in ticks if tick >= lowest] or [lowest])


def _note_zeros(axes: Axes, logs: pl.DataFrame) -> None:
    """Write how many seeds have the value 0 in some layer; they are not in the mean logarithm."""
    notes = []
    for moment, step, _ in first_and_last_looks(logs):
        layers = logs.filter(pl.col("step") == step).group_by("layer")
        counted = layers.agg(pl.col("zero").sum(), n=pl.len())
        n_zero, n = (int(counted[name].max() or 0) for name in ("zero", "n"))  # type: ignore[arg-type]
        notes += [f"0 in {n_zero} of {n} at the {moment}"] if n_zero and n != 1 else []
    if notes:
        text = ",\n".join(notes) + ": left out"
        heights = np.asarray(axes.lines[0].get_ydata() if axes.lines else [0, 0], float)
        # The text is in the left corner that is farther from the lines.
        y, va = (0.98, "top") if heights[0] < heights[-1] else (0.02, "bottom")
        axes.text(0.02, y, text, transform=axes.transAxes, fontsize=8, color=QUIET, va=va)


def _draw_prediction(axes: Axes, layers: pl.DataFrame, quantity: str) -> None:
    """Draw the profile of step 0 that theory predicts."""
    logs = logarithms(layers, quantity).filter(pl.col("step") == 0).drop_nulls()
    rows = logs.group_by("layer").agg(pl.col("log").mean()).sort("layer")
    if len(rows):
        x, y = rows["layer"].to_numpy(), 10 ** rows["log"].to_numpy()
        rate = float(decay_rate(y))
        label = "theory (step 0)" + (f": ×{rate:.2g}" if np.isfinite(rate) else "")
        axes.plot(x, y, label=label, color="black", ls=":", lw=1.8, zorder=3)


def _frame(axes: Axes, layers: pl.DataFrame, title: str, missing: str) -> None:
    n_layers = int(layers["layer"].max())  # type: ignore[arg-type]
    axes.set_xlim(0.6, n_layers + 0.4)
    axes.xaxis.set_major_locator(whole_numbers(1, n_layers, most=8))
    name_below(axes, "layer (input → output)")
    frame(axes)
    axes.set_title(title, loc="left", fontsize=11, y=1)
    if not axes.lines:
        note_missing(axes, missing)


def note_missing(axes: Axes, why: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", color=QUIET)
