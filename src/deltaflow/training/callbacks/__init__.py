"""Thin Lightning shells: they listen to a training, and hand on to records and screens."""

from deltaflow.training.callbacks.checkpoints import Checkpoints
from deltaflow.training.callbacks.flow import FlowRecorder
from deltaflow.training.callbacks.histograms import HistogramRecorder
from deltaflow.training.callbacks.metrics import MetricRecorder
from deltaflow.training.callbacks.progress import Progress

__all__ = ["Checkpoints", "FlowRecorder", "HistogramRecorder", "MetricRecorder", "Progress"]
