"""How much of the target a network explains, and whether its loss still falls."""

import math

import numpy as np
import polars as pl

from deltaflow.theory import Array
from deltaflow.verdicts.evidence.constant_outputs import Constants
from deltaflow.verdicts.evidence.facts import TrainingData
from deltaflow.verdicts.evidence.update_lengths import numbers
from deltaflow.verdicts.thresholds import SURELY_FALLING


class Fit:
    """The fit of some seeds, from their losses and metrics.

    Args:
        metrics: the metrics table of these seeds.
        constants: numbers for outputs that ignore the inputs.
        data: facts about the training data.

    Attributes:
        majority: share of the largest class; ``None`` for numbers.
    """

    def __init__(self, metrics: pl.DataFrame, constants: Constants, data: TrainingData) -> None:
        self._metrics = metrics
        self._rows: dict[tuple[str, bool], pl.DataFrame] = {}  # by split and `at_best_epoch`
        self._best = constants.loss
        counts = data.class_counts
        self.majority = None if counts is None else float(counts.max() / counts.sum())

    def explained(self, split: str, at_best_epoch: bool = False) -> Array:
        """The share of the target that each seed explains.

        It is the largest of three: the relative fall of the loss below the best constant's, the
        relative fall of errors below those of the largest class, and R².

        Args:
            split: ``train``, ``validation`` or ``test``.
            at_best_epoch: whether to use the epoch with the lowest loss instead of the last.

        Returns:
            ``[seeds]``, at most 1, negative if a constant is better; NaN if it is not known.
        """
        rows = self._last(split, at_best_epoch)
        shares = [self._learnt(rows), numbers(rows, "r2")]
        if self.majority is not None and self.majority < 1:
            shares.append((numbers(rows, "accuracy") - self.majority) / (1 - self.majority))
        return np.asarray(np.fmax.reduce(shares))

    def learnt(self, split: str, at_best_epoch: bool = False) -> Array:
        """The relative fall of each seed's loss below the best constant's, ``[seeds]``.

        NaN if losses are negative, as those of a user's class may be.
        """
        return self._learnt(self._last(split, at_best_epoch))

    def metric(self) -> tuple[str, float] | None:
        """The last accuracy or R² on training rows, the mean over seeds, with its name.

        ``None`` if there is neither.
        """
        rows = self._metrics.filter(pl.col("split") == "train")
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
        """One row per seed: the last, or that with the lowest loss."""
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
    """The median of the values that are not NaN; NaN if there are none."""
    known = shares[~np.isnan(shares)]
    return float(np.median(known)) if len(known) else math.nan


def fall(losses: Array) -> tuple[float, bool]:
    """The fall of a loss in the second half of training, and whether it has not yet settled.

    If the loss falls exponentially, the ratio of the falls in the second and the first half is
    r = e^{−T/2τ}, and a share r² of the fall remains. It has not settled if r ≥ ½.

    Args:
        losses: loss after each epoch.

    Returns:
        The fall of a line through the second half, in the unit of the loss, 0 if it is not
        significant; and whether the loss has not settled.
    """
    half = len(losses) // 2
    if len(losses) < 3 or not np.isfinite(losses).all():
        return 0.0, False
    first = float(losses[0] - losses[half])
    if half <= 2:  # too few points for the error of a line
        falls = float(losses[-half - 1] - losses[-1])
        return max(falls, 0.0), falls >= first / 2 > 0
    from scipy.stats import linregress  # here, because its import is slow

    line = linregress(np.arange(half), losses[-half:])
    if not line.slope < -SURELY_FALLING * line.stderr:
        return 0.0, False
    falls = float(-line.slope * half)
    return falls, falls >= max(first, 0.0) / 2
