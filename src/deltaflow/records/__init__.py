"""What a run leaves behind: two tables and a summary, by one schema.

``layers.parquet``
    a row per (seed, step, layer): the gradient flow
``metrics.parquet``
    a row per (seed, epoch, split): loss and metrics
``summary.json``
    what was run, how it ended, and the numbers that matter

A report over runs has a table of its own: ``runs.parquet``, a row per (run, seed).

While a run is going its tables are chunks below ``records/``, each written to a temporary
file and renamed, so a run that is killed leaves all that it had flushed; :func:`read_table`
reads either form. In a table, null means «does not apply here» and NaN «measured, and not
a finite number».
"""

from deltaflow.records.decoding import WrongFieldError, decode
from deltaflow.records.details import Confusion, Fit, TargetFit, TheorySummary, VerdictRecord
from deltaflow.records.differences import Differences, differences
from deltaflow.records.fields import (
    STATUSES,
    SUMMARY_FIELDS,
    Interval,
    Replica,
    Status,
    Summary,
)
from deltaflow.records.reading import read_columns, read_table
from deltaflow.records.recording import DirectoryLostError, Recording
from deltaflow.records.runs import RUNS, runs_schema
from deltaflow.records.schema import LAYERS, METRICS, Column, Schema, told_apart
from deltaflow.records.search import SEARCH_FIELDS, SearchRecord, read_search, write_search
from deltaflow.records.summary import (
    SUMMARY,
    EmptySummaryError,
    read_summary,
    summary_of,
    write_summary,
)
from deltaflow.records.tables import TableWriter, parquet

__all__ = [
    "LAYERS",
    "METRICS",
    "RUNS",
    "SEARCH_FIELDS",
    "STATUSES",
    "SUMMARY",
    "SUMMARY_FIELDS",
    "Column",
    "Confusion",
    "Differences",
    "DirectoryLostError",
    "EmptySummaryError",
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
    "parquet",
    "read_columns",
    "read_search",
    "read_summary",
    "read_table",
    "runs_schema",
    "summary_of",
    "told_apart",
    "write_search",
    "write_summary",
]
