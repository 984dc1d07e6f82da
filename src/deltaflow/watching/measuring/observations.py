"""Collects the facts for verdicts that the tables do not hold, over the measured steps."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deltaflow.theory import Array
from deltaflow.watching.measuring.loss_graph import LossFacts
from deltaflow.watching.measuring.reductions import share
from deltaflow.watching.measuring.tape import StepTape
from deltaflow.watching.measuring.watched_layers import WatchedLayer
from deltaflow.watching.verdicts.evidence import WatchedEvidence

_ENOUGH_ROWS = 256  # rows on which a unit must be off to count as dead
_STALE = 1e-3  # largest share of a gradient that may be left from earlier steps


class Observations:
    """The facts from the measured steps so far.

    Attributes:
        loss: what is known about the loss.
    """

    def __init__(self) -> None:
        self.loss = LossFacts()
        self._responses: list[float] = []
        # by layer: number of rows so far, and for each unit the number of latest rows without
        # interruption on which it was off
        self._rows_off: dict[WatchedLayer, tuple[int, Tensor]] = {}
        self._activations: list[tuple[str, bool]] = []
        self._copies: dict[int, int] = {}
        self._without_gradient: tuple[int, ...] = ()
        self._accumulated: int | None = None

    def evidence(
        self, table: pl.DataFrame, layers: Sequence[WatchedLayer], losses: Array
    ) -> WatchedEvidence:
        """The evidence for verdicts.

        Args:
            table: the layers table.
            layers: the layers, in the order of the table.
            losses: the losses of all steps.
        """
        common = max(set(self._activations), key=self._activations.count, default=None)
        return WatchedEvidence(
            layers=table,
            names=tuple(layer.name for layer in layers),
            losses=losses,
            responses=np.array(self._responses),
            activation=common,
            copies=self._copies,
            without_gradient=self._without_gradient,
            accumulated=self._accumulated,
            doubled=self.loss.doubled,
            zero_output_loss=self.loss.zero_output_loss(layers[-1].fan_out) if layers else math.nan,
        )

    def add_step(self, tape: StepTape, layers: Sequence[WatchedLayer], number: int) -> None:
        """Add a measured step, and write the share of dead units into its columns.

        Args:
            tape: the measurements of the step.
            layers: the layers of the first measured step; the last gives the outputs.
            number: number of the step.
        """
        last = tape.steps[layers[-1]].call if layers[-1] in tape.steps else None
        if last is not None and last.response is not None:
            self._responses.append(float(last.response))
        for layer, dead in self._dead(tape).items():
            tape.numbers[layer]["dead_fraction"] = dead
        if self._accumulated is None and number and self._is_stale(tape):
            self._accumulated = number

    def add_first_step(self, tape: StepTape) -> None:
        """Add the facts that only the first measured step has."""
        self._activations = [*tape.activations]
        got = {layer for layer, step in tape.steps.items() if step.n_backward}
        for number, layer in enumerate(tape.steps, start=1):
            step = tape.steps[layer]
            weight = layer.weight
            if got and weight.requires_grad and weight.is_leaf and layer not in got:
                self._without_gradient += (number,)
            rows = layer.units(step.before)
            if step.gradient is not None and len(rows) > 1:
                distinct = len(torch.cat([rows, step.gradient], dim=1).unique(dim=0))
                if 2 * distinct <= len(rows):
                    self._copies[number] = distinct

    def _is_stale(self, tape: StepTape) -> bool:
        """Whether the gradients include those of an earlier step."""
        return any(
            step.n_backward == 1
            and float(step.earlier) > _STALE * tape.numbers[layer].get("weight_grad_norm", math.inf)
            for layer, step in tape.steps.items()
        )

    def _dead(self, tape: StepTape) -> dict[WatchedLayer, float]:
        """Share of units that were off on the latest rows, for layers with enough rows."""
        before, self._rows_off, shares = self._rows_off, {}, {}
        for layer, step in tape.steps.items():
            if step.call is None or step.call.off is None:
                continue
            off, n = step.call.off, step.call.n_samples
            n_rows, rows_off = before.get(layer, (0, 0))
            self._rows_off[layer] = n_rows + n, (rows_off + n) * off
            if n_rows + n >= _ENOUGH_ROWS:
                shares[layer] = float(share(self._rows_off[layer][1] >= _ENOUGH_ROWS))
        return shares
