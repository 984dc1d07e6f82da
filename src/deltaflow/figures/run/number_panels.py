"""The panel of a regression: predicted values over true values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from deltaflow.figures.labels import wrapped
from deltaflow.figures.looks import COLORS, MARKERS, QUIET
from deltaflow.figures.run.class_panels import Array, Part

_NAME_WIDTH = 24  # characters of a target's name that are shown


@dataclass(frozen=True)
class NumberPredictions:
    """The predictions of trained networks for rows with known targets.

    Attributes:
        part: the part of the data.
        targets: names of the targets.
        r2: R² of each target, the mean over the seeds that did not diverge; NaN if the target has
            no variance.
        rmse: root mean squared error of each target, the mean over the same seeds, in the units
            of the data.
        true: true values of some rows, ``[n, n_targets]``, standardised if targets were.
        predicted: predicted values of these rows, the mean over the same seeds,
            ``[n, n_targets]``.
    """

    part: Part
    targets: Sequence[str]
    r2: Array
    rmse: Array
    true: Array
    predicted: Array


def draw_numbers(axes: Axes, found: NumberPredictions) -> None:
    """Draw predicted over true values, with the diagonal."""
    n = min(len(found.targets), len(COLORS))
    for k in range(n):
        name = wrapped(found.targets[k], _NAME_WIDTH, 1)
        axes.scatter(
            found.true[:, k], found.predicted[:, k], s=14, c=COLORS[k], marker=MARKERS[k], lw=0,
            alpha=0.6, label=f"{name}, R² {found.r2[k]:.2f}",
        )  # fmt: skip
    shown = found.true[:, :n]
    ends = [float(np.min(shown)), float(np.max(shown))]
    axes.plot(ends, ends, color=QUIET, lw=0.8)
    axes.legend(loc="upper left", frameon=False, fontsize=8, handletextpad=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("measured")
    axes.set_ylabel("predicted", labelpad=1)
    axes.set_title(f"{found.part.capitalize()} rows", loc="left", fontsize=11, y=1)
