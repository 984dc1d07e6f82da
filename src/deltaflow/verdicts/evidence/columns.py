"""What is read off the layers table: numbers of a column, and how long updates are."""

import math
from collections.abc import Sequence

import polars as pl

from deltaflow.theory import Array


def numbers(rows: pl.DataFrame, column: str) -> Array:
    """The numbers of a column; NaN where there is none."""
    return rows[column].cast(pl.Float64).fill_null(math.nan).to_numpy()


def update_lengths(layers: pl.DataFrame, first: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The layers table with the ``length`` of updates, where it is finite.

    It is relative to the weights then or at the start, or to weights that keep signals' size, of
    RMS 1/√fan_in, whichever are longest: weights that start or have become small say nothing of
    the step.

    Args:
        layers: the table.
        first: its rows of the first step.
        keys: columns that tell layers apart.
    """
    size = pl.col("weight_rms")
    longest = pl.max_horizontal(size, "first", 1 / pl.col("fan_in").sqrt())
    return (
        layers.join(first.select(*keys, first="weight_rms"), on=keys)
        .with_columns(length=pl.col("update_ratio") * size / longest)
        .filter(pl.col("length").is_finite())
    )


def pace(lengths: pl.DataFrame) -> float:
    """Mean ``length`` of the updates of the layer that moves most; NaN if unknown."""
    means = lengths.group_by("layer").agg(pl.col("length").mean())["length"]
    return float(means.max()) if len(means) else math.nan  # type: ignore[arg-type]
