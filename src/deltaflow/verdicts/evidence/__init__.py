"""What a run is judged by: its records, what theory says of its network, and its settings.

``evidence``
    a run, and the numbers that several findings look at
``recorded_step``
    one step of it: profiles of δ, shares of units
``facts``
    how the run was set up, and on which data
``columns``
    numbers of the layers table, and how long updates are
``constant_outputs``
    what a loss can be without looking at the inputs
``fit``
    how much of the target is explained, and whether more is to come
"""

from deltaflow.verdicts.evidence.constant_outputs import Constants, constants
from deltaflow.verdicts.evidence.evidence import Evidence
from deltaflow.verdicts.evidence.facts import ENOUGH_ROWS, Settings, TrainingData, training_data
from deltaflow.verdicts.evidence.fit import Fit, fall, median
from deltaflow.verdicts.evidence.recorded_step import RecordedStep

__all__ = [
    "ENOUGH_ROWS",
    "Constants",
    "Evidence",
    "Fit",
    "RecordedStep",
    "Settings",
    "TrainingData",
    "constants",
    "fall",
    "median",
    "training_data",
]
