"""What to try instead, and what is predicted of it.

``better_networks``
    another start, activation, depth or width, by theory
``step_sizes``
    a shorter step, or longer ones and more of them, by what updates were measured
"""

from deltaflow.verdicts.advice.better_networks import (
    bent_network,
    better_network,
    shape,
    wider_network,
    wider_or_better,
)
from deltaflow.verdicts.advice.step_sizes import further, smaller_step, unusual_inputs

__all__ = [
    "bent_network",
    "better_network",
    "further",
    "shape",
    "smaller_step",
    "unusual_inputs",
    "wider_network",
    "wider_or_better",
]
