"""How much of the target a network explains, and whether more was to come."""

import math

import numpy as np
import polars as pl

from deltaflow.theory import Array
from deltaflow.verdicts.evidence.columns import numbers
from deltaflow.verdicts.evidence.constant_outputs import Constants
from deltaflow.verdicts.evidence.facts import TrainingData
from deltaflow.verdicts.thresholds import SURELY_FALLING


class Fit:
    """What losses and metrics say of some seeds.

    Args:
        metrics: the metrics table of these seeds.
        constants: what the loss is for outputs that do not look at inputs.
        data: that the network was trained on.
    """

    def __init__(self, metrics: pl.DataFrame, constants: Constants, data: TrainingData) -> None:
        self._metrics = metrics
        self._rows: dict[tuple[str, bool], pl.DataFrame] = {}  # by split, and if the best
        self._best = constants.loss
        counts = data.class_counts
        self.majority = None if counts is None else float(counts.max() / counts.sum())

    def explained(self, split: str, at_best_epoch: bool = False) -> Array:
        """The share of the target that each seed explains.

        It is the share of the best constant output's loss that is gone; or that of the errors
        of always naming the largest class, or R², if they say more.

        Args:
            split: train, validation or test.
            at_best_epoch: with the lowest validation loss, not the last.

        Returns:
            ``[seeds]``, at most 1, below 0 where a constant is better; NaN if unknown.
        """
        rows = self._last(split, at_best_epoch)
        shares = [self._learnt(rows), numbers(rows, "r2")]
        if self.majority is not None and self.majority < 1:
            shares.append((numbers(rows, "accuracy") - self.majority) / (1 - self.majority))
        return np.asarray(np.fmax.reduce(shares))

    def learnt(self, split: str, at_best_epoch: bool = False) -> Array:
        """The share of the best constant output's loss that each seed took away, alone.

        Of a loss that goes below 0, as one's own may, there is no share: NaN.
        """
        return self._learnt(self._last(split, at_best_epoch))

    def metric(self, split: str) -> tuple[str, float] | None:
        """Name and mean over seeds of the last accuracy or R², if there is one."""
        rows = self._metrics.filter(pl.col("split") == split)
        rows = rows.filter(pl.col("epoch") == pl.col("epoch").max().over("seed"))
        for name in ("accuracy", "r2"):
            known = rows[name].drop_nulls().drop_nans()
            if len(known):
                return name, float(known.mean())  # type: ignore[arg-type]
        return None

    def losses(self, split: str) -> Array:
        """Loss after each epoch, the mean over seeds."""
        rows = self._metrics.filter(pl.col("split") == split)
        return rows.group_by("epoch").agg(pl.col("loss").mean()).sort("epoch")["loss"].to_numpy()

    def _last(self, split: str, at_best_epoch: bool) -> pl.DataFrame:
        """A row of each seed: the last, or that with the lowest loss."""
        if (split, at_best_epoch) not in self._rows:
            rows = self._metrics.filter(pl.col("split") == split)
            if at_best_epoch:
                rows = rows.filter(pl.col("loss").is_finite()).sort("seed", "loss", "epoch")
            else:
                rows = rows.sort("seed", "epoch", descending=[False, True])
            found = rows.unique("seed", keep="first", maintain_order=True)
            self._rows[split, at_best_epoch] = found
        return self._rows[split, at_best_epoch]

    def _learnt(self, rows: pl.DataFrame) -> Array:
        losses = numbers(rows, "loss")
        if not 0 < self._best < math.inf:
            return np.full(len(losses), math.nan)
        return np.where(losses >= 0, (self._best - losses) / self._best, math.nan)


def median(shares: Array) -> float:
    """The median of what is known; NaN if nothing is."""
    known = shares[~np.isnan(shares)]
    return float(np.median(known)) if len(known) else math.nan


def fall(losses: Array) -> tuple[float, bool]:
    """How much a loss falls in the second half of training, and whether the descent goes on.

    One that settles exponentially has more than a quarter of its way to go where its second half
    takes away at least half of what the first did: r = e^{−T/2τ} ≥ ½, and r² is left.

    Args:
        losses: after each epoch.

    Returns:
        The fall of the line through the second half, in the unit of the loss; 0 if there is none or
        if it may be chance. And whether it has not settled.
    """
    half = len(losses) // 2
    if len(losses) < 3 or not np.isfinite(losses).all():
        return 0.0, False
    first = float(losses[0] - losses[half])
    if half <= 2:  # too few points for a line to be wrong about
        falls = float(losses[-half - 1] - losses[-1])
        return max(falls, 0.0), falls >= first / 2 > 0
    from scipy.stats import linregress  # which takes its time

    line = linregress(np.arange(half), losses[-half:])
    if not line.slope < -SURELY_FALLING * line.stderr:
        return 0.0, False
    falls = float(-line.slope * half)
    return falls, falls >= max(first, 0.0) / 2
