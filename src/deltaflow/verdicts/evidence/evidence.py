"""What a run is judged by, and the numbers that several findings look at."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from deltaflow.theory import Array, Theory
from deltaflow.verdicts.evidence.columns import pace, update_lengths
from deltaflow.verdicts.evidence.constant_outputs import Constants
from deltaflow.verdicts.evidence.facts import Settings, TrainingData
from deltaflow.verdicts.evidence.fit import Fit, median
from deltaflow.verdicts.evidence.recorded_step import RecordedStep
from deltaflow.verdicts.thresholds import ANOTHER_ORDER, FEWEST_STEPS, KEPT, MAJORITY

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
    def start(self) -> RecordedStep:
        """The first step, of all seeds."""
        return RecordedStep(self.layers.filter(pl.col("step") == 0))

    @cached_property
    def end(self) -> RecordedStep:
        """The last recorded step, of the seeds that did not diverge."""
        rows = self.layers.filter(pl.col("seed").is_in(self.surviving))
        return RecordedStep(rows.filter(pl.col("step") == pl.col("step").max().over("seed")))

    @cached_property
    def _lengths(self) -> pl.DataFrame:
        """The layers table with the ``length`` of updates."""
        return update_lengths(self.layers, self.start.rows, ["seed", "layer"])

    @cached_property
    def updates(self) -> pl.DataFrame:
        """Their mean ``length`` over seeds that did not diverge, by layer and step."""
        rows = self._lengths.filter(pl.col("seed").is_in(self.surviving))
        means = rows.group_by("layer", "step").agg(pl.col("length").mean())
        return means.sort("step", "layer")

    @cached_property
    def pace(self) -> float:
        """Mean length of the updates of the layer that moves most; NaN if unknown."""
        return pace(self.updates)

    @property
    def first_length(self) -> float:
        """The mean update of the first step, of the layer that moves most; 0 if unknown."""
        first = self.updates.filter(pl.col("step") == 0)["length"]
        return float(first.to_numpy().max(initial=0.0))

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
    def loss_gone(self) -> float:
        """The share of the best constant output's loss that is gone of the median seed; or NaN.

        With dropout that of the validation part if it is more.
        """
        gone = median(self.fit.learnt("train"))
        return max(gone, median(self.fit.learnt("validation"))) if self.theory.dropout else gone

    @property
    def mostly_diverged(self) -> bool:
        """Whether most seeds diverged, on training rows too."""
        n_left = len(self.surviving)
        return n_left < (1 - MAJORITY) * len(self.replicas) and not self.overflows_elsewhere

    @property
    def overflows_elsewhere(self) -> bool:
        """Whether all that diverged does well on training rows: it is lost on other rows alone."""
        lost, losses = [r["status"] == "diverged" for r in self.replicas], self.data.final_losses
        if losses is None or not any(lost):
            return False
        return bool((losses[lost] <= ANOTHER_ORDER * self.constants.loss).all())

    @property
    def counts(self) -> dict[str, int]:
        """How many replicas there are, ``n_seeds``, and of how many folds if of several."""
        n_folds = len({r.get("fold", 0) for r in self.replicas})
        return {"n_seeds": len(self.replicas)} | ({"n_folds": n_folds} if n_folds > 1 else {})

    @property
    def fails(self) -> bool:
        """Whether most seeds diverged, or the others explain little."""
        return self.mostly_diverged or self.explains_little

    @property
    def explains_little(self) -> bool:
        """Whether most of the target is left unexplained after steps enough.

        Or the loss is what a constant has: classes may be told apart by outputs near a constant.
        """
        little = self.typical < MAJORITY or not self.has_learnt
        return self.n_steps >= FEWEST_STEPS and little

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
        own: dict[str, Any] = {
            name: None if (values := getattr(self.data, name)) is None else values[chosen]
            for name in ("predicted_counts", "final_losses")
        }
        return replace(
            self,
            layers=self.layers.filter(pl.col("seed").is_in(seeds)),
            metrics=self.metrics.filter(pl.col("seed").is_in(seeds)),
            replicas=[r for r in self.replicas if r["seed"] in seeds],
            data=replace(self.data, **own),
        )
