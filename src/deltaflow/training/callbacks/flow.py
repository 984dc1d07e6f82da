"""Records the gradient flow at steps 0, n, 2n, … and the last."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from deltaflow.flow import dead_units, kernels, measurement
from deltaflow.flow.measurement import Quantities, joined
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.network import FullyConnected
from deltaflow.training.callbacks.cadence import Cadence
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import log_layer_charts


class FlowRecorder(pl.Callback):
    """Measures single training steps and writes the layers table of each run.

    Training goes on as it would without: the recorder listens to the step's own forward and
    backward pass, and the pass over the probe set draws no random number. Steps are kept as
    arrays, and become rows when a table is due to be written.

    Args:
        destinations: the runs of the stack.
        every_n_steps: n.
        probe_rows: training rows, at most, on which a unit must be off to count as dead.
        effective_rank: measure it too.
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
        self._flat: list[list[tuple[slice, FullyConnected]]] = []  # of each part of the stack
        self._tapes: list[Tape] = []  # one for each part
        self._weights: list[Tensor] = []
        self._quantities: Quantities = {}  # of the step under way, or held back
        self._held_back: int | None = None
        self._kept: list[list[MeasuredStep]] = [[] for _ in destinations]  # and not yet written

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Learn which step will be the last, if nothing stops the training before."""
        self.cadence.start(trainer)
        self._flat = [dead_units.with_flat_parts(part.network) for part in pl_module.parts]

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep the last step of replicas that ended with the epoch before."""
        self._keep_last_of_ended(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin to listen, if this step is due or may turn out to be the last."""
        if self.cadence.may_be_due(trainer, batch_idx):
            self._quantities = {}
            self._tapes = [
                Tape(part.network, part.backpropagation).__enter__() for part in pl_module.parts
            ]

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """Measure gradients before anything clips them, and keep the weights for comparison.

        An optimizer may evaluate a step several times; the first is before it moves.
        """
        if not self._tapes or self._quantities:
            return
        number = {part.own.start: index for index, part in enumerate(pl_module.parts)}
        probe = trainer.datamodule.probe(self.probe_rows)

        def measured(part: Any) -> Quantities:
            index = number[part.own.start]
            tape = self._tapes[index]
            tape.__exit__(None, None, None)
            found = measurement.measure(part.network, tape, self.effective_rank)
            dead = dead_units.dead_fractions(part.network, probe[part.own], self._flat[index])
            return found | {"dead_fraction": dead}

        self._quantities = joined(pl_module.workers.each(pl_module.parts, measured))
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
        """Measure the update that was taken; keep the step, or hold it back."""
        if not self._tapes:
            return
        self._tapes = []

        def measured(part: Any) -> Quantities:
            pairs = zip(self._weights, part.network.layers, strict=True)
            ratios = [
                kernels.update_ratio(was[part.own], now.weight.detach()) for was, now in pairs
            ]
            return {"update_ratio": list(ratios)}

        self._quantities |= joined(pl_module.workers.each(pl_module.parts, measured))
        self._weights = []
        step = trainer.global_step - 1
        if self.cadence.is_due(step):
            self._keep(trainer, pl_module, step)
        else:
            self._held_back = step

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the last step, whatever made it the last, and all that is not yet written."""
        self._keep_last_of_ended(trainer, pl_module, others=True)
        self.write(pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Let go of the network, so that it can be used on, and write what was measured."""
        for tape in self._tapes:
            tape.__exit__(None, None, None)
        self.write(pl_module)

    def _predicted(self, tape: Tape, rows: Tensor) -> Quantities:
        """What theory says of step 0, run by run; nothing of networks that it does not know."""
        found = []
        for run in self.destinations:
            if run.theory is None:
                return {}
            own = {
                name: [None if value is None else value[run.replicas] for value in values]
                for name, values in self._quantities.items()
            }
            found.append(run.theory.predict_step(tape.of(run.replicas), own, rows))
        return {
            name: [
                None if layer[0] is None else torch.cat(layer)
                for layer in zip(*(one[name] for one in found), strict=True)
            ]
            for name in found[0]
        }

    def _keep_last_of_ended(self, trainer: Any, pl_module: Any, others: bool = False) -> None:
        """Keep a step that was held back, for replicas that ended with it, or all still going."""
        step, self._held_back = self._held_back, None
        if step is not None:
            ended_at = pl_module.ended_at
            its = ended_at == step + 1
            self._keep(trainer, pl_module, step, its | (ended_at < 0) if others else its)

    def _keep(self, trainer: Any, pl_module: Any, step: int, its: Tensor | None = None) -> None:
        kept_of = (~pl_module.ended if its is None else its).cpu().numpy()
        if not kept_of.any():
            return
        going = ~pl_module.diverged.cpu().numpy()
        measured = MeasuredStep.of(self._quantities, step, going, kept_of)
        for run, kept in zip(self.destinations, self._kept, strict=True):
            if kept_of[run.replicas].any():
                kept.append(measured)
                loggers = [*trainer.loggers, *run.loggers]
                log_layer_charts(loggers, measured, run.replicas, run.traits)
        if any(run.layers.is_due for run in self.destinations):
            self.write(pl_module)

    def write(self, pl_module: Any) -> None:
        """Hand on all that is kept to the tables."""
        fans = [(layer.fan_in, layer.fan_out) for layer in pl_module.network.layers]
        for run, kept in zip(self.destinations, self._kept, strict=True):
            if kept:
                rows = layer_rows(kept, fans, run.seeds, run.replicas, run.traits, run.folds)
                run.layers.append(rows)
                kept.clear()
