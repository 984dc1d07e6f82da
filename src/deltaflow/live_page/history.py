"""What a training has recorded so far, as rows of its tables and as what is drawn of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from torch import Tensor

from deltaflow.figures.looks import mean_with_band
from deltaflow.theory import Array

SHARES = ("saturated_fraction", "inactive_fraction", "dead_fraction")
PROFILES = ("delta_norm", "sample_grad_rms")
"""What is shown layer by layer: δ, and the gradient of a weight."""
_MOST_KEPT = 128  # steps whose rows are kept, for verdicts


@dataclass(frozen=True)
class Profile:
    """A quantity by layer: logarithms to the base ten, but for theory's.

    Attributes:
        mean: over seeds, ``[L]``.
        low: the lower end of its 95 % interval.
        high: the upper end.
        seeds: each seed, ``[R, L]``.
        predicted: by theory, of step 0, ``[L]``; ``None`` where there is no prediction.
        spread: standard deviation of its logarithm over networks of this width, ``[L]``.
    """

    mean: Array
    low: Array
    high: Array
    seeds: Array
    predicted: Array | None
    spread: Array | None


@dataclass(frozen=True)
class LayerStep:
    """What is shown of one measured step.

    Attributes:
        step: its number.
        profiles: by column of the layers table.
        shares: of units, the mean over seeds by column of the layers table, ``[L]``.
    """

    step: int
    profiles: Mapping[str, Profile]
    shares: Mapping[str, Array]


class Layers:
    """The layers table: the rows of some steps, and what is drawn of all.

    Rows of the first and the last step are always kept, and of those between evenly many.

    Attributes:
        is_due: whether rows are wanted at once.
        steps: of every measured step its number, and the mean of log₁₀ δ by layer.
        first: the first step; ``None`` before it.
        last: the latest.
    """

    is_due = True

    def __init__(self) -> None:
        self.steps: list[tuple[int, Array]] = []
        self.first: LayerStep | None = None
        self.last: LayerStep | None = None
        self._kept: list[pl.DataFrame] = []

    def append(self, frame: pl.DataFrame) -> None:
        """Add the rows of one step or several."""
        for (_,), rows in frame.group_by("step", maintain_order=True):
            shown = _shown(rows)
            self.first = self.first or shown
            self.last = shown
            self.steps.append((shown.step, shown.profiles["delta_norm"].mean))
            self._kept.append(rows)
            if len(self._kept) > _MOST_KEPT:
                self._kept = [*self._kept[:-1:2], self._kept[-1]]

    @property
    def rows(self) -> pl.DataFrame:
        """The rows that are kept."""
        return pl.concat(self._kept, rechunk=True)


class Metrics:
    """The metrics table."""

    is_due = True

    def __init__(self, empty: pl.DataFrame) -> None:
        self._known = _Known([empty])

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        self._known = _Known([*self._known.rows, frame])  # at once, for who reads meanwhile

    @property
    def n_parts(self) -> int:
        """How often rows have come."""
        return len(self._known.rows)

    @property
    def rows(self) -> pl.DataFrame:
        """All rows."""
        return pl.concat(self._known.rows, rechunk=True)

    def by_epoch(self, split: str, name: str) -> tuple[Array, Array]:
        """The epochs that were measured, and a column's mean over seeds in each."""
        known = self._known
        if (split, name) not in known.means:
            mean = pl.col(name).cast(pl.Float64).fill_nan(None).mean()
            rows = pl.concat(known.rows, rechunk=True).filter(split=split)
            of = rows.group_by("epoch").agg(mean).sort("epoch")
            known.means[split, name] = of["epoch"].to_numpy(), of[name].to_numpy()
        return known.means[split, name]


@dataclass(frozen=True)
class _Known:
    """The rows of a table so far, and the means that were asked for."""

    rows: list[pl.DataFrame]
    means: dict[tuple[str, str], tuple[Array, Array]] = field(default_factory=dict)


@dataclass
class Course:
    """The records of a training under way.

    Attributes:
        layers: its layers table.
        metrics: its metrics table.
        losses: of every update, the mean over seeds of its batch's loss.
    """

    metrics: Metrics
    layers: Layers = field(default_factory=Layers)
    losses: list[float] = field(default_factory=list)

    def note(self, n_steps: int, losses: Tensor | None) -> None:
        """Keep the loss of the update that was made, ``[R]``."""
        if losses is not None and n_steps > len(self.losses):
            finite = losses[losses.isfinite()]
            self.losses.append(float(finite.mean()) if len(finite) else math.nan)


def _shown(rows: pl.DataFrame) -> LayerStep:
    depth = rows["layer"].n_unique()

    def by_seed(name: str) -> Array:
        return rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, depth)

    def mean(name: str) -> Array | None:
        return mean_with_band(by_seed(name))[0] if rows[name].count() else None

    def profile(name: str) -> Profile:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log10(by_seed(name))
        logs[~np.isfinite(logs)] = np.nan
        spread = mean(f"predicted_{name}_spread") if name == "delta_norm" else None
        return Profile(*mean_with_band(logs), logs, mean(f"predicted_{name}"), spread)

    shares = {name: share for name in SHARES if (share := mean(name)) is not None}
    return LayerStep(rows["step"][0], {name: profile(name) for name in PROFILES}, shares)
