"""What a watched training is judged by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from deltaflow.theory import Array
from deltaflow.verdicts.evidence.columns import numbers, pace, update_lengths
from deltaflow.verdicts.thresholds import FEWEST_STEPS, KEPT, MAJORITY

_PARTS = 10  # the loss at the end is its mean over the last tenth of the steps


@dataclass(frozen=True)
class Evidence:
    """What there is to know of a watched training.

    Attributes:
        layers: the layers table, of one seed.
        names: of the layers, in the order of the table.
        losses: of all steps.
        responses: at each measured step, how much the outputs of the last layer depend on the
            sample: the RMS of their deviation from the mean, as a share of their RMS.
        activation: the function that follows most layers, as Python names it, and whether it has a
            flat part; ``None`` if none was found.
        copies: layers whose units are copies, and how many of them differ.
        without_gradient: layers that want a gradient and got none.
        accumulated: the first step at which gradients of earlier steps were still there.
        doubled: ``softmax`` or ``sigmoid``, where it stands in front of a loss that has its own.
        uninformed: the loss of outputs that are 0 whatever the input; NaN if that is not known.
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
    uninformed: float

    @property
    def n_steps(self) -> int:
        """Updates made."""
        return len(self.losses)

    @property
    def is_decided(self) -> bool:
        """Whether there were steps enough to see whether something is learnt."""
        return self.n_steps >= FEWEST_STEPS

    @cached_property
    def first_loss(self) -> float:
        """Of the first steps, a twentieth of the losses or one; NaN if there is none.

        Twice the very first, if these steps have driven it further up.
        """
        mean = _mean(self.losses[: max(1, len(self.losses) // (2 * _PARTS))])
        first = float(self.losses[0]) if len(self.losses) else math.nan
        return min(mean, 2 * first) if first > 0 else mean

    @cached_property
    def last_loss(self) -> float:
        """Of the last tenth of the steps."""
        return _mean(self.losses[-max(1, len(self.losses) // _PARTS) :])

    @cached_property
    def diverged_at(self) -> int:
        """The first step whose loss is not finite; -1 if there is none."""
        lost = np.flatnonzero(~np.isfinite(self.losses))
        return int(lost[0]) if len(lost) else -1

    @cached_property
    def has_learnt(self) -> bool:
        """Whether the loss has gone down by more than outputs that ignore the input explain.

        A network that has found the best constant alone has a lower loss than at the start, but
        outputs that do not depend on the sample. One whose loss began above that of outputs of 0,
        for it was sure of what it could not know, has learnt what it has gone below that.
        """
        before = float(np.fmin(self.first_loss, self.uninformed))
        gone = (before - self.last_loss) / max(abs(before), 1e-300)
        if not gone > KEPT:
            return False
        known = self.responses[np.isfinite(self.responses)]
        return gone > MAJORITY or not len(known) or bool(known[-1] > KEPT)

    @property
    def fails(self) -> bool:
        """Whether nothing was learnt, or it is too early to say."""
        return not self.is_decided or not self.has_learnt

    @cached_property
    def steps(self) -> list[int]:
        """The measured steps."""
        return sorted(self.layers["step"].unique().to_list())

    def column(self, name: str, step: int) -> Array:
        """A column over the layers at a step; NaN where it does not apply."""
        rows = self.layers.filter(pl.col("step") == step).sort("layer")
        return numbers(rows, name)

    @cached_property
    def profile(self) -> Array:
        """δ norm of the layers before the last, at the first step where most have one.

        Where the last layers of residual branches start at zero, δ needs an update to pass them.
        """
        for step in self.steps:
            profile = self.column("delta_norm", step)[:-1]
            if (profile > 0).sum() > MAJORITY * len(profile):
                return profile
        return self.column("delta_norm", self.steps[0])[:-1] if self.steps else np.empty(0)

    @cached_property
    def rate(self) -> float:
        """By what δ changes per layer going back; NaN if fewer than two layers have any.

        exp of the median slope of ln δ between pairs of layers (Theil 1950, Sen 1968), which
        branches with a scale of their own do not move.
        """
        return _rate(self.profile)

    @cached_property
    def predicted_rate(self) -> float:
        """The same of theory's profile; NaN where it says nothing."""
        first = self.steps[0] if self.steps else 0
        return _rate(self.column("predicted_delta_norm", first)[:-1])

    @cached_property
    def decades(self) -> float:
        """Decades that δ loses on its way back through the layers before the last.

        Infinite where most have none though the last layer does; NaN where nothing is known.
        """
        if not len(self.profile):
            return math.nan
        known = np.isfinite(self.profile)
        if known.any() and (self.profile[known] == 0).mean() > MAJORITY:
            return math.inf if (self.column("delta_norm", self.steps[0])[-1] > 0) else math.nan
        return -math.log10(self.rate) * (len(self.profile) - 1)

    @cached_property
    def updates(self) -> pl.DataFrame:
        """The ``length`` of updates by layer and step."""
        first = self.layers.filter(pl.col("step") == self.steps[0]) if self.steps else self.layers
        lengths = update_lengths(self.layers, first, ["layer"])
        return lengths.select("step", "layer", "length").sort("step", "layer")

    @cached_property
    def pace(self) -> float:
        """Mean length of the updates of the layer that moves most; NaN if unknown."""
        return pace(self.updates)

    def worst(self, column: str, step: int) -> tuple[int, float]:
        """The layer before the last with the largest value, and that value; 0 and NaN for none."""
        values = self.column(column, step)[:-1]
        if not np.isfinite(values).any():
            return 0, math.nan
        at = int(np.nanargmax(values))
        return at + 1, float(values[at])


def _rate(profile: Array) -> float:
    at = np.flatnonzero(np.isfinite(profile) & (profile > 0))
    if len(at) < 2:
        return math.nan
    from scipy.stats import theilslopes  # which takes its time

    return math.exp(-theilslopes(np.log(profile[at]), at).slope)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan
