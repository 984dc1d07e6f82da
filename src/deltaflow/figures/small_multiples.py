"""Small multiples: a small panel for each run, all on the same scale."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from deltaflow.comparison.comparison import Comparison
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.comparison.series.bands import Band
from deltaflow.figures.labels import wrapped
from deltaflow.figures.looks import (
    END,
    QUIET,
    START,
    cell_borders,
    draw_each,
    frame,
    spread_handle,
    write_title,
)

MAX_RUNS = 12  # runs in a figure
_Run = RankedConfiguration
_COLUMNS = 4
_WIDTH, _HEIGHT = 2.9, 2.25  # size of a panel in inches
_LOOKS = {"start": {"color": START, "ls": "-"}, "end": {"color": END, "ls": "--"}}
_DECADES = 12  # largest range of a heatmap's colours
_array = partial(np.array, dtype=float)  # NaN for None


def profiles(comparison: Comparison) -> Figure | None:
    """Draw depth profiles of δ at start and end, and as predicted; ``None`` without data."""
    runs, left_out = _evenly_spaced(comparison, lambda run: run.profile)
    if not runs:
        return None
    figure, panels = _grid(runs, f"Depth profiles of the δ norm{left_out}", bottom=0.62)
    for axes, run in zip(panels, runs.values(), strict=True):
        profile = run.profile
        assert profile is not None
        for band, (moment, look) in zip((profile.start, profile.end), _LOOKS.items(), strict=True):
            if band:
                _draw_line(axes, profile.layers, band, look, marker="os"[moment == "end"])
        if profile.theory:
            theory = _array(profile.theory)
            axes.plot(profile.layers, theory, color="black", ls=":", lw=1.6, zorder=3)
        _logarithmic(axes)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    _share_scale(panels, "hidden layer, from the input", "δ norm")
    _note_zeros(figure, runs)
    bands = [run.profile.start for run in runs.values() if run.profile]
    _draw_legend(figure, {"start of training": _LOOKS["start"], "end": _LOOKS["end"],
                     "theory, start": {"color": "black", "ls": ":"}}, bands)  # fmt: skip
    return figure


def heatmaps(comparison: Comparison) -> Figure | None:
    """Draw δ by layer and step, with common colours; ``None`` if no run has a heatmap."""
    runs, left_out = _evenly_spaced(comparison, lambda run: run.heatmap)
    if not runs:
        return None
    figure, panels = _grid(runs, f"Error signal δ, layer by layer{left_out}", right=0.9)
    maps = [run.heatmap for run in runs.values() if run.heatmap]
    grids = [np.array([_array(row) for row in heatmap.values]) for heatmap in maps]
    known = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
    high = float(known.max()) if len(known) else 0.0
    low = max(float(known.min()) if len(known) else -1.0, high - _DECADES)
    scale, mesh = Normalize(low, high), None
    for axes, heatmap, grid in zip(panels, maps, grids, strict=True):
        steps, layers = cell_borders(heatmap.steps), cell_borders(heatmap.layers)
        mesh = axes.pcolormesh(
            steps, layers, np.ma.masked_invalid(grid), cmap="viridis", norm=scale
        )
        axes.set_facecolor("#d9d9d9")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    _name_axes(panels, "training step", "layer, from the input")
    assert mesh is not None
    shade = figure.add_axes((0.925, 0.2, 0.014, 0.6))
    below = len(known) > 0 and known.min() < low
    figure.colorbar(mesh, cax=shade, extend="min" if below else "neither")
    shade.set_title("log₁₀\nδ norm", fontsize=9, y=1)
    if any(not np.isfinite(grid).all() for grid in grids):
        figure.text(0.995, 0.02, "grey: 0 or not finite", ha="right", fontsize=8, color=QUIET)
    _note_zeros(figure, runs)
    return figure


def curves(comparison: Comparison) -> Figure | None:
    """Draw the metric by epoch, of training and validation; ``None`` if no run has it."""
    name = comparison.metric.name
    runs, left_out = _evenly_spaced(
        comparison, lambda run: any(name in c.bands for c in run.curves.values())
    )
    if not runs:
        return None
    figure, panels = _grid(runs, f"Learning curves: {name}{left_out}", bottom=0.62)
    looks = {"train": _LOOKS["start"], "validation": _LOOKS["end"]}
    for axes, run in zip(panels, runs.values(), strict=True):
        for split, look in looks.items():
            if (curve := run.curves.get(split)) and name in curve.bands:
                _draw_line(axes, curve.epochs, curve.bands[name], look)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        if name == "loss":
            _logarithmic(axes)
    if name == "loss":
        _share_scale(panels, "epochs trained", name)
    else:
        _share_scale(panels, "epochs trained", name, lowest=-1.0, highest=1.0)
    bands = [c.bands[name] for run in runs.values() for c in run.curves.values() if name in c.bands]
    _draw_legend(figure, {"training": looks["train"], "validation": looks["validation"]}, bands)
    return figure


def _evenly_spaced(
    comparison: Comparison, has_it: Callable[[_Run], object]
) -> tuple[dict[int, _Run], str]:
    """Choose at most ``MAX_RUNS`` runs that have the data, evenly spaced from best to worst.

    Returns:
        The runs by rank, and a note if some are left out.
    """
    runs = {rank: run for rank, run in enumerate(comparison.ranking, start=1) if has_it(run)}
    if len(runs) <= MAX_RUNS:
        return runs, ""
    places = np.linspace(0, len(runs) - 1, MAX_RUNS).round().astype(int)
    ranks = [list(runs)[place] for place in places]
    note = f": {MAX_RUNS} of {len(runs)}, evenly by rank (the others are left out)"
    return {rank: runs[rank] for rank in ranks}, note


def _grid(
    runs: Mapping[int, _Run], title: str, right: float = 0.985, bottom: float = 0.5
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a titled panel for each run; ``bottom`` is the margin in inches."""
    n_rows, n_columns = -(-len(runs) // _COLUMNS), min(len(runs), _COLUMNS)
    n_columns = max(n_columns, 2)  # a single column is too narrow for the title
    size = n_columns * _WIDTH + 0.4, n_rows * _HEIGHT + bottom + 0.55
    # Margins are fixed, because a layout that measures texts takes as long as all the drawing.
    figure = Figure(figsize=size, dpi=110)
    grid = figure.add_gridspec(
        n_rows, n_columns, left=0.75 / size[0], right=right, bottom=(bottom + 0.1) / size[1],
        top=1 - 0.85 / size[1], wspace=0.22, hspace=0.48,
    )  # fmt: skip
    write_title(figure, title)
    panels = []
    for place, (rank, run) in enumerate(runs.items()):
        axes = figure.add_subplot(grid[place // n_columns, place % n_columns])
        status = "" if run.status == "completed" else f" ({run.status})"
        axes.set_title(
            wrapped(f"{rank}. {run.label}{status}", 42, 2), fontsize=8, loc="left", pad=3, y=1
        )
        axes.tick_params(labelsize=8)
        panels.append(axes)
    return figure, panels


def _draw_line(
    axes: Axes, x: Sequence[float], band: Band, look: Mapping[str, Any],
    marker: str | None = None,
) -> None:  # fmt: skip
    """Draw a mean with its band, or with the lines of few seeds."""
    mean, low, high = map(_array, (band.mean, band.low, band.high))
    axes.plot(x, mean, **look, marker=marker, ms=2.5, lw=1.3)
    draw_each(axes, x, map(_array, band.seeds), look["color"])
    if not band.seeds and np.isfinite(low).any():
        axes.fill_between(x, low, high, color=look["color"], alpha=0.2, lw=0)


def _note_zeros(figure: Figure, runs: Mapping[int, _Run]) -> None:
    """Write a note if seeds with δ = 0 are left out of the means of logarithms."""
    ranks = [str(rank) for rank, run in runs.items() if any(run.n_zero.values())]
    if ranks:
        note = f"means are of the seeds where δ is not 0 (it is in some of {', '.join(ranks)})"
        below_title = 1 - 0.32 / figure.get_figheight()
        figure.text(0.01, below_title, note, va="top", fontsize=8, color=QUIET)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log", nonpositive="clip")
    axes.yaxis.set_minor_locator(NullLocator())  # minor ticks take most of the drawing time


def _share_scale(
    panels: Sequence[Axes], x: str, y: str, lowest: float = -np.inf, highest: float = np.inf
) -> None:
    """Give all panels one scale, fitted to all lines; bands may extend beyond it."""
    lines = [line for axes in panels for line in axes.lines]
    across = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in lines])
    up = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in lines])
    up = np.clip(up[np.isfinite(up)], lowest, highest)
    for axes in panels:
        axes.set_xlim(across.min() - 0.5, across.max() + 0.5)
        if len(up):
            axes.set_ylim(*_padded(up.min(), up.max(), axes.get_yscale() == "log"))
        frame(axes)
    _name_axes(panels, x, y, inner=False)


