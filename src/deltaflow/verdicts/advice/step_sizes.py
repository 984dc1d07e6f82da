"""Advice on the length of updates: another step size, or standardised inputs."""

import math

import numpy as np

from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import LONG_UPDATE, MAX_EPOCHS, MAX_SHORTFALL, ORDINARY_SQUARE
from deltaflow.verdicts.verdict import Advice


def smaller_step(evidence: Evidence) -> Advice:
    """A step size with which the first update trains well, or standardised inputs.

    The length of the first update is proportional to the step size with any optimizer.
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


def longer_training(evidence: Evidence, times: float) -> Advice:
    """A larger step size that multiplies the sum of all updates, and more epochs if necessary.

    Updates stay at most as long as the longest that train well.

    Args:
        evidence: the run.
        times: factor by which the sum of the updates is to grow.
    """
    lr, mean_update = evidence.settings.lr, evidence.mean_update
    if lr is None or not mean_update > 0 or not math.isfinite(times):
        return Advice()
    by_step = max(min(times, LONG_UPDATE / mean_update), 1.0)
    overrides, predicted = [], {}
    if (larger := _round(lr * by_step)) > lr:
        overrides, predicted = [f"optimizer.lr={larger:g}"], {"update": mean_update * larger / lr}
    else:
        by_step = 1.0
    if times / by_step > MAX_SHORTFALL:
        epochs = evidence.settings.max_epochs * min(times / by_step, MAX_EPOCHS)
        overrides.append(f"trainer.max_epochs={round(epochs)}")
    return Advice(tuple(overrides), predicted)


def unusual_inputs(evidence: Evidence) -> bool:
    """Whether inputs are not standardised and their mean square is far from 1."""
    low, high = ORDINARY_SQUARE
    size = float(np.mean(evidence.data.input_second_moment))
    return not evidence.settings.standardized and not low <= size <= high


def _round(value: float) -> float:
    """Round to one significant digit."""
    return float(f"{value:.0e}")
