"""Records the gradient flow at steps 0, n, 2n, … and the last."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import polars
import torch
from torch import Tensor

from deltaflow.flow import kernels, measurement
from deltaflow.flow.measurement import Quantities, Tape
from deltaflow.nn.network import FullyConnected
from deltaflow.records import LAYERS, TableWriter
from deltaflow.theory.network import Theory
from deltaflow.training.callbacks.cadence import Cadence
from deltaflow.training.callbacks.tensorboard import log_layer_charts


class FlowRecorder(pl.Callback):
    """Measures single training steps and writes the layers table.

    Training goes on as it would without: the recorder listens to the step's own forward and
    backward pass, and the pass over the probe set draws no random number.

    Args:
        table: where rows go.
        seeds: of the replicas.
        every_n_steps: n.
        probe_rows: training rows, at most, on which a unit must be off to count as dead.
        effective_rank: measure it too.
        theory: what to predict of step 0, if anything.
        may_end_early: whether something may stop the training after any epoch.
    """

    def __init__(
        self,
        table: TableWriter,
        seeds: Sequence[int],
        every_n_steps: int,
        probe_rows: int,
        effective_rank: bool = False,
        theory: Theory | None = None,
        may_end_early: bool = False,
    ) -> None:
        self.table = table
        self.seeds = seeds
        self.probe_rows = probe_rows
        self.effective_rank = effective_rank
        self.theory = theory
        self.cadence = Cadence(every_n_steps, may_end_early)
        self._tape: Tape | None = None
        self._weights: list[Tensor] = []
        self._quantities: Quantities = {}  # of the step under way, or held back
        self._held_back: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Learn which step will be the last, if nothing stops the training before."""
        self.cadence.start(trainer)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin to listen, if this step is due or may turn out to be the last."""
        self._held_back = None
        if self.cadence.may_be_due(trainer, batch_idx):
            self._quantities = {}
            self._tape = Tape(pl_module.network).__enter__()

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """Measure gradients before anything clips them, and keep the weights for comparison.

        An optimizer may evaluate a step several times; the first is before it moves.
        """
        if self._tape is None or self._quantities:
            return
        self._tape.__exit__(None, None, None)
        network: FullyConnected = pl_module.network
        self._quantities = measurement.measure(network, self._tape, self.effective_rank)
        if self.theory is not None and trainer.global_step == 0:
            self._quantities |= self.theory.predict_step(self._tape, self._quantities)
        probe = trainer.datamodule.probe(self.probe_rows)
        self._quantities["dead_fraction"] = measurement.dead_fractions(network, probe)
        self._weights = [linear.weight.detach().clone() for linear in network.layers]

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Measure the update that was taken; write the step's rows, or hold them back."""
        if self._tape is None:
            return
        self._tape = None
        network: FullyConnected = pl_module.network
        self._quantities["update_ratio"] = [
            kernels.update_ratio(measurement.exact(before), measurement.exact(linear.weight))
            for before, linear in zip(self._weights, network.layers, strict=True)
        ]
        step = trainer.global_step - 1
        if self.cadence.is_due(step):
            self._write(trainer, pl_module, step)
        else:
            self._held_back = step

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the last step, whatever made it the last."""
        if self._held_back is not None:
            self._write(trainer, pl_module, self._held_back)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Let go of the network, so that it can be used on."""
        if self._tape is not None:
            self._tape.__exit__(None, None, None)

    def _write(self, trainer: Any, pl_module: Any, step: int) -> None:
        frame = layer_rows(self._quantities, pl_module.network, self.seeds, step)
        self.table.append(frame)
        going = [
            s for s, out in zip(self.seeds, pl_module.diverged.tolist(), strict=True) if not out
        ]
        log_layer_charts(trainer.loggers, frame.filter(polars.col("seed").is_in(going)), step)


def layer_rows(
    quantities: Quantities, network: FullyConnected, seeds: Sequence[int], step: int
) -> polars.DataFrame:
    """The rows of one measured step: a row per replica and layer.

    Args:
        quantities: per column, a value ``[R]`` for each layer or ``None``.
        network: that was measured.
        seeds: of its replicas.
        step: its number.

    Returns:
        Rows of the layers table: null where a quantity does not apply, NaN where it is not
        finite.
    """
    depth, n_replicas = len(network.layers), len(seeds)
    names = [name for name, values in quantities.items() if any(v is not None for v in values)]
    empty = torch.full_like(
        next(v for values in quantities.values() for v in values if v is not None), torch.nan
    )
    stacked = torch.stack(
        [torch.stack([empty if v is None else v for v in quantities[name]]) for name in names]
    )  # [columns, L, R] in one piece, so that an accelerator is waited for only once
    values = stacked.cpu().numpy().transpose(0, 2, 1)
    values = np.where(np.isfinite(values), values, np.nan)

    def series(index: int, name: str) -> polars.Series:
        column = polars.Series(name, values[index].ravel())
        missing = np.array([value is None for value in quantities[name]])
        if not missing.any():
            return column
        return column.set(polars.Series(np.tile(missing, n_replicas)), None)

    index = {
        "seed": np.repeat(np.array(seeds, dtype=np.int64), depth),
        "step": np.full(depth * n_replicas, step, dtype=np.int64),
        "layer": np.tile(np.arange(1, depth + 1), n_replicas),
        "fan_in": np.tile(np.array(network.sizes[:-1]), n_replicas),
        "fan_out": np.tile(np.array(network.sizes[1:]), n_replicas),
    }
    columns = {name: series(i, name) for i, name in enumerate(names)}
    if "grad_signal" in columns:
        columns["noise_scale"] = noise_scale(columns["grad_noise_trace"], columns["grad_signal"])
    return LAYERS.frame({**index, **columns})


def noise_scale(trace: polars.Series, signal: polars.Series) -> polars.Series:
    """trΣ / |G|², the batch size from which a larger one helps little (arXiv:1812.06162).

    Args:
        trace: trΣ.
        signal: unbiased |G|².

    Returns:
        Samples; null where |G|² ≤ 0 and the noise hides the gradient.
    """
    scale = trace / signal
    return scale.set((signal <= 0).fill_null(True), None).alias("noise_scale")
