"""Pictures of the gradient flow, drawn from the layers table."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deltaflow.records.tables import replace_file
from deltaflow.report.aggregate import first_and_last, flow_numbers, interval

START, END = "#1b4f9c", "#d1601f"  # apart in hue and, for greyscale, in lightness
QUIET = "#5f6368"


def flow(layers: pl.DataFrame, title: str) -> Figure:
    """The picture of a run: δ by layer and step, and the depth profile at start and end.

    Args:
        layers: the layers table of one run.
        title: what was run.

    Returns:
        The figure: to the left log₁₀ of the δ norm, the mean over seeds of the logarithm; to
        the right the profile, with a band for the middle half of the seeds.
    """
    figure = Figure(figsize=(11, 5.2), dpi=150, layout="constrained")
    heat, profile = figure.subplots(1, 2, width_ratios=[1.25, 1])
    figure.suptitle(title, fontsize=14, fontweight="bold", x=0.01, ha="left")
    logs = layers.with_columns(
        log=pl.when(pl.col("delta_norm") > 0).then(pl.col("delta_norm").log10()).fill_nan(None)
    )
    _heatmap(figure, heat, logs)
    _profiles(profile, logs, _decay(layers))
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all.

    Args:
        figure: to write.
        path: where; its ending names the format.
    """
    FigureCanvasAgg(figure)
    replace_file(path, lambda p: figure.savefig(p, format=path.suffix[1:]))


def _heatmap(figure: Figure, axes: Axes, logs: pl.DataFrame) -> None:
    means = logs.group_by("layer", "step").agg(pl.col("log").mean())
    grid = means.pivot("step", index="layer", values="log").sort("layer")
    steps = sorted(int(name) for name in grid.columns if name != "layer")
    values = grid.select(map(str, steps)).to_numpy().astype(float)
    n_layers = len(values)
    mesh = axes.pcolormesh(
        _edges(steps), np.arange(n_layers + 1) + 0.5, np.ma.masked_invalid(values), cmap="viridis"
    )
    axes.set_facecolor("#d9d9d9")  # where δ is 0 or not finite
    axes.set_xlabel("training step")
    axes.set_ylabel("layer (1 = next to the input)")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    grey = "" if np.isfinite(values).all() else " (grey: δ is 0 or not finite)"
    axes.set_title(f"Error signal δ, layer by layer{grey}", loc="left", fontsize=11)
    figure.colorbar(mesh, ax=axes, label="log₁₀ of the δ norm", pad=0.02)


def _profiles(axes: Axes, logs: pl.DataFrame, decay: dict[str, float | None]) -> None:
    first, last = first_and_last(logs)
    moments = [("start", first, START, "o", "-"), ("end", last, END, "s", "--")]
    for moment, step, colour, marker, line in moments if last != first else moments[:1]:
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
        rate = decay[moment]
        label = f"{moment} (step {step})" + (f": ×{rate:.2g} per layer going back" if rate else "")
        x = rows["layer"].to_numpy()
        axes.plot(x, 10 ** rows["log"].to_numpy(), line, marker=marker, ms=4.5, color=colour,
                  label=label)  # fmt: skip
        if rows["n"].max() != 1:
            low, high = (10 ** rows[name].to_numpy() for name in ("low", "high"))
            axes.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)
    axes.set_yscale("log")
    bottom, top = axes.get_ylim()
    if axes.lines and top < 10 * bottom:  # a decade at least, or small wiggles look like flow
        axes.set_ylim((bottom * top / 10) ** 0.5, (bottom * top * 10) ** 0.5)
    axes.set_xlim(0.6, logs["layer"].max() + 0.4)  # type: ignore[operator,arg-type]
    axes.set_xlabel("layer (input → output)")
    axes.set_ylabel("δ norm")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.grid(axis="y", color="#e4e4e4", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    band = ", band: the middle half of the seeds" if logs["seed"].n_unique() > 1 else ""
    axes.set_title(f"Depth profile{band}", loc="left", fontsize=11)
    if axes.lines:
        axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    else:
        axes.text(0.5, 0.5, "δ is 0 in every layer", transform=axes.transAxes, ha="center",
                  color=QUIET)  # fmt: skip


def _decay(layers: pl.DataFrame) -> dict[str, float | None]:
    """The mean decay rate over seeds, at the start and at the end."""
    numbers = flow_numbers(layers).values()
    means = {}
    for moment in ("start", "end"):
        mean = interval(row[f"decay_rate_{moment}"] for row in numbers)["mean"]
        means[moment] = None if mean is None else float(mean)
    return means


def _edges(steps: list[int]) -> list[float]:
    """Cell borders half way between the steps, as far outside the first and the last."""
    inner = [(a + b) / 2 for a, b in itertools.pairwise(steps)]
    if not inner:
        return [steps[0] - 0.5, steps[0] + 0.5]
    return [2 * steps[0] - inner[0], *inner, 2 * steps[-1] - inner[-1]]
