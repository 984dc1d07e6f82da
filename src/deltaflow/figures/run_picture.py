"""Pictures of the gradient flow, drawn from the layers table."""

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, PercentFormatter

from deltaflow.comparison.flow_numbers import first_and_last, flow_numbers, positive_log
from deltaflow.comparison.statistics.intervals import interval
from deltaflow.flow.profiles import decay_rate
from deltaflow.system.files import replace_file

START, END = "#1b4f9c", "#d1601f"  # apart in hue and, for greyscale, in lightness
QUIET = "#5f6368"
SHARES = {"saturated_fraction": "^", "inactive_fraction": "o", "dead_fraction": "X"}


def draw(layers: pl.DataFrame, title: str) -> Figure:
    """The picture of a run: δ by layer and step, and profiles over depth at start and end.

    Args:
        layers: the layers table of one run, without replicas that are not to be counted.
        title: what was run.

    Returns:
        The figure. Above, log₁₀ of the δ norm by layer and step (the mean over seeds of the
        logarithm) and its profile; below, the profiles of the weight gradient, the update
        ratio and the shares of units. Bands hold the middle half of the seeds.
    """
    # Fixed margins: a layout that measures its texts would take as long as all the drawing.
    figure = Figure(figsize=(11, 8), dpi=130)
    above = figure.add_gridspec(
        1, 2, left=0.055, right=0.985, bottom=0.485, top=0.91, wspace=0.22, width_ratios=[1.3, 1]
    )
    below = figure.add_gridspec(1, 3, left=0.065, right=0.985, bottom=0.07, top=0.36, wspace=0.25)
    heat, profile = above.subplots()  # type: ignore[misc]
    gradient, update, shares = below.subplots()  # type: ignore[misc]
    bands = " (bands: the middle half of them)" if layers["seed"].n_unique() > 1 else ""
    figure.suptitle(title + bands, fontsize=13, fontweight="bold", x=0.01, ha="left")

    decay = _decay(layers)
    _heatmap(figure, heat, layers)
    _profile(profile, layers, "delta_norm", "Depth profile of the δ norm", decay)
    _profile(gradient, layers, "weight_grad_norm", "Weight gradient norm")
    _profile(update, layers, "update_ratio", "Update ratio ‖ΔW‖ / ‖W‖")
    _shares(shares, layers)
    if profile.lines:
        profile.legend(frameon=False, fontsize=9)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all.

    Args:
        figure: to write.
        path: where; its ending names the format.
    """
    FigureCanvasAgg(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:])
    replace_file(path, drawn.getvalue())


def _heatmap(figure: Figure, axes: Axes, layers: pl.DataFrame) -> None:
    means = _logarithms(layers, "delta_norm").group_by("layer", "step").agg(pl.col("log").mean())
    grid = means.pivot("step", index="layer", values="log").sort("layer")
    steps = sorted(int(name) for name in grid.columns if name != "layer")
    values = grid.select(map(str, steps)).to_numpy().astype(float)
    mesh = axes.pcolormesh(
        _edges(steps), np.arange(len(values) + 1) + 0.5, np.ma.masked_invalid(values),
        cmap="viridis",
    )  # fmt: skip
    axes.set_facecolor("#d9d9d9")  # where δ is 0 or not finite
    axes.set_xlabel("training step")
    axes.set_ylabel("layer (1 = next to the input)")
    axes.yaxis.set_major_locator(_whole_numbers(1, len(values)))
    axes.xaxis.set_major_locator(_whole_numbers(steps[0], steps[-1], most=6))
    grey = "" if np.isfinite(values).all() else " (grey: 0 or not finite)"
    axes.set_title(f"Error signal δ, layer by layer{grey}", loc="left", fontsize=11)
    figure.colorbar(mesh, ax=axes, label="log₁₀ of the δ norm", pad=0.02)


def _profile(
    axes: Axes,
    layers: pl.DataFrame,
    quantity: str,
    title: str,
    decay: dict[str, float | None] | None = None,
) -> None:
    """A quantity over depth on a logarithmic scale, at the first and the last step."""
    logs = _logarithms(layers, quantity)
    for moment, step, look in _moments(layers):
        rows = (
            logs.filter((pl.col("step") == step) & pl.col("log").is_not_null())
            .group_by("layer")
            .agg(
                pl.col("log").mean(),
                low=pl.col("log").quantile(0.25, "linear"),
                high=pl.col("log").quantile(0.75, "linear"),
                n=pl.len(),
            )
            .sort("layer")
        )
        if not len(rows):
            continue
        rate = decay[moment] if decay else None
        label = f"{moment} (step {step})" + (f": ×{rate:.2g} per layer going back" if rate else "")
        x = rows["layer"].to_numpy()
        axes.plot(x, 10 ** rows["log"].to_numpy(), label=label, **look)
        if rows["n"].max() != 1:
            low, high = (10 ** rows[name].to_numpy() for name in ("low", "high"))
            axes.fill_between(x, low, high, color=look["color"], alpha=0.18, lw=0)
    _say_zeros(axes, logs)
    if decay:
        _prediction(axes, layers, f"predicted_{quantity}")
    if axes.lines:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        bottom, top = axes.get_ylim()
        if top < 10 * bottom:  # a decade at least, or small wiggles look like flow
            middle = bottom**0.5 * top**0.5
            axes.set_ylim(middle / 10**0.5, middle * 10**0.5)
    _frame(axes, layers, title, missing="0 or not finite in every layer")


def _say_zeros(axes: Axes, logs: pl.DataFrame) -> None:
    """In how many seeds a quantity is 0 in some layer, which no mean of logarithms shows."""
    said = []
    for moment, step, _ in _moments(logs):
        layers = logs.filter(pl.col("step") == step).group_by("layer")
        counted = layers.agg(pl.col("zero").sum(), n=pl.len())
        n_zero, n = (int(counted[name].max() or 0) for name in ("zero", "n"))  # type: ignore[arg-type]
        said += [f"0 in {n_zero} of {n} seeds at the {moment}"] if n_zero and n != 1 else []
    if said:
        text = f"{', '.join(said)}: left out"
        axes.text(0.02, 0.02, text, transform=axes.transAxes, fontsize=8, color=QUIET)


def _prediction(axes: Axes, layers: pl.DataFrame, quantity: str) -> None:
    """Theory's profile of step 0, over what it predicts."""
    logs = _logarithms(layers, quantity).filter(pl.col("step") == 0).drop_nulls()
    rows = logs.group_by("layer").agg(pl.col("log").mean()).sort("layer")
    if len(rows):
        x, y = rows["layer"].to_numpy(), 10 ** rows["log"].to_numpy()
        rate = float(decay_rate(y))
        label = "theory (step 0)" + (f": ×{rate:.2g}" if np.isfinite(rate) else "")
        axes.plot(x, y, label=label, color="black", ls=":", lw=1.8, zorder=3)


