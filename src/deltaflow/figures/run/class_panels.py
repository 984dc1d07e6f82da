"""The panel of a classification: decisions in the plane of two inputs, or a confusion matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap

from deltaflow.figures.labels import wrapped
from deltaflow.figures.looks import COLORS, MARKERS, QUIET

Array = np.typing.NDArray[Any]
Part = Literal["training", "validation", "test"]
_BLUES = LinearSegmentedColormap.from_list("share", ["#ffffff", COLORS[0]])
_MAX_WITH_SIGN = 6  # classes; with more, cells are too small for « %»
_MAX_NAMED = 12  # classes; with more, names and numbers are left out
_MAX_POINTS = 300  # of each class
_NAME_WIDTH = 11  # characters of a class's name that are shown


@dataclass(frozen=True)
class Decisions:
    """The decisions of trained networks in the plane of two inputs.

    Attributes:
        edges: left, right, bottom and top of the plane, in standardised inputs.
        chosen: the class that most seeds predict, ``[n_rows, n_columns]``, bottom row first.
        agreement: the share of seeds that predict it, ``[n_rows, n_columns]``.
        points: samples, ``[n, 2]``.
        targets: class indices of the samples, ``[n]``.
    """

    edges: tuple[float, float, float, float]
    chosen: Array
    agreement: Array
    points: Array
    targets: Array


@dataclass(frozen=True)
class ClassPredictions:
    """The predictions of trained networks for rows with known classes.

    Attributes:
        part: the part of the data.
        classes: names of the classes.
        confusion: number of rows by true class and predicted class, ``[k, k]``, summed over all
            seeds that did not diverge.
        decisions: the decisions in the plane; ``None`` unless there are two inputs.
    """

    part: Part
    classes: Sequence[str]
    confusion: Array
    decisions: Decisions | None = None

    @property
    def shares(self) -> Array:
        """The confusion matrix as shares of each true class; 0 for a class without rows."""
        return np.asarray(self.confusion / np.maximum(self.confusion.sum(1, keepdims=True), 1))


def panel_of(found: ClassPredictions) -> Callable[[Axes, ClassPredictions], None]:
    """The function that draws the panel: decisions for two inputs, else the confusion matrix."""
    has_plane = found.decisions is not None and len(found.classes) <= len(COLORS)
    return draw_decisions if has_plane else draw_confusion


def draw_decisions(axes: Axes, found: ClassPredictions) -> None:
    """Draw the decisions in the plane of two inputs, and the rows."""
    decisions = found.decisions
    assert decisions is not None
    k = len(found.classes)
    colors = ListedColormap(COLORS[:k])
    axes.imshow(
        decisions.chosen, extent=decisions.edges, origin="lower", aspect="auto", cmap=colors,
        vmin=-0.5, vmax=k - 0.5, alpha=0.3, interpolation="nearest",
    )  # fmt: skip
    for number in range(k):
        own = decisions.points[decisions.targets == number][:_MAX_POINTS]
        axes.scatter(own[:, 0], own[:, 1], s=14, c=COLORS[number], marker=MARKERS[number], lw=0)
    axes.set_xlabel("first input, standardised")
    axes.set_ylabel("second input", labelpad=1)
    axes.set_title(f"Decisions, and {found.part} rows", loc="left", fontsize=11, y=1)


def draw_confusion(axes: Axes, found: ClassPredictions) -> None:
    """Draw the confusion matrix as shares of each class."""
    k = len(found.classes)
    shares = found.shares
    axes.imshow(shares, cmap=_BLUES, vmin=0, vmax=1, aspect="auto")
    sign = "" if k > _MAX_WITH_SIGN else " %"
    if k <= _MAX_NAMED:
        for true, predicted in np.argwhere(found.confusion > 0):
            share = shares[true, predicted]
            axes.text(
                predicted, true, _percent(share, sign), ha="center", va="center",
                fontsize=9 if sign else 7,
                color="white" if share > 0.55 else "black",
            )  # fmt: skip
        names = [wrapped(name, _NAME_WIDTH, 1) for name in found.classes]
        axes.set_xticks(range(k), names, fontsize=8)
        axes.set_yticks(range(k), names, fontsize=8, rotation=90, va="center")
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.tick_params(length=0, color=QUIET)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class", labelpad=1)
    title = f"{found.part.capitalize()} rows of each class{'' if sign else ', per cent'}"
    axes.set_title(title, loc="left", fontsize=11, y=1)


def _percent(share: float, sign: str) -> str:
    if not sign and share < 0.01:
        return "<1"
    is_near_a_limit = 0 < share < 0.01 or 0.99 < share < 1
    return f"{100 * share:.1f}{sign}" if sign and is_near_a_limit else f"{100 * share:.0f}{sign}"
