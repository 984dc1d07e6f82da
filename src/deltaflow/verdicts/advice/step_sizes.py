"""How long a step should be: another step size, or inputs of another size."""

import math

import numpy as np

from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import LONG_UPDATE, MOST_EPOCHS, MOST_OFF, ORDINARY_SQUARE
from deltaflow.verdicts.verdict import Advice


def smaller_step(evidence: Evidence) -> Advice:
    """Inputs, or else a step size, with which the first update has a length that trains well.

    It is proportional to the step size, with any optimizer.
    """
    if unusual_inputs(evidence):
        size = float(evidence.data.input_second_moment.mean())
        return Advice(
            ("data.standardize=true",), {"input_second_moment": 1}, {"input_second_moment": size}
        )
    length = evidence.first_update
    factor = 0.1 if math.isnan(length) else min(LONG_UPDATE / length, 0.1)
    if evidence.settings.lr is None:
        return Advice(basis={"step_divided_by": _round(1 / factor)})
    lr = _round(evidence.settings.lr * factor)
    predicted = {} if math.isnan(length) else {"first_update": length * lr / evidence.settings.lr}
    return Advice((f"optimizer.lr={lr:g}",), predicted)


def further(evidence: Evidence, times: float) -> Advice:
    """A step size that leads so many times as far, and epochs for what it cannot.

    No step is to be longer than the longest that trains well.

    Args:
        evidence: the run.
        times: what the sum of the updates is to be multiplied by.
    """
    lr, pace = evidence.settings.lr, evidence.pace
    if lr is None or not pace > 0 or not math.isfinite(times):
        return Advice()
    by_step = max(min(times, LONG_UPDATE / pace), 1.0)
    overrides, predicted = [], {}
    if (larger := _round(lr * by_step)) > lr:
        overrides, predicted = [f"optimizer.lr={larger:g}"], {"update": pace * larger / lr}
    else:
        by_step = 1.0
    if times / by_step > MOST_OFF:
        epochs = evidence.settings.max_epochs * min(times / by_step, MOST_EPOCHS)
        overrides.append(f"trainer.max_epochs={round(epochs)}")
    return Advice(tuple(overrides), predicted)


def unusual_inputs(evidence: Evidence) -> bool:
    """Whether inputs are of a size that standardising would change much."""
    low, high = ORDINARY_SQUARE
    size = float(np.mean(evidence.data.input_second_moment))
    return not evidence.settings.standardized and not low <= size <= high


def _round(value: float) -> float:
    """To one significant digit."""
    return float(f"{value:.0e}")
