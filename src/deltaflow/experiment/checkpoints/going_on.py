"""Going on with a run that was stopped: its directory, and what of its records stays."""

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
from deltaflow.experiment.checkpoints.archive import Progress, read_progress
from deltaflow.experiment.plan import RunPlan, summary_of_start
from deltaflow.records import Recording, TableWriter
from deltaflow.system.errors import UserError
from deltaflow.system.files import read_file, replace_file
from deltaflow.training.callbacks.tensorboard import forget_from, tensorboards

_LARGEST = 2**30  # bytes of a logger's file


def take_directory(plan: RunPlan) -> Recording:
    """Take the directory of a run; one that goes on has it already.

    Raises:
        DirectoryTakenError: if another run has it, or the run cannot go on; nothing is touched.
        ValueError: if a run is to go on in another directory than its own.
    """
    resumed = plan.config.resume
    if resumed is not None and Path(resumed).absolute() != plan.directory.absolute():
        raise UserError(
            f"A run goes on in its own directory, alone. Found `resume={resumed}` with the "
            f"directory {plan.directory}. Use `{resume_command(resumed)}`."
        )
    return Recording(plan.directory, summary_of_start(plan), resumed is not None)


def keep_rows(
    directory: Path, tables: Sequence[TableWriter], loggers: Sequence[Logger]
) -> Progress | None:
    """Keep what was recorded until the last checkpoint, and nothing of what came after it.

    Args:
        directory: of the run.
        tables: of its layers and of its metrics.
        loggers: of the run.

    Returns:
        How far the checkpoint has come; ``None`` if there is none, and the run begins again.

    Raises:
        ValueError: if the checkpoint cannot be read; no row is lost then.
    """
    found = read_progress(directory)
    n_steps, n_epochs = (0, 0) if found is None else (found.global_step, found.epoch)
    of_layers = pl.col("step") < n_steps
    of_metrics = (pl.col("epoch") < n_epochs) & (pl.col("split") != "test")
    for table, kept in zip(tables, (of_layers, of_metrics), strict=True):
        table.go_on(kept)
    for board in tensorboards(loggers):
        forget_from(board, n_steps + 1)  # seeds are logged one step late
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            _keep_lines(logger, n_epochs, n_steps)
    return found


def _keep_lines(logger: CSVLogger, n_epochs: int, n_steps: int) -> None:
    """Let a logger go on with the file that it would delete; of a file that is none, nothing stays.

    Args:
        logger: that has not begun.
        n_epochs: whose lines stay.
        n_steps: whose lines stay where none says of which epoch it is.
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
        with warnings.catch_warnings(action="ignore"):  # that it deletes what is there
            logger.experiment.metrics_keys = list(lines.fieldnames or ())
        written = io.StringIO(newline="")
        writer = csv.DictWriter(written, lines.fieldnames or ())
        writer.writeheader()
        writer.writerows(kept)
        replace_file(directory / name, written.getvalue().encode())
