"""Runs as points of the phase diagram, from their records alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltaflow.records import read_summary
from deltaflow.records.summary import SUMMARY
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
        ValueError: if there is no run in a directory, or its summary cannot be read.
    """
    placed, others = [], 0
    for folder in dict.fromkeys(folder for name in directories for folder in _folders(name)):
        summary = read_summary(folder)
        theory = summary.get("theory")
        if theory and (theory.get("activation"), theory.get("dropout")) == (activation, dropout):
            placed.append(_placed(summary, theory))
        else:
            others += 1
    return placed, others


def _folders(name: str) -> Iterator[Path]:
    found = sorted(path.parent for path in Path(name).rglob(SUMMARY))
    if not found:
        raise ValueError(
            f"`runs` must list folders that hold runs. Found no {SUMMARY} in {name}. "
            "Name run directories, or a sweep's, such as `runs=[outputs]`."
        )
    yield from found


def _placed(summary: Mapping[str, Any], theory: Mapping[str, Any]) -> PlacedRun:
    label = f"depth {theory['depth']}: {outcome(summary)}"
    return PlacedRun(theory["weight_variance"], theory["bias_variance"], label)
