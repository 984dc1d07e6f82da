"""How long a step should be: another step size, or inputs of another size."""

import math

import numpy as np

from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import LONG_UPDATE, ORDINARY_SQUARE, USUAL_UPDATE
from deltaflow.verdicts.verdict import Advice


def smaller_step(evidence: Evidence) -> Advice:
    """Inputs, or else a step size, with which the first update has a length that trains well.

    It is proportional to the step size, with any optimizer.
    """
    if unusual_inputs(evidence):
        size = float(evidence.input_second_moment.mean())
        return Advice(
            ("data.standardize=true",), {"input_second_moment": 1}, {"input_second_moment": size}
        )
    length = evidence.first_update
    factor = 0.1 if math.isnan(length) else min(LONG_UPDATE / length, 0.1)
    if evidence.lr is None:
        return Advice(basis={"step_divided_by": _round(1 / factor)})
    lr = _round(evidence.lr * factor)
    predicted = {} if math.isnan(length) else {"first_update": length * lr / evidence.lr}
    return Advice((f"optimizer.lr={lr:g}",), predicted)


def larger_step(evidence: Evidence, length: float) -> Advice:
    """A step size with which updates have the usual length.

    Args:
        evidence: the run.
        length: of its usual update, relative to the weights.
    """
    if evidence.lr is None or length <= 0:
        return Advice()
    lr = _round(evidence.lr * USUAL_UPDATE / length)
    return Advice((f"optimizer.lr={lr:g}",), {"update": length * lr / evidence.lr})


def unusual_inputs(evidence: Evidence) -> bool:
    """Whether inputs are of a size that standardising would change much."""
    low, high = ORDINARY_SQUARE
    size = float(np.mean(evidence.input_second_moment))
    return not evidence.standardized and not low <= size <= high


def _round(value: float) -> float:
    """To one significant digit."""
    return float(f"{value:.0e}")
