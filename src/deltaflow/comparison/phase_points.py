"""Runs as points of the phase diagram, from their records alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.comparison.collection import collect
from deltaflow.comparison.outcomes import headline

_VARIANCES = ("weight_variance", "bias_variance")
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
    placed, others = [], 0
    for run in collect(directories):
        theory = run.summary["theory"]
        belongs = (theory.get("activation"), theory.get("dropout")) == (activation, dropout)
        if belongs and all(_is_variance(theory[name]) for name in _VARIANCES):
            label = f"depth {theory['depth']}: {headline(run.summary)}"
            placed.append(PhasePoint(theory["weight_variance"], theory["bias_variance"], label))
        else:
            others += 1
    return placed, others


def _is_variance(value: float | None) -> bool:
    """Whether a diagram can reach as far."""
    return value is not None and 0 <= value <= _GREATEST
