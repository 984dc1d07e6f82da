"""What a training is judged by besides its tables, as far as the measured steps tell."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deltaflow.theory import Array
from deltaflow.watching.judgement.evidence import Evidence
from deltaflow.watching.measuring.layers import WatchedLayer
from deltaflow.watching.measuring.loss_graph import LossFacts
from deltaflow.watching.measuring.reductions import share
from deltaflow.watching.measuring.tape import StepTape

_ENOUGH_ROWS = 256  # of the batches on which a unit must be off to count as dead
_STALE = 1e-3  # share of a gradient that may have been there before


class Observations:
    """What is noted of one measured step after the other.

    Attributes:
        loss: what is known of the loss.
    """

    def __init__(self) -> None:
        self.loss = LossFacts()
        self._responses: list[float] = []
        # by layer: rows of the batches seen one after the other, and of the last, on which each
        # unit was off
        self._rows_off: dict[WatchedLayer, tuple[int, Tensor]] = {}
        self._activations: list[tuple[str, bool]] = []
        self._copies: dict[int, int] = {}
        self._without_gradient: tuple[int, ...] = ()
        self._accumulated: int | None = None

    def evidence(
        self, table: pl.DataFrame, layers: Sequence[WatchedLayer], losses: Array
    ) -> Evidence:
        """What the training is judged by."""
        common = max(set(self._activations), key=self._activations.count, default=None)
        return Evidence(
            layers=table,
            names=tuple(layer.name for layer in layers),
            losses=losses,
            responses=np.array(self._responses),
            activation=common,
            copies=self._copies,
            without_gradient=self._without_gradient,
            accumulated=self._accumulated,
            doubled=self.loss.doubled,
            uninformed=self.loss.uninformed(layers[-1].fan_out) if layers else math.nan,
        )

    def note(self, tape: StepTape, layers: Sequence[WatchedLayer], number: int) -> None:
        """Note a measured step, and give its layers the share of dead units.

        Args:
            tape: of the step.
            layers: of the first measured step, the last of which gives the outputs.
            number: of the step.
        """
        last = tape.steps[layers[-1]].call if layers[-1] in tape.steps else None
        if last is not None and last.response is not None:
            self._responses.append(float(last.response))
        for layer, dead in self._dead(tape).items():
            tape.numbers[layer]["dead_fraction"] = dead
        if self._accumulated is None and number and self._is_stale(tape):
            self._accumulated = number

    def note_start(self, tape: StepTape) -> None:
        """What is to be known of the first measured step alone."""
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
        """Whether the gradients are more than those of this step's backward pass."""
        return any(
            step.n_backward == 1
            and float(step.earlier) > _STALE * tape.numbers[layer].get("weight_grad_norm", math.inf)
            for layer, step in tape.steps.items()
        )

    def _dead(self, tape: StepTape) -> dict[WatchedLayer, float]:
        """Share of units that were off in the last measured batches, once they are enough."""
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
