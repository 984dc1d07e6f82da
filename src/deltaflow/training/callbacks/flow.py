"""Records the gradient flow at steps 0, n, 2n, … and at the last step."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from deltaflow.flow import dead_units, kernels, measurement
from deltaflow.flow.measurement import Quantities, joined_quantities
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.network import FullyConnected
from deltaflow.training.callbacks.cadence import Cadence
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import log_layer_charts


class FlowRecorder(pl.Callback):
    """Measures single training steps and writes the layers table of each run.

    It does not change the training: it reads the step's own forward and backward pass, and the
    pass over the probe set draws no random numbers. Measured steps are held as arrays, and are
    converted to rows when a table is due to be written.

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
        self._flat: list[list[tuple[slice, FullyConnected]]] = []  # for each part of the stack
        self._tapes: list[Tape] = []  # one for each part
        self._weights: list[Tensor] = []
        self._quantities: Quantities = {}  # of the current step, or of the one held back
        self._held_back: int | None = None
        self._unwritten: list[list[MeasuredStep]] = [[] for _ in destinations]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Find out the last step of a training that is not stopped early."""
        self.cadence.start(trainer)
        self._flat = [dead_units.with_flat_parts(part.network) for part in pl_module.parts]

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Add the held-back step for replicas that ended with the previous epoch."""
        self._add_held_back(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Start recording the passes, if this step is due or may turn out to be the last."""
        if self.cadence.may_be_due(trainer, batch_idx):
            self._quantities = {}
            pl_module.layerwise.needs_gradients = True
            self._tapes = [
                Tape(part.network, part.backpropagation).__enter__() for part in pl_module.parts
            ]

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """Measure the gradients before they are clipped, and copy the weights.

        An optimizer may evaluate the loss several times a step; the first evaluation counts,
        because the weights have not moved yet.
        """
        if not self._tapes or self._quantities:
            return
        number = {part.replicas.start: index for index, part in enumerate(pl_module.parts)}
        probe = trainer.datamodule.probe(self.probe_rows)

        def measured(part: Any) -> Quantities:
            index = number[part.replicas.start]
            tape = self._tapes[index]
            tape.__exit__(None, None, None)
            found = measurement.measure(part.network, tape, self.effective_rank)
            dead = dead_units.dead_fractions(part.network, probe[part.replicas], self._flat[index])
            return found | {"dead_fraction": dead}

        self._quantities = joined_quantities(pl_module.workers.each(pl_module.parts, measured))
        if trainer.global_step == 0:
            tape = Tape.joined(self._tapes)
            rows = trainer.datamodule.probe(tape.layers[0].fed.shape[1])[0]
            self._quantities |= self._predicted(tape, rows)
        self._weights = [linear.weight.detach().clone() for linear in pl_module.network.layers]

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Measure the update, and add the step or hold it back."""
        if not self._tapes:
            return
        self._tapes = []

        def measured(part: Any) -> Quantities:
            pairs = zip(self._weights, part.network.layers, strict=True)
            ratios = [
                kernels.update_ratio(before[part.replicas], after.weight.detach())
                for before, after in pairs
            ]
            return {"update_ratio": list(ratios)}

        self._quantities |= joined_quantities(pl_module.workers.each(pl_module.parts, measured))
        self._weights = []
        step = trainer.global_step - 1
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
        for tape in self._tapes:
            tape.__exit__(None, None, None)
        self.write(pl_module)

    def _predicted(self, tape: Tape, rows: Tensor) -> Quantities:
        """The quantities of step 0 as theory predicts them; none if a run has no theory."""
        found = []
        for run in self.destinations:
            if run.theory is None:
                return {}
            quantities = {
                name: [None if value is None else value[run.replicas] for value in values]
                for name, values in self._quantities.items()
            }
            found.append(run.theory.predict_step(tape.of(run.replicas), quantities, rows))
        return {
            name: [
                None if layer[0] is None else torch.cat(layer)
                for layer in zip(*(one[name] for one in found), strict=True)
            ]
            for name in found[0]
        }

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
        measured = MeasuredStep.of(self._quantities, step, not_diverged, has_rows)
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
