"""Runs as points of the phase diagram, from their records alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deltaflow.report.collect import collect
from deltaflow.report.ranking import outcome


@dataclass(frozen=True)
class PlacedRun:
    """One run in the plane of variances.

    Attributes:
        weight_variance: σ_w² of its typical hidden layer.
        bias_variance: σ_b² of it.
        label: what came out.
    """

    weight_variance: float
    bias_variance: float
    label: str


def placed_runs(
    directories: Sequence[str], activation: str, dropout: float
) -> tuple[list[PlacedRun], int]:
    """Find runs and place them.

    Args:
        directories: run directories, or folders that hold some, such as a sweep's.
        activation: of the diagram, as the records spell it; another one has another diagram.
        dropout: likewise.

    Returns:
        The runs, and how many others there are that do not belong into the diagram.

    Raises:
        ValueError: if there is no run in a directory.
    """
    placed, others = [], 0
    for run in collect(directories):
        summary, theory = run.summary, run.summary["theory"]
        if theory and (theory.get("activation"), theory.get("dropout")) == (activation, dropout):
            placed.append(_placed(summary, theory))
        else:
            others += 1
    return placed, others


def _placed(summary: Mapping[str, Any], theory: Mapping[str, Any]) -> PlacedRun:
    label = f"depth {theory['depth']}: {outcome(summary)}"
    return PlacedRun(theory["weight_variance"], theory["bias_variance"], label)
