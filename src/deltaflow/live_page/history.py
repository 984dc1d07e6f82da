"""The records of a training so far: the rows of its tables, and the values that figures draw."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from torch import Tensor

from deltaflow.figures.looks import mean_with_band
from deltaflow.records import METRICS
from deltaflow.theory import Array

SHARES = ("saturated_fraction", "inactive_fraction", "dead_fraction")
PROFILES = ("delta_norm", "sample_grad_rms")
"""Columns that are shown as depth profiles: δ, and the gradient of a weight."""
_MAX_KEPT = 128  # steps whose rows are kept for verdicts


@dataclass(frozen=True)
class LayerProfile:
    """The depth profile of a quantity. Measured values are log₁₀, predicted ones are not.

    Attributes:
        mean: mean over seeds, ``[L]``.
        low: lower end of its 95 % interval, ``[L]``.
        high: upper end of its 95 % interval, ``[L]``.
        seeds: values of each seed, ``[R, L]``.
        predicted: theory's prediction for step 0, ``[L]``; ``None`` if there is none.
        spread: predicted standard deviation of the natural logarithm over networks of this width,
            ``[L]``; ``None`` if there is none.
    """

    mean: Array
    low: Array
    high: Array
    seeds: Array
    predicted: Array | None
    spread: Array | None


@dataclass(frozen=True)
class DrawnStep:
    """The values of one measured step that figures draw.

    Attributes:
        step: number of the step.
        profiles: depth profiles by column of the layers table.
        shares: shares of units by column of the layers table, each a mean over seeds, ``[L]``.
    """

    step: int
    profiles: Mapping[str, LayerProfile]
    shares: Mapping[str, Array]


class LayerHistory:
    """The layers table of a training.

    The rows of at most 128 steps are kept: the first, the last, and others evenly between them.

    Attributes:
        is_due: whether rows are to be written at once.
        steps: number of every measured step, and log₁₀ δ by layer, the mean over seeds.
        first: the first step; ``None`` before it is measured.
        last: the latest step; ``None`` before the first is measured.
    """

    is_due = True

    def __init__(self) -> None:
        self.steps: list[tuple[int, Array]] = []
        self.first: DrawnStep | None = None
        self.last: DrawnStep | None = None
        self._kept: list[pl.DataFrame] = []

    def append(self, frame: pl.DataFrame) -> None:
        """Add the rows of one step or several."""
        for (_,), rows in frame.group_by("step", maintain_order=True):
            measured = _measured(rows)
            self.first = self.first or measured
            self.last = measured
            self.steps.append((measured.step, measured.profiles["delta_norm"].mean))
            self._kept.append(rows)
            if len(self._kept) > _MAX_KEPT:
                self._kept = [*self._kept[:-1:2], self._kept[-1]]

    @property
    def rows(self) -> pl.DataFrame:
        """The rows that were kept."""
        return pl.concat(self._kept, rechunk=True)


class Metrics:
    """The metrics table of a training."""

    is_due = True

    def __init__(self) -> None:
        self._known = _Known([METRICS.frame({})])

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        self._known = _Known([*self._known.rows, frame])  # in one step: another thread reads

    @property
    def n_appended(self) -> int:
        """Number of frames so far, which grows with each call of `append`."""
        return len(self._known.rows)

    @property
    def rows(self) -> pl.DataFrame:
        """All rows."""
        return pl.concat(self._known.rows, rechunk=True)

    def by_epoch(self, split: str, name: str) -> tuple[Array, Array]:
        """The measured epochs, and a column's mean over seeds in each of them.

        Args:
            split: ``train``, ``validation`` or ``test``.
            name: name of the column.
        """
        known = self._known
        if (split, name) not in known.means:
            mean = pl.col(name).cast(pl.Float64).fill_nan(None).mean()
            rows = pl.concat(known.rows, rechunk=True).filter(split=split)
            means = rows.group_by("epoch").agg(mean).sort("epoch")
            known.means[split, name] = means["epoch"].to_numpy(), means[name].to_numpy()
        return known.means[split, name]


@dataclass(frozen=True)
class _Known:
    """The frames of a table so far, and means that have been computed from them."""

    rows: list[pl.DataFrame]
    means: dict[tuple[str, str], tuple[Array, Array]] = field(default_factory=dict)


@dataclass
class History:
    """The records of a training so far.

    Attributes:
        metrics: the metrics table.
        layers: the layers table.
        losses: the batch loss of every update, the mean over seeds.
    """

    metrics: Metrics = field(default_factory=Metrics)
    layers: LayerHistory = field(default_factory=LayerHistory)
    losses: list[float] = field(default_factory=list)

    def add_loss(self, n_steps: int, losses: Tensor | None) -> None:
        """Record the loss of the latest update.

        Args:
            n_steps: number of updates so far.
            losses: batch loss of each replica, ``[R]``; ``None`` if there was no update.
        """
        if losses is not None and n_steps > len(self.losses):
            finite = losses[losses.isfinite()]
            self.losses.append(float(finite.mean()) if len(finite) else math.nan)


def _measured(rows: pl.DataFrame) -> DrawnStep:
    """The values of one step that figures draw."""
    depth = rows["layer"].n_unique()

    def by_seed(name: str) -> Array:
        return rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, depth)

    def mean(name: str) -> Array | None:
        return mean_with_band(by_seed(name))[0] if rows[name].count() else None

    def profile(name: str) -> LayerProfile:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log10(by_seed(name))
        logs[~np.isfinite(logs)] = np.nan
        spread = mean(f"predicted_{name}_spread") if name == "delta_norm" else None
        return LayerProfile(*mean_with_band(logs), logs, mean(f"predicted_{name}"), spread)

    shares = {name: share for name in SHARES if (share := mean(name)) is not None}
    return DrawnStep(rows["step"][0], {name: profile(name) for name in PROFILES}, shares)
