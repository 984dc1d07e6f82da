"""Draws the phase diagram: the trainable depth over σ_w² and σ_b²."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure

from deltaflow.comparison.phase_points import PhasePoint
from deltaflow.figures.label_placement import Box, box_inside, box_near
from deltaflow.figures.looks import END
from deltaflow.theory import PHASES, Edge, PhaseDiagram

_DEPTHS = (1, 3, 10, 30, 100, 300, 1000)
_LIGHT_TO_DARK = LinearSegmentedColormap.from_list("depth", ["#ffffff", "#c9dcee", "#5f93c4"])
_FRAME = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": "none", "alpha": 0.85}
_MAX_LABELS = 4  # at one point
# All sizes are fractions of the axes.
_NAME, _UPRIGHT = (0.26, 0.12), (0.09, 0.38)  # size of a phase's name, horizontal and rotated
_LETTER, _LINE = 0.0105, 0.036  # width of a letter and height of a line in a run's label
_MARK = 0.018  # half the size of a marker


def phase_picture(
    diagram: PhaseDiagram,
    title: str,
    here: tuple[float, float],
    edge: Edge | None,
    runs: Sequence[PhasePoint],
) -> Figure:
    """Draw the phase diagram.

    Args:
        diagram: the diagram.
        title: a line that names the network.
        here: σ_w² and σ_b² of the network.
        edge: the edge of chaos at this σ_b; ``None`` if there is none.
        runs: runs that are shown as points.

    Returns:
        The figure, with the trainable depth as contours, the edge of chaos as a curve, the names
        of the phases, and the network and the runs as points.
    """
    figure = Figure(figsize=(8.5, 6.2), dpi=130)
    axes = figure.add_axes((0.09, 0.1, 0.89, 0.77))
    x, y = diagram.weight_variance, diagram.bias_variance
    _draw_depths(figure, axes, diagram)
    axes.plot(diagram.edge(), y, color="black", lw=2.4, label=f"edge of chaos{_edge_note(edge)}")
    marks = [here, *((run.weight_variance, run.bias_variance) for run in runs)]
    occupied = [_marker_box(weight / x[-1], bias / y[-1]) for weight, bias in marks]
    occupied += _draw_runs(axes, runs, occupied, (x[-1], y[-1]))
    _write_phase_names(axes, diagram, occupied)
    axes.plot(
        *here, marker="*", ms=16, mfc=END, mec="black", ls="", zorder=5, clip_on=False,
        label="this configuration",
    )  # fmt: skip
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.set_xlabel(r"$\sigma_w^2$ (fan-in times the variance of weights)")
    axes.set_ylabel(r"$\sigma_b^2$ (variance of biases)")
    figure.suptitle(f"Phase diagram: {title}", fontsize=13, fontweight="bold", x=0.01, ha="left")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.0, 0.95),
        ncols=4, frameon=False, fontsize=10, columnspacing=1.4,
    )  # fmt: skip
    return figure


def _draw_depths(figure: Figure, axes: Axes, diagram: PhaseDiagram) -> None:
    x, y = diagram.weight_variance, diagram.bias_variance
    depth = np.clip(diagram.trainable_depth, _DEPTHS[0] / 3, _DEPTHS[-1] * 3)
    norm = LogNorm(_DEPTHS[0], _DEPTHS[-1])
    axes.contourf(
        x, y, depth, levels=_DEPTHS, cmap=_LIGHT_TO_DARK, norm=norm, extend="both", zorder=0
    )
    lines = axes.contour(x, y, depth, levels=_DEPTHS, colors="#404040", linewidths=0.8)
    axes.clabel(lines, fmt="%g", fontsize=9, inline=True)
    axes.plot(
        [],
        [],
        color="#404040",
        lw=0.8,
        label=r"trainable depth $6\,\xi_c$: layers that signals get through",
    )


def _edge_note(edge: Edge | None) -> str:
    """A note on the edge of chaos."""
    if edge is None:
        return " (q grows without bound)"
    return " (saturated)" if edge.saturated else "" if edge.attracting else " (repelling)"


def _write_phase_names(axes: Axes, diagram: PhaseDiagram, occupied: Sequence[Box]) -> None:
    """Write the name of each phase inside it, rotated if the phase is narrow."""
    for name, phase in (("ordered", diagram.chi < 1), ("chaotic", diagram.chi > 1)):
        for size, rotation in ((_NAME, 0), (_UPRIGHT, 90)):
            if box := box_inside(phase, size, occupied):
                axes.text(
                    (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, f"{name}:\n{PHASES[name]}",
                    transform=axes.transAxes, ha="center", va="center", rotation=rotation,
                    fontsize=12, fontweight="bold", bbox=_FRAME, zorder=3,
                )  # fmt: skip
                break


def _draw_runs(
    axes: Axes, runs: Sequence[PhasePoint], marks: Sequence[Box], extent: tuple[float, float]
) -> list[Box]:
    """Draw a point, and a label with the results, for all runs with the same variances.

    Returns:
        The boxes of the labels.
    """

    def place(run: PhasePoint) -> tuple[float, float]:
        return round(run.weight_variance, 9), round(run.bias_variance, 9)

    boxes: list[Box] = []
    for number, (where, group) in enumerate(groupby(sorted(runs, key=place), key=place)):
        lines = [run.label for run in group]
        if len(lines) > _MAX_LABELS:
            lines[_MAX_LABELS:] = [f"… and {len(lines) - _MAX_LABELS} more"]
        axes.plot(
            *where, marker="o", ms=8, mfc="white", mec="black", mew=1.6, ls="", zorder=4,
            clip_on=False, label="" if number else "runs",
        )  # fmt: skip
        size = _LETTER * max(map(len, lines)) + 0.015, _LINE * len(lines) + 0.015
        point = where[0] / extent[0], where[1] / extent[1]
        box = box_near(point, size, [*marks, *boxes])
        boxes.append(box)
        axes.annotate(
            "\n".join(lines), where, xytext=((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
            textcoords="axes fraction", ha="center", va="center", fontsize=9, bbox=_FRAME,
            zorder=4, arrowprops={"arrowstyle": "-", "lw": 0.8, "shrinkB": 5},
        )  # fmt: skip
    return boxes


def _marker_box(x: float, y: float) -> Box:
    """The box that a marker covers."""
    return x - _MARK, y - _MARK, x + _MARK, y + _MARK
