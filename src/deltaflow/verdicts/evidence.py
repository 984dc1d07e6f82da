"""What a run is judged by, and the numbers that several findings look at."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.theory import Array, Theory
from deltaflow.verdicts.constants import Constants
from deltaflow.verdicts.facts import Settings, TrainingData
from deltaflow.verdicts.fit import Fit, median
from deltaflow.verdicts.thresholds import FEWEST_STEPS, KEPT, MAJORITY

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
        normalization: of the network, if any.
        copies: hidden layers, from 1, whose units start as copies, and how many of them differ.
        constants: what the loss is for outputs that do not look at inputs.
        n_steps: updates made.
        settings: that may be at fault.
        data: that it was trained on.
    """

    layers: pl.DataFrame
    metrics: pl.DataFrame
    replicas: Sequence[Mapping[str, Any]]
    theory: Theory
    fields: Mapping[str, Any] | None
    normalization: str | None
    copies: Mapping[int, int]
    constants: Constants
    n_steps: int
    settings: Settings
    data: TrainingData

    @cached_property
    def inputs(self) -> Array:
        """``data.input_second_moment`` for predictions: of many samples, means of like ones.

        Theory averages over samples what changes smoothly with them, so a few stand for all, and
        judging takes no longer for more data.
        """
        ordered = np.sort(self.data.input_second_moment)
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
    def _lengths(self) -> pl.DataFrame:
        """The layers table with the ``length`` of updates, where it is finite.

        It is relative to the weights then or at the start, or to weights that keep signals'
        size, of RMS 1/√fan_in, whichever are longest: weights that start or have become small say
        nothing of the step.
        """
        first = self.layers.filter(pl.col("step") == 0).select("seed", "layer", first="weight_rms")
        size = pl.col("weight_rms")
        ordinary = 1 / pl.col("fan_in").sqrt()
        longest = pl.max_horizontal(size, "first", ordinary)
        return (
            self.layers.join(first, on=["seed", "layer"])
            .with_columns(length=pl.col("update_ratio") * size / longest)
            .filter(pl.col("length").is_finite())
        )

    @cached_property
    def updates(self) -> pl.DataFrame:
        """Their mean ``length`` over seeds that did not diverge, by layer and step."""
        rows = self._lengths.filter(pl.col("seed").is_in(self.surviving))
        means = rows.group_by("layer", "step").agg(pl.col("length").mean())
        return means.sort("step", "layer")

    @cached_property
    def pace(self) -> float:
        """Mean length of the updates of the layer that moves most; NaN if unknown."""
        means = self.updates.group_by("layer").agg(pl.col("length").mean())["length"]
        return float(means.max()) if len(means) else math.nan  # type: ignore[arg-type]

    @cached_property
    def first_update(self) -> float:
        """The longest update of the first step, of all seeds; NaN if unknown."""
        first = self._lengths.filter(pl.col("step") == 0)
        return float(first["length"].to_numpy().max(initial=0.0)) or math.nan

    @cached_property
    def fit(self) -> Fit:
        """What losses and metrics say of the seeds that did not diverge."""
        rows = self.metrics.filter(pl.col("seed").is_in(self.surviving))
        return Fit(rows, self.constants, self.data)

    @cached_property
    def explained(self) -> Array:
        """The share of the training targets that each surviving seed explains; NaN if unknown.

        With dropout, which is noise as long as the network trains, that of the validation part if
        it is more.
        """
        shares = self.fit.explained("train")
        if self.theory.dropout and len(own := self.fit.explained("validation")) == len(shares):
            shares = np.fmax(shares, own)
        return shares

    @cached_property
    def typical(self) -> float:
        """The same of the median seed."""
        return median(self.explained)

    @property
    def mostly_diverged(self) -> bool:
        """Whether most seeds diverged."""
        return len(self.surviving) < (1 - MAJORITY) * len(self.replicas)

    @property
    def fails(self) -> bool:
        """Whether most seeds diverged, or the others explain little."""
        return self.mostly_diverged or self.explains_little

    @property
    def explains_little(self) -> bool:
        """Whether most of the target is left unexplained after steps enough."""
        return self.n_steps >= FEWEST_STEPS and self.typical < MAJORITY

    @property
    def has_learnt(self) -> bool:
        """Whether more of the loss has gone than would count as nothing, or nobody knows."""
        return not median(self.fit.learnt("train")) <= KEPT

    @cached_property
    def losses(self) -> Array:
        """Training loss after each epoch, the mean over seeds that did not diverge."""
        return self.fit.losses("train")

    def of(self, seeds: Collection[int]) -> "Evidence":
        """The same run, had it no other seeds than these."""
        chosen = [r["seed"] in seeds for r in self.replicas]
        counts = self.data.predicted_counts
        data = replace(self.data, predicted_counts=None if counts is None else counts[chosen])
        return replace(
            self,
            layers=self.layers.filter(pl.col("seed").is_in(seeds)),
            metrics=self.metrics.filter(pl.col("seed").is_in(seeds)),
            replicas=[r for r in self.replicas if r["seed"] in seeds],
            data=data,
        )


class RecordedStep:
    """One recorded step.

    Args:
        rows: of the layers table, all layers of some seeds.
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
