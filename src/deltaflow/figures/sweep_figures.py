"""The figures of a report, in the style of a paper and legible in greyscale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deltaflow.comparison.comparison import Comparison
from deltaflow.comparison.configurations.configuration import text
from deltaflow.comparison.statistics.effects import AxisEffects, Effect
from deltaflow.figures.formats import FORMATS
from deltaflow.figures.labels import plain, wrapped
from deltaflow.figures.looks import COLORS, MARKERS, QUIET, START, encoded, frame, write_title
from deltaflow.figures.small_multiples import curves, heatmaps, profiles
from deltaflow.records import Interval
from deltaflow.system.child_processes.second_process import SecondProcess, result_or_none
from deltaflow.system.files import folders, make_folder, replace_file

_SECOND_HALF = ("profiles", "heatmaps")  # for the second process; half of the work
_MARKS = tuple(zip(MARKERS, COLORS, strict=True))
_MAX_PANELS = 24
_MAX_NAMES = 16  # tick labels on an axis


def write_figures(
    comparison: Comparison,
    directory: Path,
    kind: str = "png",
    second: SecondProcess | None = None,
) -> list[Path]:
    """Write all figures that a report has data for, and delete figures of an older report.

    Args:
        comparison: the comparison.
        directory: the directory to write to.
        kind: one of ``FORMATS``.
        second: a process that draws half of the figures; ``None`` to draw all in this process.

    Returns:
        The files.

    Raises:
        Exception: the first error, if a figure cannot be drawn or written. The others are written.
    """
    names = ["decay", "curves", "effects", *_SECOND_HALF]
    begun = {} if second is None else {
        name: second.submit(_file, comparison, name, kind) for name in _SECOND_HALF
    }  # fmt: skip
    paths, errors = [], []
    for name in names:
        try:
            content = result_or_none(begun.get(name)) or _file(comparison, name, kind)
            if content is not None:
                make_folder(directory)
                replace_file(directory / f"{name}.{kind}", content)
                paths.append(directory / f"{name}.{kind}")
        except Exception as error:  # the other figures are still possible
            errors.append(error)
    if directory in folders(directory.parent):  # files behind a link are not deleted
        every = {directory / f"{name}.{kind}" for name in names for kind in FORMATS}
        for old in every - {*paths}:
            old.unlink(missing_ok=True)
    if errors:
        raise errors[0]
    return paths


def _file(comparison: Comparison, name: str, kind: str) -> bytes | None:
    """The content of a figure's file; ``None`` if the figure has no data."""
    drawing = {"profiles": profiles, "heatmaps": heatmaps, "decay": decay, "curves": curves,
               "effects": effects}  # fmt: skip
    figure = drawing[name](comparison)
    return None if figure is None else encoded(figure, kind)


def decay(comparison: Comparison) -> Figure | None:
    """Draw measured over predicted decay at the start, a point per run; ``None`` without data."""
    rates = ("decay_rate_start", "predicted_decay_rate")
    runs = [
        run
        for run in comparison.ranking
        if all(run.numbers[name].mean is not None for name in rates)
    ]
    if not runs:
        return None
    figure = Figure(figsize=(6.4, 5.2), dpi=110)
    axes = figure.add_axes((0.12, 0.11, 0.85, 0.79))
    axis = next((a for a in comparison.axes if len(a.values) <= len(_MARKS)), None)
    values = axis.values if axis else [None]
    for value, (mark, color) in zip(values, _MARKS, strict=False):
        chosen = [run for run in runs if axis is None or run.axes[axis.name] == value]
        measured = [run.numbers["decay_rate_start"] for run in chosen]
        x = _means([run.numbers["predicted_decay_rate"] for run in chosen])
        axes.errorbar(
            x, _means(measured), yerr=_bars(measured), fmt=mark, color=color,
            mfc="none", ms=6, lw=0.9, capsize=2,
            label=plain(text(value)) if axis else None,
        )  # fmt: skip
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="black", ls=":", lw=1.2, label="as predicted")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel("predicted factor of the δ norm per layer, going back")
    where = " where δ is not 0" if any(run.n_zero["start"] for run in runs) else ""
    axes.set_ylabel(f"measured (95 % interval over seeds{where})")
    _tidy(axes)
    axes.legend(
        title=plain(axis.name) if axis else None, frameon=False, fontsize=9, loc="upper left"
    )
    write_title(figure, "Decay of δ at the start of training")
    return figure


