"""The records of a run: two tables and a summary, whose columns and fields are defined here.

``layers.parquet``
    a row per (seed, step, layer): the gradient flow
``metrics.parquet``
    a row per (seed, epoch, split): loss and metrics
``summary.json``
    what was run, how it ended, and the numbers that matter

A report over several runs writes ``runs.parquet``, a row per (run, seed).

During a run, its tables are written in chunks below ``records/``. Each chunk is written to a
temporary file and renamed, so a killed run keeps every chunk that it had written.
:func:`read_table` reads both forms. In a table, null means «does not apply» and NaN means
«measured, but not a finite number».
"""

from deltaflow.records.decoding import WrongFieldError, decode
from deltaflow.records.details import Confusion, Fit, TargetFit, TheorySummary, VerdictRecord
from deltaflow.records.differences import Differences, differences
from deltaflow.records.fields import (
    STATUSES,
    Interval,
    Replica,
    Status,
    Summary,
)
from deltaflow.records.reading import read_columns, read_table
from deltaflow.records.recording import DirectoryLostError, Recording
from deltaflow.records.runs import RUNS, runs_schema
from deltaflow.records.schema import LAYERS, METRICS, MINIMIZED, Column, Schema, number_replicas
from deltaflow.records.search import SearchRecord, read_search, write_search
from deltaflow.records.summary import (
    SUMMARY,
    EmptySummaryError,
    read_summary,
    summary_of,
    write_summary,
)
from deltaflow.records.tables import TableWriter, parquet_bytes
from deltaflow.records.trust import Fingerprint, trust_files, trusted_files

__all__ = [
    "LAYERS",
    "METRICS",
    "MINIMIZED",
    "RUNS",
    "STATUSES",
    "SUMMARY",
    "Column",
    "Confusion",
    "Differences",
    "DirectoryLostError",
    "EmptySummaryError",
    "Fingerprint",
    "Fit",
    "Interval",
    "Recording",
    "Replica",
    "Schema",
    "SearchRecord",
    "Status",
    "Summary",
    "TableWriter",
    "TargetFit",
    "TheorySummary",
    "VerdictRecord",
    "WrongFieldError",
    "decode",
    "differences",
    "number_replicas",
    "parquet_bytes",
    "read_columns",
    "read_search",
    "read_summary",
    "read_table",
    "runs_schema",
    "summary_of",
    "trust_files",
    "trusted_files",
    "write_search",
    "write_summary",
]
