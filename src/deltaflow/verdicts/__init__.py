"""What is wrong with a run, most important first, in words that quote what was measured.

A finding is a departure from a definition, not from a habit: limits follow from what quantities
mean, and none was fitted to runs. A run without a finding gets a line that says so.

``evidence``
    what a run is judged by: its records, what theory says of its network
``thresholds``
    from where on a quantity is a finding, and why
``findings``
    what can be wrong, of gradients, units, settings, steps and of what came out
``advice``
    what network and what step size to try instead, and what is predicted of it
``judging``
    the findings in their order, causes before effects
``verdict``, ``words``
    what a finding holds, and the one place that puts it into words
"""

from deltaflow.verdicts.evidence import (
    ENOUGH_ROWS,
    Constants,
    Evidence,
    Settings,
    TrainingData,
    constants,
    training_data,
)
from deltaflow.verdicts.findings.units import copied_layers
from deltaflow.verdicts.judging import judge
from deltaflow.verdicts.verdict import Advice, Verdict
from deltaflow.verdicts.words import recorded, words

__all__ = [
    "ENOUGH_ROWS",
    "Advice",
    "Constants",
    "Evidence",
    "Settings",
    "TrainingData",
    "Verdict",
    "constants",
    "copied_layers",
    "judge",
    "recorded",
    "training_data",
    "words",
]
