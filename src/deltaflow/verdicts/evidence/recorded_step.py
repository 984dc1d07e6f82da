"""One recorded step of a run, and the quantities that several findings use."""

import math
from functools import cached_property

import numpy as np
import polars as pl

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.theory import Array
from deltaflow.verdicts.evidence.update_lengths import numbers


class RecordedStep:
    """One recorded step.

    Args:
        rows: rows of the layers table: all layers of some seeds.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        is_output = pl.col("layer") == pl.col("layer").max()
        self.output = rows.filter(is_output).sort("seed")
        self.hidden = rows.filter(~is_output).sort("seed", "layer")

    @cached_property
    def profiles(self) -> Array:
        """δ norm, ``[seeds, depth]``."""
        return self._profiles("delta_norm")

    @cached_property
    def decades(self) -> float:
        """Decades that δ loses from the last hidden layer back to the first, median over seeds.

        Infinite if δ is 0 in the first layer but not at the output; NaN if it is 0 at the output.
        """
        if not self.profiles.size:
            return math.nan
        first, last = self.profiles[:, 0], self.profiles[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = np.log10(last / first)
        lost[(first == 0) & (numbers(self.output, "delta_norm") > 0)] = math.inf
        known = lost[~np.isnan(lost)]
        return float(np.median(known)) if len(known) else math.nan

    @cached_property
    def weight_decades(self) -> float:
        """Decades that the RMS per-sample gradient of a weight loses, the mean over seeds."""
        return _mean(vanishing_index(self._profiles("sample_grad_rms")))

    @cached_property
    def rate(self) -> float:
        """Factor of δ per layer going back, geometric mean over seeds; NaN if it is not known."""
        return (
            math.exp(_mean(np.log(decay_rate(self.profiles)))) if self.profiles.size else math.nan
        )

    def worst(self, column: str) -> tuple[int, float]:
        """Number and value of the hidden layer with the largest mean over seeds; else 0 and NaN."""
        rows = self.hidden.filter(pl.col(column).is_finite()).group_by("layer")
        means = rows.agg(pl.col(column).mean()).sort(column, "layer", descending=[True, False])
        return (means["layer"][0], means[column][0]) if len(means) else (0, math.nan)

    def _profiles(self, column: str) -> Array:
        n_seeds = self.hidden["seed"].n_unique()
        values = numbers(self.hidden, column)
        return values.reshape(n_seeds, -1) if n_seeds else np.empty((0, 0))


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
