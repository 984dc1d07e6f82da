"""The evidence for verdicts on a run, and the quantities that several findings use."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from deltaflow.theory import Array, Theory
from deltaflow.verdicts.evidence.constant_outputs import Constants
from deltaflow.verdicts.evidence.facts import RunSettings, TrainingData
from deltaflow.verdicts.evidence.fit import Fit, median
from deltaflow.verdicts.evidence.recorded_step import RecordedStep
from deltaflow.verdicts.evidence.update_lengths import mean_update, update_lengths
from deltaflow.verdicts.thresholds import FEWEST_STEPS, MAJORITY, NEGLIGIBLE, ORDER_OF_MAGNITUDE

_GROUPS = 128  # groups of samples with similar inputs, each with one prediction


@dataclass(frozen=True)
class Evidence:
    """The evidence for verdicts on a run.

    Attributes:
        layers: the layers table.
        metrics: the metrics table.
        replicas: the summary's replicas, with at least ``seed``, ``status`` and
            ``diverged_at_step``.
        theory: the theory of the network without its normalisation.
        fields: the summary's field ``theory``; ``None`` if theory does not apply.
        normalization: the network's normalisation; ``None`` if there is none.
        copies: number of distinct units, by number of the hidden layer, if its units start as
            copies.
        constants: numbers for outputs that ignore the inputs.
        n_steps: number of updates.
        settings: settings that may be at fault.
        data: facts about the training data.
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
    settings: RunSettings
    data: TrainingData

    @cached_property
    def inputs(self) -> Array:
        """``data.input_second_moment``, averaged in at most 128 groups of similar samples.

        Predictions change smoothly with it, so the groups are enough, and the time of a verdict
        does not grow with the data.
        """
        ordered = np.sort(self.data.input_second_moment)
        groups = np.array_split(ordered, min(len(ordered), _GROUPS))
        return np.array([group.mean() for group in groups])

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return self.theory.depth

    @cached_property
    def surviving(self) -> list[int]:
        """The seeds that did not diverge."""
        return [r["seed"] for r in self.replicas if r["status"] != "diverged"]

    @cached_property
    def start(self) -> RecordedStep:
        """The first step of all seeds."""
        return RecordedStep(self.layers.filter(pl.col("step") == 0))

    @cached_property
    def end(self) -> RecordedStep:
        """The last recorded step of the seeds that did not diverge."""
        rows = self.layers.filter(pl.col("seed").is_in(self.surviving))
        return RecordedStep(rows.filter(pl.col("step") == pl.col("step").max().over("seed")))

    @cached_property
    def _lengths(self) -> pl.DataFrame:
        """The layers table with the ``length`` of updates."""
        return update_lengths(self.layers, self.start.rows, ["seed", "layer"])

    @cached_property
    def updates(self) -> pl.DataFrame:
        """Mean ``length`` of updates by layer and step, over the seeds that did not diverge."""
        rows = self._lengths.filter(pl.col("seed").is_in(self.surviving))
        means = rows.group_by("layer", "step").agg(pl.col("length").mean())
        return means.sort("step", "layer")

    @cached_property
    def mean_update(self) -> float:
        """The largest mean length of a layer's updates; NaN if it is not known."""
        return mean_update(self.updates)

    @property
    def first_length(self) -> float:
        """The largest mean length of a layer's first update; 0 if it is not known."""
        first = self.updates.filter(pl.col("step") == 0)["length"]
        return float(first.to_numpy().max(initial=0.0))

    @cached_property
    def first_update(self) -> float:
        """The length of the longest first update of any seed; NaN if it is not known."""
        first = self._lengths.filter(pl.col("step") == 0)
        return float(first["length"].to_numpy().max(initial=0.0)) or math.nan

    @cached_property
    def fit(self) -> Fit:
        """Losses and metrics of the seeds that did not diverge."""
        rows = self.metrics.filter(pl.col("seed").is_in(self.surviving))
        return Fit(rows, self.constants, self.data)

    @cached_property
    def explained(self) -> Array:
        """The explained share of the training target, for each seed that did not diverge.

        With dropout, which adds noise during training, it is that of the validation part if that
        is larger. NaN if it is not known.
        """
        shares = self.fit.explained("train")
        if self.theory.dropout and len(own := self.fit.explained("validation")) == len(shares):
            shares = np.fmax(shares, own)
        return shares

    @cached_property
    def median_explained(self) -> float:
        """The median of ``explained`` over seeds."""
        return median(self.explained)

    @property
    def median_loss_fall(self) -> float:
        """The fall of the loss below the best constant's, relative to it; median over seeds.

        With dropout it is that of the validation part if that is larger. NaN if it is not known.
        """
        gone = median(self.fit.learnt("train"))
        return max(gone, median(self.fit.learnt("validation"))) if self.theory.dropout else gone

    @property
    def mostly_diverged(self) -> bool:
        """Whether most seeds diverged, and not only on rows outside the training part."""
        n_left = len(self.surviving)
        return n_left < (1 - MAJORITY) * len(self.replicas) and not self.overflows_elsewhere

    @property
    def overflows_elsewhere(self) -> bool:
        """Whether all diverged seeds have a normal loss on training rows."""
        lost, losses = [r["status"] == "diverged" for r in self.replicas], self.data.final_losses
        if losses is None or not any(lost):
            return False
        return bool((losses[lost] <= ORDER_OF_MAGNITUDE * self.constants.loss).all())

    @property
    def counts(self) -> dict[str, int]:
        """Number of replicas, ``n_seeds``, and number of folds if there are several."""
        n_folds = len({r.get("fold", 0) for r in self.replicas})
        return {"n_seeds": len(self.replicas)} | ({"n_folds": n_folds} if n_folds > 1 else {})

    @property
    def fails(self) -> bool:
        """Whether most seeds diverged, or the others explain little."""
        return self.mostly_diverged or self.explains_little

    @property
    def explains_little(self) -> bool:
        """Whether after enough steps most of the target is unexplained, or the loss has not fallen.

        The second is checked because outputs near a constant may still classify well.
        """
        little = self.median_explained < MAJORITY or not self.has_learnt
        return self.n_steps >= FEWEST_STEPS and little

    @property
    def has_learnt(self) -> bool:
        """Whether the loss has fallen by more than a negligible share, or it is not known."""
        return not median(self.fit.learnt("train")) <= NEGLIGIBLE

    @cached_property
    def losses(self) -> Array:
        """Training loss after each epoch, the mean over the seeds that did not diverge."""
        return self.fit.losses("train")

    def for_seeds(self, seeds: Collection[int]) -> "Evidence":
        """The evidence of some seeds of the run."""
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