def effects(comparison: Comparison) -> Figure | None:
    """Draw the effect of each axis, averaged over the others; ``None`` if no axis has effects."""
    every = [found for found in comparison.effects if found.effects]
    if not every:
        return None
    shown = every[:_MAX_PANELS]
    metric = comparison.metric
    n_columns = min(len(shown), 4)
    n_rows = -(-len(shown) // n_columns)
    size = max(3.0 * n_columns + 0.6, 5.0), 3.0 * n_rows + 0.8
    figure = Figure(figsize=size, dpi=110)
    panels = figure.subplots(
        n_rows, n_columns, sharey=True, squeeze=False,
        gridspec_kw={"left": 0.7 / size[0], "right": 0.985, "bottom": 0.8 / size[1],
                     "top": 1 - 0.75 / size[1], "wspace": 0.08, "hspace": 0.6},
    )  # fmt: skip
    for axes, found in zip(panels.flat, shown, strict=False):
        _draw_effect(axes, found.effects)
        name = wrapped(f"{found.axis.name}{_combinations_note(found)}", 38, 2)
        axes.set_title(name, fontsize=10, loc="left", y=1)
    for axes in list(panels.flat)[len(shown) :]:
        axes.set_visible(False)
    for row in panels:
        row[0].set_ylabel(plain(f"{metric.moment} {metric.name}"))
    seeds = {effect.interval.n for found in every for effect in found.effects}
    n = f"{min(seeds)} to {max(seeds)} seeds" if len(seeds) > 1 else f"{max(seeds)} seeds"
    note = f"95 % interval over {n}" if max(seeds) > 1 else "one seed: no interval"
    which = "each axis" if shown == every else f"the first {len(shown)} of {len(every)} axes"
    write_title(figure, f"Effect of {which}, averaged over the others")
    figure.text(0.985, 0.02, note, ha="right", fontsize=9, color=QUIET)
    return figure


def _combinations_note(found: AxisEffects) -> str:
    """A note on how many combinations of the other axes are averaged, if not all."""
    if found.n_cells == found.n_all:
        return ""
    return f" (over {found.n_cells} of {found.n_all} combinations)"


def _draw_effect(axes: Axes, effects: Sequence[Effect]) -> None:
    """Draw means and intervals over the values of one axis; numeric values are joined."""
    places, intervals = np.arange(len(effects)), [effect.interval for effect in effects]
    numeric = not any(isinstance(effect.value, str) for effect in effects)
    axes.errorbar(
        places, _means(intervals), yerr=_bars(intervals),
        fmt="o-" if numeric else "o", color=START, ms=5, lw=1.1, capsize=3,
    )  # fmt: skip
    stride = -(-len(effects) // _MAX_NAMES)
    names = [wrapped(text(effect.value), 14, 1) for effect in effects]
    steep = sum(map(len, names[::stride])) > 34
    ticks = axes.set_xticks(places[::stride], names[::stride], fontsize=8)
    for tick in ticks if steep else []:
        tick.label1.set(rotation=40, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(effects) - 0.5)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    frame(axes, grid="both")
    axes.tick_params(labelsize=9, color=QUIET)


def _means(intervals: Sequence[Interval]) -> Any:
    return np.array([one.mean for one in intervals], dtype=float)


def _bars(intervals: Sequence[Interval]) -> Any:
    """Lengths of the intervals below and above their means, ``[2, n]``; 0 without interval."""
    mean = _means(intervals)
    low, high = (
        np.array([getattr(one, end) for one in intervals], dtype=float) for end in ("low", "high")
    )
    return np.nan_to_num([mean - low, high - mean])
