"""Lightning callbacks that pass on what happens in a training to records, loggers and screens."""

from deltaflow.training.callbacks.checkpoints import Checkpoints
from deltaflow.training.callbacks.flow import FlowRecorder
from deltaflow.training.callbacks.histograms import HistogramRecorder
from deltaflow.training.callbacks.metrics import MetricRecorder
from deltaflow.training.callbacks.progress import Progress

__all__ = ["Checkpoints", "FlowRecorder", "HistogramRecorder", "MetricRecorder", "Progress"]
