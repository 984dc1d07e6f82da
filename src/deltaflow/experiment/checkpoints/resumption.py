"""Resuming a run: its directory is taken again, and rows after the checkpoint are dropped."""

import csv
import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from deltaflow.config.names import resume_command
from deltaflow.experiment.checkpoints.archive import CheckpointProgress, read_progress
from deltaflow.experiment.planning.plan import RunPlan, first_summary_of
from deltaflow.records import Recording, TableWriter
from deltaflow.system.errors import UserError
from deltaflow.system.files import read_file, replace_file
from deltaflow.training.callbacks.tensorboard import discard_from, tensorboards

_LARGEST = 2**30  # bytes of a logger's file


def take_directory(plan: RunPlan) -> Recording:
    """Take the directory of a new or resumed run.

    Raises:
        DirectoryTakenError: if another run has the directory, or the run cannot be resumed. No
            file is changed then.
        ValueError: if ``resume`` names another directory than the plan.
    """
    resumed = plan.config.resume
    if resumed is not None and Path(resumed).absolute() != plan.directory.absolute():
        raise UserError(
            f"A run goes on in its own directory, alone. Found `resume={resumed}` with the "
            f"directory {plan.directory}. Use `{resume_command(resumed)}`."
        )
    return Recording(plan.directory, first_summary_of(plan), resumed is not None)


def keep_rows(
    directory: Path, tables: Sequence[TableWriter], loggers: Sequence[Logger]
) -> CheckpointProgress | None:
    """Drop the rows that were recorded after the last checkpoint.

    Args:
        directory: the run directory.
        tables: the writers of the layers table and of the metrics table.
        loggers: the run's loggers.

    Returns:
        The progress of the checkpoint; ``None`` if there is no checkpoint, so all rows are
        dropped and the run starts again.

    Raises:
        ValueError: if the checkpoint cannot be read. No row is dropped then.
    """
    found = read_progress(directory)
    n_steps, n_epochs = (0, 0) if found is None else (found.global_step, found.epoch)
    of_layers = pl.col("step") < n_steps
    of_metrics = (pl.col("epoch") < n_epochs) & (pl.col("split") != "test")
    for table, kept in zip(tables, (of_layers, of_metrics), strict=True):
        table.resume(kept)
    for board in tensorboards(loggers):
        discard_from(board, n_steps + 1)  # seeds are logged one step late
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            _keep_lines(logger, n_epochs, n_steps)
    return found


def _keep_lines(logger: CSVLogger, n_epochs: int, n_steps: int) -> None:
    """Let a CSV logger append to its old file, which it would delete otherwise.

    A file that cannot be read is deleted.

    Args:
        logger: a logger that has not logged anything yet.
        n_epochs: lines of the first ``n_epochs`` epochs are kept.
        n_steps: lines without an epoch are kept up to this step.
    """
    directory, name = Path(logger.log_dir), ExperimentWriter.NAME_METRICS_FILE
    with suppress(OSError, ValueError, TypeError, KeyError):
        text = read_file(directory, name, _LARGEST).decode()
        lines = csv.DictReader(io.StringIO(text))
        kept = [
            line
            for line in lines
            if (
                int(line["epoch"]) < n_epochs if line.get("epoch") else int(line["step"]) <= n_steps
            )
        ]
        (directory / name).unlink()
        with warnings.catch_warnings(action="ignore"):  # the logger warns of files in its folder
            logger.experiment.metrics_keys = list(lines.fieldnames or ())
        written = io.StringIO(newline="")
        writer = csv.DictWriter(written, lines.fieldnames or ())
        writer.writeheader()
        writer.writerows(kept)
        replace_file(directory / name, written.getvalue().encode())
