"""The records of a watched training, and the quantities that findings derive from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from deltaflow.theory import Array
from deltaflow.verdicts.evidence.update_lengths import mean_update, numbers, update_lengths
from deltaflow.verdicts.thresholds import FEWEST_STEPS, MAJORITY, NEGLIGIBLE

_PARTS = 10  # the final loss is the mean over the last tenth of the steps


@dataclass(frozen=True)
class WatchedEvidence:
    """The records of a watched training.

    Attributes:
        layers: the layers table, of one seed.
        names: names of the layers, in the order of the table.
        losses: the loss of each step.
        responses: for each measured step, how much the outputs of the last layer depend on the
            sample: the RMS of their deviation from the mean, relative to their RMS.
        activation: the Python name of the function that follows most layers, and whether it has a
            flat part; ``None`` if none was found.
        copies: number of distinct units, by number of the layer, if at least half are copies.
        without_gradient: numbers of layers with ``requires_grad`` that got no gradient.
        accumulated: the first step with gradients left from earlier steps; ``None`` if there is
            none.
        doubled: ``softmax`` or ``sigmoid`` if it precedes a loss that includes it; else ``None``.
        zero_output_loss: the loss if all outputs are 0; NaN if it is not known.
    """

    layers: pl.DataFrame
    names: tuple[str, ...]
    losses: Array
    responses: Array
    activation: tuple[str, bool] | None
    copies: Mapping[int, int]
    without_gradient: tuple[int, ...]
    accumulated: int | None
    doubled: str | None
    zero_output_loss: float

    @property
    def n_steps(self) -> int:
        """Number of updates."""
        return len(self.losses)

    @property
    def is_decided(self) -> bool:
        """Whether there were enough steps to judge whether the model learns."""
        return self.n_steps >= FEWEST_STEPS

    @cached_property
    def first_loss(self) -> float:
        """Mean loss of the first twentieth of the steps; NaN if there is no step.

        It is at most twice the loss of the first step.
        """
        mean = _mean(self.losses[: max(1, len(self.losses) // (2 * _PARTS))])
        first = float(self.losses[0]) if len(self.losses) else math.nan
        return min(mean, 2 * first) if first > 0 else mean

    @cached_property
    def last_loss(self) -> float:
        """Mean loss of the last tenth of the steps."""
        return _mean(self.losses[-max(1, len(self.losses) // _PARTS) :])

    @cached_property
    def diverged_at(self) -> int:
        """The first step whose loss is not finite; -1 if there is none."""
        lost = np.flatnonzero(~np.isfinite(self.losses))
        return int(lost[0]) if len(lost) else -1

    @cached_property
    def has_learnt(self) -> bool:
        """Whether the loss has fallen by more than outputs that ignore the input can explain.

        A network that has only found the best constant has a lower loss than at the start, but its
        outputs do not depend on the sample. If the first loss is above that of zero outputs, only
        the fall below the latter counts.
        """
        before = float(np.fmin(self.first_loss, self.zero_output_loss))
        gone = (before - self.last_loss) / max(abs(before), 1e-300)
        if not gone > NEGLIGIBLE:
            return False
        known = self.responses[np.isfinite(self.responses)]
        return gone > MAJORITY or not len(known) or bool(known[-1] > NEGLIGIBLE)

    @property
    def fails(self) -> bool:
        """Whether nothing was learnt, or there were too few steps to judge."""
        return not self.is_decided or not self.has_learnt

    @cached_property
    def steps(self) -> list[int]:
        """The measured steps."""
        return sorted(self.layers["step"].unique().to_list())

    def column(self, name: str, step: int) -> Array:
        """The values of a column at a step, by layer; NaN where the column does not apply."""
        rows = self.layers.filter(pl.col("step") == step).sort("layer")
        return numbers(rows, name)

    @cached_property
    def profile(self) -> Array:
        """δ norm of the layers before the last, at the first step where most of them have a δ.

        If the last layers of residual branches start at zero, δ passes them only after an update.
        """
        for step in self.steps:
            profile = self.column("delta_norm", step)[:-1]
            if (profile > 0).sum() > MAJORITY * len(profile):
                return profile
        return self.column("delta_norm", self.steps[0])[:-1] if self.steps else np.empty(0)

    @cached_property
    def rate(self) -> float:
        """Factor by which δ changes per layer going back; NaN if fewer than two layers have a δ.

        It is exp of the median slope of ln δ over pairs of layers (Theil 1950, Sen 1968), which is
        robust against branches with another scale.
        """
        return _rate(self.profile)

    @cached_property
    def predicted_rate(self) -> float:
        """The same factor in theory's profile; NaN if there is no prediction."""
        first = self.steps[0] if self.steps else 0
        return _rate(self.column("predicted_delta_norm", first)[:-1])

    @cached_property
    def decades(self) -> float:
        """Decades that δ loses going back through the layers before the last.

        Infinite if δ is 0 in most layers but not in the last; NaN if it is not known.
        """
        if not len(self.profile):
            return math.nan
        known = np.isfinite(self.profile)
        if known.any() and (self.profile[known] == 0).mean() > MAJORITY:
            return math.inf if (self.column("delta_norm", self.steps[0])[-1] > 0) else math.nan
        return -math.log10(self.rate) * (len(self.profile) - 1)

    @cached_property
    def updates(self) -> pl.DataFrame:
        """The ``length`` of updates by layer and step, as from ``update_lengths``."""
        first = self.layers.filter(pl.col("step") == self.steps[0]) if self.steps else self.layers
        lengths = update_lengths(self.layers, first, ["layer"])
        return lengths.select("step", "layer", "length").sort("step", "layer")

    @cached_property
    def mean_update(self) -> float:
        """Largest mean length of the updates of a layer; NaN if it is not known."""
        return mean_update(self.updates)

    def worst(self, column: str, step: int) -> tuple[int, float]:
        """Number and value of the layer before the last with the largest value; else 0 and NaN."""
        values = self.column(column, step)[:-1]
        if not np.isfinite(values).any():
            return 0, math.nan
        at = int(np.nanargmax(values))
        return at + 1, float(values[at])


def _rate(profile: Array) -> float:
    at = np.flatnonzero(np.isfinite(profile) & (profile > 0))
    if len(at) < 2:
        return math.nan
    from scipy.stats import theilslopes  # here, because its import is slow

    return math.exp(-theilslopes(np.log(profile[at]), at).slope)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan
