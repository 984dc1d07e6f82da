"""The evidence for verdicts on a run: its records, theory, settings and data.

``evidence``
    a run, and the quantities that several findings use
``recorded_step``
    one recorded step: profiles of δ, shares of units
``facts``
    the settings of the run, and its training data
``update_lengths``
    columns of the layers table, and the lengths of updates
``constant_outputs``
    the best loss of outputs that ignore the inputs
``fit``
    how much of the target is explained, and whether the loss still falls
"""

from deltaflow.verdicts.evidence.constant_outputs import Constants, constants
from deltaflow.verdicts.evidence.evidence import Evidence
from deltaflow.verdicts.evidence.facts import ENOUGH_ROWS, RunSettings, TrainingData, training_data
from deltaflow.verdicts.evidence.fit import Fit, fall, median
from deltaflow.verdicts.evidence.recorded_step import RecordedStep

__all__ = [
    "ENOUGH_ROWS",
    "Constants",
    "Evidence",
    "Fit",
    "RecordedStep",
    "RunSettings",
    "TrainingData",
    "constants",
    "fall",
    "median",
    "training_data",
]
