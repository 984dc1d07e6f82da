"""Runs as points of the phase diagram, from their records alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from deltaflow.comparison.collection import collect
from deltaflow.comparison.results import headline

_GREATEST = 1e36  # that an initializer may have


@dataclass(frozen=True)
class PhasePoint:
    """One run in the plane of variances.

    Attributes:
        weight_variance: σ_w² of its typical hidden layer.
        bias_variance: σ_b² of it.
        label: what came out.
    """

    weight_variance: float
    bias_variance: float
    label: str


def phase_points(
    directories: Sequence[str], activation: str, dropout: float
) -> tuple[list[PhasePoint], int]:
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
    runs, placed = collect(directories), []
    for run in runs:
        theory = run.summary.theory
        if theory is None or theory.normalization is not None:
            continue  # whose plane of variances is another
        if (theory.activation, theory.dropout) != (activation, dropout):
            continue
        weight, bias = theory.weight_variance, theory.bias_variance
        if _fits(weight) and _fits(bias):
            label = f"depth {theory.depth}: {headline(run.summary)}"
            placed.append(PhasePoint(weight, bias, label))
    return placed, len(runs) - len(placed)


def _fits(variance: float | None) -> TypeGuard[float]:
    """Whether a diagram can reach as far."""
    return variance is not None and 0 <= variance <= _GREATEST