def _shares(axes: Axes, layers: pl.DataFrame) -> None:
    """The shares of units that pass little or nothing back, at the first and the last step."""
    names = [name for name in SHARES if layers[name].count()]
    for moment, step, look in _moments(layers):
        rows = layers.filter(pl.col("step") == step).group_by("layer").agg(
            pl.col(name).fill_nan(None).mean() for name in names
        ).sort("layer")  # fmt: skip
        for name in names:
            axes.plot(
                rows["layer"].to_numpy(), rows[name].to_numpy(), **look | {"marker": SHARES[name]},
                label=f"{name.removesuffix('_fraction')}, {moment}",
            )  # fmt: skip
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    title = "Units: " + (", ".join(n.removesuffix("_fraction") for n in names) or "none to count")
    _frame(axes, layers, title, missing="φ neither saturates nor is flat")
    if axes.lines:
        axes.legend(frameon=False, fontsize=8)


def _frame(axes: Axes, layers: pl.DataFrame, title: str, missing: str) -> None:
    n_layers = int(layers["layer"].max())  # type: ignore[arg-type]
    axes.set_xlim(0.6, n_layers + 0.4)
    axes.xaxis.set_major_locator(_whole_numbers(1, n_layers))
    axes.set_xlabel("layer (input → output)")
    axes.grid(axis="y", color="#e4e4e4", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=11)
    if not axes.lines:
        axes.set_yticks([])
        axes.text(0.5, 0.5, missing, transform=axes.transAxes, ha="center", color=QUIET)


def _moments(layers: pl.DataFrame) -> list[tuple[str, int, dict[str, Any]]]:
    """Start and end: their steps, and how their lines look."""
    first, last = first_and_last(layers)
    size = 4.5 if layers["layer"].n_unique() <= 20 else 2.5
    start = {"color": START, "ls": "-", "marker": "o", "ms": size}
    end = {"color": END, "ls": "--", "marker": "s", "ms": size}
    moments = [("start", first, start), ("end", last, end)]
    return moments if last != first else moments[:1]


def _logarithms(layers: pl.DataFrame, quantity: str) -> pl.DataFrame:
    """Layer, step, log₁₀ of a quantity, null where it is 0 or not finite, and whether it is 0."""
    return layers.select("layer", "step", log=positive_log(quantity), zero=pl.col(quantity) == 0)


def _whole_numbers(lowest: int, highest: int, most: int = 12) -> FixedLocator:
    """Ticks at whole numbers from the lowest to the highest, and not too many."""
    stride = max(1, -(-(highest - lowest + 1) // most))
    for round_stride in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000):
        if round_stride >= stride:
            stride = round_stride
            break
    ticks = range(lowest - lowest % stride, highest + 1, stride)
    return FixedLocator([tick for tick in ticks if tick >= lowest] or [lowest])


def _decay(layers: pl.DataFrame) -> dict[str, float | None]:
    """The mean decay rate over seeds, at the start and at the end."""
    numbers = flow_numbers(layers).values()
    return {
        moment: interval(row[f"decay_rate_{moment}"] for row in numbers).mean
        for moment in ("start", "end")
    }


def _edges(steps: list[int]) -> list[float]:
    """Cell borders half way between the steps."""
    inner = [(a + b) / 2 for a, b in itertools.pairwise(steps)]
    if not inner:
        return [steps[0] - 0.5, steps[0] + 0.5]
    return [steps[0] - 0.5, *inner, steps[-1] + 0.5]
