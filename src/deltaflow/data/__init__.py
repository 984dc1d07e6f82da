"""Data: where samples come from, and how they reach R replicas at once.

A *source* is any function that returns :class:`Samples`, or a pair of arrays. They are
split, standardised by the training part, and served to each replica in its own order of whole
batches, ``[R, B, features]``. What was done to them is kept as a :class:`Preprocessing`, by which
:func:`read_unseen` reads the rows that a trained network is to judge.
"""

from deltaflow.data import sources
from deltaflow.data.batches import Batch, TrainingBatches
from deltaflow.data.columns import Column, Kind, Reading
from deltaflow.data.files.delimited import Texts
from deltaflow.data.preprocessing import Moments, Preprocessing, encode, folds_of
from deltaflow.data.replicas import ReplicaData
from deltaflow.data.samples import Samples, number_columns
from deltaflow.data.unseen import Table, Unseen, read_unseen

__all__ = [
    "Batch",
    "Column",
    "Kind",
    "Moments",
    "Preprocessing",
    "Reading",
    "ReplicaData",
    "Samples",
    "Table",
    "Texts",
    "TrainingBatches",
    "Unseen",
    "encode",
    "folds_of",
    "number_columns",
    "read_unseen",
    "sources",
]
