"""Data: where samples come from, and how they reach R replicas at once.

A *source* is any function that returns :class:`Samples`, or a pair of arrays. The data
module splits the samples, standardises them by the training part, and serves each replica
its own order of whole batches, ``[R, B, features]``.
"""

from deltaflow.data.datamodule import ReplicaDataModule
from deltaflow.data.samples import Samples

__all__ = ["ReplicaDataModule", "Samples"]