def _padded(low: float, high: float, is_logarithmic: bool) -> tuple[float, float]:
    if is_logarithmic:  # at least a decade, or noise would look large
        edge = max(0.05 * np.log10(high / low), 0.5 - np.log10(high / low) / 2)
        return low / 10**edge, high * 10**edge
    edge = 0.05 * (high - low) or 0.05
    return low - edge, high + edge


def _name_axes(panels: Sequence[Axes], x: str, y: str, inner: bool = True) -> None:
    """Name the axes of the lowest and of the leftmost panels only."""
    for place, axes in enumerate(panels):
        spot = axes.get_subplotspec()
        assert spot is not None
        is_lowest = place + spot.get_gridspec().ncols >= len(panels)
        axes.tick_params(labelleft=inner or spot.is_first_col(), labelbottom=inner or is_lowest)
        if spot.is_first_col():
            axes.set_ylabel(y, fontsize=8.5)
        if is_lowest:
            axes.set_xlabel(x, fontsize=8.5)


def _draw_legend(
    figure: Figure, looks: Mapping[str, Mapping[str, Any]], shown: Iterable[Band]
) -> None:
    has_seeds = {bool(band.seeds) for band in shown}
    handles: list[Artist] = [Line2D([], [], **look, label=name) for name, look in looks.items()]
    handles += [spread_handle(few) for few in sorted(has_seeds)]
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), frameon=False, fontsize=9)
