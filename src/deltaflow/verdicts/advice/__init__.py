"""Advice on what to try instead, with predictions.

``better_networks``
    another initialisation, activation, depth or width, by theory
``step_sizes``
    another step size or more epochs, by the measured updates
"""

from deltaflow.verdicts.advice.better_networks import (
    better_network,
    nonlinear_network,
    shape,
    wider_network,
    wider_or_better,
)
from deltaflow.verdicts.advice.step_sizes import longer_training, smaller_step, unusual_inputs

__all__ = [
    "better_network",
    "longer_training",
    "nonlinear_network",
    "shape",
    "smaller_step",
    "unusual_inputs",
    "wider_network",
    "wider_or_better",
]
