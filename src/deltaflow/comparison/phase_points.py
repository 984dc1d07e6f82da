"""Runs as points of the phase diagram, from their summaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from deltaflow.comparison.collection import collect
from deltaflow.comparison.results import main_result

_GREATEST = 1e36  # variance that an initializer may have


@dataclass(frozen=True)
class PhasePoint:
    """One run in the plane of variances.

    Attributes:
        weight_variance: σ_w² of the typical hidden layer.
        bias_variance: σ_b² of the typical hidden layer.
        label: the result of the run, in a few characters.
    """

    weight_variance: float
    bias_variance: float
    label: str


def phase_points(
    directories: Sequence[str], activation: str, dropout: float
) -> tuple[list[PhasePoint], int]:
    """Find the runs that belong in a phase diagram.

    Args:
        directories: run directories, sweep directories, or folders that contain some.
        activation: the diagram's activation, as it is written in records.
        dropout: the diagram's dropout rate.

    Returns:
        The points, and the number of runs with another activation or dropout rate, or without
        variances.

    Raises:
        ValueError: if a folder contains no run.
    """
    runs, placed = collect(directories), []
    for run in runs:
        theory = run.summary.theory
        if theory is None or theory.normalization is not None:
            continue  # variances have another meaning under normalisation
        if (theory.activation, theory.dropout) != (activation, dropout):
            continue
        weight, bias = theory.weight_variance, theory.bias_variance
        if _fits(weight) and _fits(bias):
            label = f"depth {theory.depth}: {main_result(run.summary)}"
            placed.append(PhasePoint(weight, bias, label))
    return placed, len(runs) - len(placed)


def _fits(variance: float | None) -> TypeGuard[float]:
    """Whether a variance is known and small enough to be drawn."""
    return variance is not None and 0 <= variance <= _GREATEST
