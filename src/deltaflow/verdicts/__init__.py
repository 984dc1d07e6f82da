"""Verdicts on runs: findings, most important first, in words that quote the measurements.

The limits of findings follow from the definitions of the quantities; none was fitted to runs. A run
without a finding gets a verdict that says so.

``evidence``
    the records of a run, with theory and settings, and quantities derived from them
``thresholds``
    the limits of findings, with reasons
``findings``
    the checks of gradients, units, settings, updates and results
``advice``
    another network or step size to try, with predictions
``judging``
    runs the checks in order, causes before effects
``verdict``, ``words``
    the type of a verdict, and its words
"""

from deltaflow.verdicts.evidence import (
    ENOUGH_ROWS,
    Constants,
    Evidence,
    RunSettings,
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
    "RunSettings",
    "TrainingData",
    "Verdict",
    "constants",
    "copied_layers",
    "judge",
    "recorded",
    "training_data",
    "words",
]
