"""Data: where samples come from, and how they reach R replicas at once.

A *source* is any function that returns :class:`Samples`, or a pair of arrays. They are
split, standardised by the training part, and served to each replica in its own order of whole
batches, ``[R, B, features]``.
"""

from deltaflow.data.replicas import Batch, ReplicaData
from deltaflow.data.samples import Column, Kind, Reading, Samples

__all__ = ["Batch", "Column", "Kind", "Reading", "ReplicaData", "Samples"]
