"""Going on with a run that was stopped: its directory, and what of its records stays."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from lightning.pytorch.loggers import Logger

from deltaflow.config.names import resume_command
from deltaflow.experiment.archive import Progress, read_progress
from deltaflow.experiment.plan import RunPlan, summary_of_start
from deltaflow.records import Recording, TableWriter
from deltaflow.system.errors import UserError
from deltaflow.training.callbacks.tensorboard import forget_from, tensorboards


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
    return found
