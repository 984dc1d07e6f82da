"""Histograms of weights and weight gradients by layer, for TensorBoard."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from deltaflow.nn.network import FullyConnected
from deltaflow.training.callbacks.cadence import Cadence
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import layer_tag, tensorboards
from deltaflow.training.loggers import write
from deltaflow.training.workers import Workers

N_BINS = 64
_LARGEST = torch.finfo(torch.float32).max  # for larger values, max − min may overflow


class HistogramRecorder(pl.Callback):
    """Writes histograms of single training steps.

    ``weight/layer_<l>`` holds the weights before the step; ``weight_grad/layer_<l>`` holds the
    gradient of the batch before clipping, in loss per unit of weight. They are the entries whose
    RMS is ``weight_rms`` and ``weight_grad_rms`` in the layers table. Replicas that have diverged
    or stopped are left out.

    Args:
        destinations: the runs of the stack.
        every_n_steps: steps 0, n, 2n, … and the last are written.
        may_end_early: whether something may stop the training after any epoch.
    """

    def __init__(
        self, destinations: Sequence[Destination], every_n_steps: int, may_end_early: bool = False
    ) -> None:
        self.destinations = destinations
        self.cadence = Cadence(every_n_steps, may_end_early)
        self._awaiting = False
        self._held_back: tuple[list[Any], int] | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Find out the last step of a training that is not stopped early."""
        self.cadence.start(trainer)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note whether the gradient of this step is needed."""
        self._held_back = None
        self._awaiting = self.cadence.may_be_due(trainer, batch_idx)
        pl_module.layerwise.needs_gradients |= self._awaiting

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """Build the histograms before the gradient is clipped and the weights are updated.

        An optimizer may evaluate the loss several times a step; the first evaluation counts,
        because the weights have not moved yet.
        """
        if not self._awaiting:
            return
        self._awaiting = False
        of_parts = [
            [linear.weight.grad for linear in part.network.layers] for part in pl_module.parts
        ]
        gradients = list(zip(*of_parts, strict=True))
        summaries = []
        for run in self.destinations:
            active = torch.zeros_like(pl_module.diverged)
            active[run.replicas] = ~(pl_module.diverged | pl_module.ended)[run.replicas]
            ended = bool(pl_module.ended[run.replicas].all())
            summaries.append(
                None
                if ended
                else layer_histograms(pl_module.network, gradients, active, pl_module.workers)
            )
        if self.cadence.is_due(trainer.global_step):
            self._write(trainer, summaries, trainer.global_step)
        else:
            self._held_back = (summaries, trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the step that was held back, which is the last."""
        if self._held_back is not None:
            self._write(trainer, *self._held_back)

    def _write(self, trainer: Any, summaries: Sequence[Any], step: int) -> None:
        for run, summary in zip(self.destinations, summaries, strict=True):
            if summary is not None:
                for board in tensorboards([*trainer.loggers, *run.loggers]):
                    write(board, summary, step)


def layer_histograms(
    network: FullyConnected,
    gradients: Sequence[Sequence[Tensor | None]],
    active: Tensor,
    workers: Workers,
) -> Any:
    """Histograms of the weights and weight gradients of each layer, with bins of equal width.

    Args:
        network: the network before its update.
        gradients: for each layer, those of the parts of the stack, ``[r, fan_out, fan_in]``;
            ``None`` where there is no gradient.
        active: ``[R]``, bool: the replicas that are counted.
        workers: count several layers at the same time.

    Returns:
        TensorBoard's ``Summary``; a layer without a finite entry has no histogram.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    def counted(tag: str, parts: Sequence[Tensor]) -> Any:
        found = _selected(parts, active)
        finite = _finite(found[0] if len(found) == 1 else torch.cat(found))
        return [Summary.Value(tag=tag, histo=_histogram(finite))] if len(finite) else []

    tagged = [
        (layer_tag(name, layer), [part.detach() for part in parts if part is not None])
        for layer, (linear, gradient) in enumerate(zip(network.layers, gradients, strict=True), 1)
        for name, parts in (("weight", [linear.weight]), ("weight_grad", gradient))
        if parts[0] is not None
    ]
    values = workers.each(tagged, lambda one: counted(*one))
    return Summary(value=chain.from_iterable(values))


def _selected(parts: Sequence[Tensor], active: Tensor) -> list[Tensor]:
    """The active replicas of each part, without a copy of a part of which all are active."""
    masks = active.split([len(part) for part in parts])
    return [part if mask.all() else part[mask] for part, mask in zip(parts, masks, strict=True)]


def _finite(entries: Tensor) -> Tensor:
    """The entries of which max − min cannot overflow, ``[n]``, in double precision."""
    flat = entries.flatten().cpu().double()
    if flat.numel():
        low, high = flat.aminmax()  # NaN if an entry is NaN
        if not (low >= -_LARGEST and high <= _LARGEST):
            return flat[flat.abs() <= _LARGEST]
    return flat


def _histogram(values: Tensor) -> Any:
    """TensorBoard's ``HistogramProto``, with bins from the smallest value to the largest."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    low, high = (float(value) for value in values.aminmax())
    margin = 0.5 if low == high else 0.0
    edges = torch.from_numpy(np.linspace(low - margin, high + margin, N_BINS + 1))
    if (edges.diff() > 0).all():
        counts, _ = torch.histogram(values, N_BINS, range=(low - margin, high + margin))
    else:  # the values are so close that some edges are equal
        counts = torch.from_numpy(np.histogram(values, edges)[0])
    return HistogramProto(
        min=low,
        max=high,
        num=len(values),
        sum=float(values.sum()),
        sum_squares=float(values.dot(values)),
        bucket_limit=edges.tolist(),
        bucket=[0.0, *counts.tolist()],  # nothing is below the first edge
    )
