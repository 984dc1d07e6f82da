"""Thin Lightning shells: they listen to a training, and hand on to records and screens."""

from deltaflow.callbacks.flow import FlowRecorder
from deltaflow.callbacks.histograms import HistogramRecorder
from deltaflow.callbacks.metrics import MetricRecorder
from deltaflow.callbacks.progress import Progress

__all__ = ["FlowRecorder", "HistogramRecorder", "MetricRecorder", "Progress"]
