"""Compares two tables of one schema row by row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from deltaflow.records.schema import Schema


@dataclass(frozen=True)
class Differences:
    """The differences between two tables.

    Attributes:
        n_rows: number of rows whose key is in both tables.
        n_unmatched: number of rows whose key is in one table only.
        largest: for each column that differs, the largest |a − b| / max(|a|, |b|); infinite if
            one of the values is missing or not finite.
        time: name of the column ``step`` or ``epoch``.
        first: the first step or epoch with a difference; ``None`` if there is none.
    """

    n_rows: int
    n_unmatched: int
    largest: Mapping[str, float]
    time: str
    first: int | None

    @property
    def maximum(self) -> float:
        """The largest relative difference in any column; infinite if a row is missing."""
        return math.inf if self.n_unmatched else max(self.largest.values(), default=0.0)


def differences(schema: Schema, one: pl.DataFrame, other: pl.DataFrame) -> Differences:
    """Compare two tables row by row; rows with the same key are compared."""
    both = one.join(other, on=list(schema.key), suffix=" of the other")
    distances = both.select(
        *schema.key,
        **{
            name: _distance(pl.col(name), pl.col(f"{name} of the other"))
            for name in schema.quantities
        },
    )
    largest = {
        name: float(distances[name].max() or 0.0)  # type: ignore[arg-type]
        for name in schema.quantities
        if (distances[name] > 0).any()
    }
    time = next(name for name in schema.key if name in ("step", "epoch"))
    firsts = [distances.filter(pl.col(name) > 0)[time].min() for name in largest]
    first = min((int(step) for step in firsts), default=None)  # type: ignore[arg-type]
    return Differences(len(both), len(one) + len(other) - 2 * len(both), largest, time, first)


def _distance(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    relative = (a - b).abs() / pl.max_horizontal(a.abs(), b.abs())
    return pl.when(a.eq_missing(b)).then(0.0).otherwise(relative.fill_nan(None)).fill_null(math.inf)
