"""Lightning callbacks that write a training's measurements to records, loggers and the terminal."""

from deltaflow.training.callbacks.checkpoints import Checkpoints
from deltaflow.training.callbacks.flow import FlowRecorder
from deltaflow.training.callbacks.histograms import HistogramRecorder
from deltaflow.training.callbacks.metrics import MetricRecorder
from deltaflow.training.callbacks.progress import Progress

__all__ = ["Checkpoints", "FlowRecorder", "HistogramRecorder", "MetricRecorder", "Progress"]
