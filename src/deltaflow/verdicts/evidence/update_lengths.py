"""Columns of the layers table, and the lengths of updates."""

import math
from collections.abc import Sequence

import polars as pl

from deltaflow.theory import Array


def numbers(rows: pl.DataFrame, column: str) -> Array:
    """The numbers of a column; NaN instead of null."""
    return rows[column].cast(pl.Float64).fill_null(math.nan).to_numpy()


def update_lengths(layers: pl.DataFrame, first: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The ``length`` of updates by layer and step, without rows where it is not finite.

    The length is relative to the largest of three: the weights at that step, those at the start,
    and weights of RMS 1/√fan_in, which keep the size of signals. Otherwise an update of small
    weights would seem long.

    Args:
        layers: the layers table.
        first: its rows of the first step.
        keys: columns that identify a layer.
    """
    size = pl.col("weight_rms")
    longest = pl.max_horizontal(size, "first", 1 / pl.col("fan_in").sqrt())
    needed = dict.fromkeys([*keys, "layer", "step", "fan_in", "weight_rms", "update_ratio"])
    return (
        layers.select(*needed)
        .join(first.select(*keys, first="weight_rms"), on=keys)
        .with_columns(length=pl.col("update_ratio") * size / longest)
        .filter(pl.col("length").is_finite())
    )


def mean_update(lengths: pl.DataFrame) -> float:
    """The largest mean ``length`` of a layer's updates; NaN if it is not known."""
    means = lengths.group_by("layer").agg(pl.col("length").mean())["length"]
    return float(means.max()) if len(means) else math.nan  # type: ignore[arg-type]
