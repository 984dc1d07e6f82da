"""The columns of a report's table, which has a row per run, seed and fold.

>>> schema = runs_schema({"network.depth": pl.Float64()})
>>> list(schema.types)[7:10]
['overrides', 'network.depth', 'final_loss']
"""

from collections.abc import Mapping

import polars as pl

from deltaflow.records.schema import Column, Schema, index


def _of_replica(moment: str, when: str) -> tuple[Column, ...]:
    """The columns for the metrics of a replica at one moment."""
    return tuple(
        Column(f"{moment}_{name}", unit, f"{what} {when}")
        for name, unit, what in (
            ("loss", "loss", "loss"),
            ("accuracy", "–", "accuracy"),
            ("macro_f1", "–", "F1 averaged over classes,"),
            ("r2", "–", "share of variance explained,"),
            ("rmse", "target", "root mean squared error,"),
        )
    )


_OF_RUN = (
    index("run", "number of the run: the number of its directory if these are unique"),
    Column("directory", "–", "run directory, relative to this table", pl.String(), nullable=False),
    Column("seed", "–", "the replica's seed; null for a run that left no results", pl.Int64()),
    Column("fold", "–", "the replica's split of the rows; null for a run that left no results",
           pl.Int64()),
    Column("status", "–", "status of the replica: completed or diverged; of a run without results: "
           "failed, interrupted or running", pl.String(), nullable=False),
    Column("reason", "–", "why the status is not completed", pl.String()),
    Column("diverged_at_step", "updates", "first step whose loss or weights were not finite; null "
           "if it did not diverge", pl.Int64()),
    Column("overrides", "–", "the run's overrides, as on a command line", pl.String(),
           nullable=False),
)  # fmt: skip

_OF_RESULT = (
    *_of_replica("final", "of the last epoch, on the validation part, else the training part"),
    *_of_replica("best", "of the epoch with the lowest validation loss, on the validation part"),
    *_of_replica("test", "of the last epoch, on the test part"),
    *(
        Column(f"{name}_{moment}", unit, f"{what} at the {moment} of training")
        for name, unit, what in (
            ("vanishing_index", "decades", "δ norm lost from the last hidden layer to the first,"),
            ("vanishing_index_weight", "decades", "the same of weight gradients of single samples"),
            ("decay_rate", "–", "factor of the δ norm per hidden layer going back,"),
            ("loss_gain", "loss/z", "RMS of δ in the output layer"),
        )
        for moment in ("start", "end")
    ),
    Column("predicted_decay_rate", "–", "theory's decay_rate_start, one for all seeds of the run"),
    Column("theory_error", "decades", "RMS over hidden layers of log₁₀(measured / predicted) δ "
           "norm at the start, one for all seeds of the run"),
    Column("dead_fraction_end", "–", "share of dead units at the end, the largest of the hidden "
           "layers"),
    Column("saturated_fraction_end", "–", "share of saturated entries at the end, the largest of "
           "the hidden layers"),
    Column("verdict", "–", "kind of the run's first verdict", pl.String()),
    Column("wall_seconds", "s", "time that the run took, all seeds together"),
)  # fmt: skip

RUNS = Schema("runs", key=("run", "seed", "fold"), columns=(*_OF_RUN, *_OF_RESULT))
"""The table of a report, without columns for settings that vary; see :func:`runs_schema`."""


def runs_schema(axes: Mapping[str, pl.DataType]) -> Schema:
    """The schema of a report's table.

    Args:
        axes: the type of each setting that varies between the runs.

    Returns:
        ``RUNS`` with a column for each axis after ``overrides``. An axis with the name of another
        column is called ``axis.<name>``.
    """
    varied = tuple(
        Column(f"axis.{name}" if name in RUNS.types else name, "–", "a setting that varies", kind)
        for name, kind in axes.items()
    )
    return Schema(RUNS.name, RUNS.key, (*_OF_RUN, *varied, *_OF_RESULT))
