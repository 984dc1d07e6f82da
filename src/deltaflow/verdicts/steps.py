"""How long a step should be: the step size to try instead, or inputs of another size."""

import math

import numpy as np

from deltaflow.verdicts.case import Case

USUAL = 1e-3
"""Of the weights' length, what an update is long that trains well."""
_LONG = 1e-2  # likewise, at its longest
_SCALES = (0.1, 10.0)  # of mean(x²), between which inputs are of ordinary size


def smaller_step(case: Case) -> str:
    """Inputs, or else a step size, with which the first update has a length that trains well.

    It is proportional to the step size, with any optimizer.
    """
    if unusual_inputs(case):
        size = case.input_second_moment.mean()
        return f"Try data.standardize=true, predicted mean(x²) = 1 instead of {size:.3g}."
    length = case.first_update
    factor = 0.1 if math.isnan(length) else min(_LONG / length, 0.1)
    if case.lr is None:
        return f"Try a step size {_round(1 / factor):g} times smaller."
    lr = _round(case.lr * factor)
    if math.isnan(length):
        return f"Try optimizer.lr={lr:g}."
    predicted = length * lr / case.lr
    return (
        f"Try optimizer.lr={lr:g}, predicted first update {predicted:.1g} of the weights' length."
    )


def larger_step(case: Case, length: float) -> str:
    """Likewise for updates that are too short.

    Args:
        case: the run.
        length: of its usual update, relative to the weights.
    """
    if case.lr is None or length <= 0:
        return "Try a larger step size."
    lr = _round(case.lr * USUAL / length)
    return f"Try optimizer.lr={lr:g}, predicted update {length * lr / case.lr:.1g}."


def unusual_inputs(case: Case) -> bool:
    """Whether inputs are of a size that standardising would change much."""
    size = float(np.mean(case.input_second_moment))
    return not case.standardized and not _SCALES[0] <= size <= _SCALES[1]


def _round(value: float) -> float:
    """To one significant digit."""
    return float(f"{value:.0e}")
