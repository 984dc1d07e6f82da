"""Data: sources of samples, preprocessing, and batches for R replicas.

A *source* is any function that returns :class:`Samples`, or a pair of arrays. The samples are
split, standardised by the training part, and served in batches ``[R, B, features]``, in a
different order to each replica. A :class:`Preprocessing` holds what was done, and
:func:`read_unseen` applies it to new rows for a prediction.
"""

from deltaflow.data import sources
from deltaflow.data.batches import Batch, TrainingBatches
from deltaflow.data.columns import Column, Kind, Reading
from deltaflow.data.files.delimited import Texts
from deltaflow.data.preprocessing import FoldStatistics, Preprocessing, encode, folds_of
from deltaflow.data.replicas import ReplicaData
from deltaflow.data.samples import Samples, number_columns, require_finite
from deltaflow.data.unseen import Table, Unseen, read_unseen

__all__ = [
    "Batch",
    "Column",
    "FoldStatistics",
    "Kind",
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
    "require_finite",
    "sources",
]
