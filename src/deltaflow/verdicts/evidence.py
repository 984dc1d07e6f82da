"""What a run is judged by, and the numbers that several findings look at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.theory.overlay import Array, Theory
from deltaflow.verdicts.constants import Constants
from deltaflow.verdicts.thresholds import KEPT

_GROUPS = 128


@dataclass(frozen=True)
class Evidence:
    """What there is to know of a run that is to be judged.

    Attributes:
        layers: its layers table.
        metrics: its metrics table.
        replicas: as in its summary: at least ``seed``, ``status``, ``diverged_at_step``.
        theory: of its network, normalisation left out.
        fields: what the summary says of it; ``None`` where theory does not apply.
        input_second_moment: mean(x²) over the features of each sample.
        normalization: of the network, if any.
        standardized: whether features were standardised.
        lr: the optimizer's step size, if it has one.
        copies: hidden layers, from 1, whose units all start as copies of one.
        constants: what the loss is for outputs that do not look at inputs.
        output_activation: the name of what stands on the output layer, if anything.
        n_steps: updates made.
        sizes_listed: whether hidden sizes are listed one by one, so that depth and width alone
            change nothing.
    """

    layers: pl.DataFrame
    metrics: pl.DataFrame
    replicas: Sequence[Mapping[str, Any]]
    theory: Theory
    fields: Mapping[str, Any] | None
    input_second_moment: Array
    normalization: str | None
    standardized: bool
    lr: float | None
    copies: Sequence[int]
    constants: Constants
    output_activation: str | None
    n_steps: int
    sizes_listed: bool

    @cached_property
    def inputs(self) -> Array:
        """``input_second_moment`` for predictions: of many samples, means of like ones.

        Theory averages over samples what changes smoothly with them, so a few stand for all, and
        judging takes no longer for more data.
        """
        ordered = np.sort(self.input_second_moment)
        groups = np.array_split(ordered, min(len(ordered), _GROUPS))
        return np.array([group.mean() for group in groups])

    @property
    def depth(self) -> int:
        """How many hidden layers there are."""
        return self.theory.depth

    @cached_property
    def surviving(self) -> list[int]:
        """The seeds that did not diverge."""
        return [r["seed"] for r in self.replicas if r["status"] != "diverged"]

    @cached_property
    def start(self) -> "RecordedStep":
        """The first step, of all seeds."""
        return RecordedStep(self.layers.filter(pl.col("step") == 0))

    @cached_property
    def end(self) -> "RecordedStep":
        """The last recorded step, of the seeds that did not diverge."""
        rows = self.layers.filter(pl.col("seed").is_in(self.surviving))
        return RecordedStep(rows.filter(pl.col("step") == pl.col("step").max()))

    @cached_property
    def updates(self) -> pl.DataFrame:
        """Lengths of updates, the mean over seeds that did not diverge, by layer and step.

        ``length`` is relative to the weights then or at the start, whichever are longer: weights
        that training has made small say nothing of the step. Layers that start at 0 are left out.
        """
        first = self.layers.filter(pl.col("step") == 0).select("seed", "layer", first="weight_rms")
        size = pl.col("weight_rms")
        return (
            self.layers.filter(pl.col("seed").is_in(self.surviving))
            .join(first.filter(pl.col("first") > 0), on=["seed", "layer"])
            .with_columns(length=pl.col("update_ratio") * size / pl.max_horizontal(size, "first"))
            .filter(pl.col("length").is_finite())
            .group_by("layer", "step")
            .agg(pl.col("length").mean())
            .sort("step", "layer")
        )

    @cached_property
    def first_update(self) -> float:
        """The longest update of the first step, relative to the weights; NaN if unknown."""
        first = self.layers.filter(pl.col("step") == 0, pl.col("update_ratio").is_finite())
        return float(first["update_ratio"].to_numpy().max(initial=0.0)) or math.nan

    @cached_property
    def losses(self) -> Array:
        """Training loss after each epoch, the mean over seeds that did not diverge."""
        rows = self.metrics.filter(pl.col("seed").is_in(self.surviving), pl.col("split") == "train")
        means = rows.group_by("epoch").agg(pl.col("loss").mean()).sort("epoch")
        return means["loss"].to_numpy()

    @property
    def learnt(self) -> float | None:
        """Share of the best constant output's loss that training took away, if known.

        Of a loss that goes below 0, as one's own may, there is no share.
        """
        best = self.constants.loss
        if not len(self.losses) or not 0 < best < math.inf or not 0 <= self.losses[-1] < math.inf:
            return None
        return float((best - self.losses[-1]) / best)

    @property
    def has_learnt(self) -> bool:
        """Whether more of the loss has gone than would count as nothing."""
        return self.learnt is None or self.learnt > KEPT


class RecordedStep:
    """One recorded step.

    Args:
        rows: of the layers table, all layers of some seeds.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        is_output = pl.col("layer") == pl.col("layer").max()
        self.output = rows.filter(is_output).sort("seed")
        self.hidden = rows.filter(~is_output).sort("seed", "layer")

    @cached_property
    def profiles(self) -> Array:
        """δ norm, ``[seeds, depth]``."""
        return self._profiles("delta_norm")

    @cached_property
    def decades(self) -> float:
        """Decades lost from the last hidden layer back to the first, the median over seeds.

        Infinite where nothing is left, were it behind the output layer already; NaN where the
        output has no δ to lose.
        """
        if not self.profiles.size:
            return math.nan
        first, last = self.profiles[:, 0], self.profiles[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = np.log10(last / first)
        lost[(first == 0) & (_numbers(self.output, "delta_norm") > 0)] = math.inf
        known = lost[~np.isnan(lost)]
        return float(np.median(known)) if len(known) else math.nan

    @cached_property
    def weight_decades(self) -> float:
        """Decades that a weight's per-sample gradient loses, RMS, the mean over seeds."""
        return _mean(vanishing_index(self._profiles("sample_grad_rms")))

    @cached_property
    def rate(self) -> float:
        """By what δ changes per layer going back, the mean over seeds; NaN if unknown."""
        return _mean(decay_rate(self.profiles)) if self.profiles.size else math.nan

    def worst(self, column: str) -> tuple[int, float]:
        """The hidden layer with the largest value, and that value, the mean over seeds.

        Args:
            column: of the layers table.

        Returns:
            Layer 0 and NaN where there is none.
        """
        rows = self.hidden.filter(pl.col(column).is_finite()).group_by("layer")
        means = rows.agg(pl.col(column).mean()).sort(column, "layer", descending=[True, False])
        return (means["layer"][0], means[column][0]) if len(means) else (0, math.nan)

    def _profiles(self, column: str) -> Array:
        n_seeds = self.hidden["seed"].n_unique()
        values = _numbers(self.hidden, column)
        return values.reshape(n_seeds, -1) if n_seeds else np.empty((0, 0))


def _numbers(rows: pl.DataFrame, column: str) -> Array:
    return rows[column].cast(pl.Float64).fill_null(math.nan).to_numpy()


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
