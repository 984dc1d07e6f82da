"""Records the gradient flow at steps 0, n, 2n, … and at the last step."""

from collections.abc import Sequence
from typing import Any, cast

import lightning.pytorch as pl
from torch import Tensor

from deltaflow.flow import dead_units, kernels, measurement
from deltaflow.flow.measurement import Quantities, joined_quantities, quantities_of
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.network import FullyConnected
from deltaflow.training.callbacks.cadence import Cadence
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import log_layer_charts
from deltaflow.training.parts import Part


class FlowRecorder(pl.Callback):
    """Measures single training steps and writes the layers table of each run.

    It does not change the training: it reads the step's own forward and backward pass, and the
    pass over the probe set draws no random numbers. The module calls ``after_backward`` and
    ``after_update`` for each part of the stack, in the thread that computes the part. Measured
    steps are held as arrays, and are converted to rows when a table is due to be written.

    Args:
        destinations: the runs of the stack.
        every_n_steps: steps 0, n, 2n, … and the last are measured.
        probe_rows: largest number of training rows in the probe set, on which dead units are found.
        effective_rank: whether the effective rank of each layer's activations is measured.
        may_end_early: whether something may stop the training after any epoch.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        every_n_steps: int,
        probe_rows: int,
        effective_rank: bool = False,
        may_end_early: bool = False,
    ) -> None:
        self.destinations = destinations
        self.probe_rows = probe_rows
        self.effective_rank = effective_rank
        self.cadence = Cadence(every_n_steps, may_end_early)
        self._probe: Tensor
        # Of each part, by its first replica
        self._flat: dict[int, list[tuple[slice, FullyConnected]]] = {}
        self._tapes: dict[int, Tape] = {}
        self._weights: dict[int, list[Tensor]] = {}
        self._quantities: dict[int, Quantities] = {}  # of this step, or of the one held back
        self._held_back: int | None = None
        self._unwritten: list[list[MeasuredStep]] = [[] for _ in destinations]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Find out the last step of a training that is not stopped early."""
        self.cadence.start(trainer)
        self._flat = {
            part.replicas.start: dead_units.with_flat_parts(part.network)
            for part in pl_module.parts
        }

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Add the held-back step for replicas that ended with the previous epoch."""
        self._add_held_back(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Start recording the passes, if this step is due or may turn out to be the last."""
        if self.cadence.may_be_due(trainer, batch_idx):
            self._quantities, self._weights = {}, {}
            self._probe = trainer.datamodule.probe(self.probe_rows)
            self._tapes = {
                part.replicas.start: Tape(part.network, part.backpropagation).__enter__()
                for part in pl_module.parts
            }
            pl_module.observer = self

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """Measure the gradients, unless the parts have computed them."""
        if self._tapes and not pl_module.parts_compute_gradients:
            pl_module.workers.each(pl_module.parts, self.after_backward)

    def after_backward(self, part: Part) -> None:
        """Measure the gradients of a part before they are clipped, and copy the weights.

        An optimizer may evaluate the loss several times a step; the first evaluation counts,
        because the weights have not moved yet.
        """
        first = part.replicas.start
        if first in self._quantities:
            return
        tape = self._tapes[first]
        tape.__exit__(None, None, None)
        found = measurement.measure(part.network, tape, self.effective_rank)
        found["dead_fraction"] = dead_units.dead_fractions(
            part.network, self._probe[part.replicas], self._flat[first]
        )
        self._weights[first] = [layer.weight.detach().clone() for layer in part.network.layers]
        self._quantities[first] = found

    def after_update(self, part: Part) -> None:
        """Measure how far the step has moved the weights of a part."""
        first = part.replicas.start
        found = self._quantities[first]
        layers = zip(
            self._weights.pop(first), part.network.layers, found["weight_rms"], strict=True
        )
        found["update_ratio"] = [
            kernels.update_ratio(before.sub_(after.weight.detach()), cast(Tensor, rms))
            for before, after, rms in layers
        ]

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Add the step, or hold it back."""
        if not self._tapes:
            return
        pl_module.observer = None
        if not pl_module.layerwise.is_used:
            pl_module.workers.each(pl_module.parts, self.after_update)
        self._tapes = {}
        step = trainer.global_step - 1
        if step == 0:
            self._predict(trainer, pl_module, batch[0])
        if self.cadence.is_due(step):
            self._add_step(trainer, pl_module, step)
        else:
            self._held_back = step

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Add the last step, and write all steps that are not yet written."""
        self._add_held_back(trainer, pl_module, others=True)
        self.write(pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Remove the hooks from the network, and write the measured steps."""
        pl_module.observer = None
        for tape in self._tapes.values():
            tape.__exit__(None, None, None)
        self.write(pl_module)

    def _predict(self, trainer: Any, pl_module: Any, inputs: Tensor) -> None:
        """Add the quantities of step 0 as theory predicts them, unless a run has no theory.

        Args:
            trainer: the Trainer.
            pl_module: the stack.
            inputs: the inputs of the batch, ``[R, B, n_features]``.
        """
        rows = trainer.datamodule.probe(inputs.shape[1])[0]
        measured = joined_quantities([self._quantities[p.replicas.start] for p in pl_module.parts])
        found = []
        for run in self.destinations:
            if run.theory is None:
                return
            own = quantities_of(measured, run.replicas)
            found.append(run.theory.predict_step(inputs[run.replicas], own, rows))
        predicted = joined_quantities(found)
        for part in pl_module.parts:
            self._quantities[part.replicas.start] |= quantities_of(predicted, part.replicas)

    def _add_held_back(self, trainer: Any, pl_module: Any, others: bool = False) -> None:
        """Add the step that was held back, for replicas that ended with it.

        Args:
            trainer: the Trainer.
            pl_module: the stack.
            others: whether it is added for replicas that have not ended, too.
        """
        step, self._held_back = self._held_back, None
        if step is not None:
            ended_at = pl_module.ended_at
            selected = ended_at == step + 1
            selected = selected | (ended_at < 0) if others else selected
            self._add_step(trainer, pl_module, step, selected)

    def _add_step(
        self, trainer: Any, pl_module: Any, step: int, selected: Tensor | None = None
    ) -> None:
        has_rows = (~pl_module.ended if selected is None else selected).cpu().numpy()
        if not has_rows.any():
            return
        not_diverged = ~pl_module.diverged.cpu().numpy()
        parts = [self._quantities[part.replicas.start] for part in pl_module.parts]
        measured = MeasuredStep.of(parts, step, not_diverged, has_rows)
        for run, steps in zip(self.destinations, self._unwritten, strict=True):
            if has_rows[run.replicas].any():
                steps.append(measured)
                loggers = [*trainer.loggers, *run.loggers]
                log_layer_charts(loggers, measured, run.replicas, run.traits)
        if any(run.layers.is_due for run in self.destinations):
            self.write(pl_module)

    def write(self, pl_module: Any) -> None:
        """Append the measured steps to the tables."""
        fans = [(layer.fan_in, layer.fan_out) for layer in pl_module.network.layers]
        for run, steps in zip(self.destinations, self._unwritten, strict=True):
            if steps:
                rows = layer_rows(steps, fans, run.seeds, run.replicas, run.traits, run.folds)
                run.layers.append(rows)
                steps.clear()
