"""The LightningModule of a stacked network, its objective and its optimizer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.nn.network import FullyConnected, has_hooks
from deltaflow.nn.objectives import Objective
from deltaflow.training import parts as in_parts
from deltaflow.training.contracts import (
    check_closure_called,
    check_schedule,
    check_step_sizes,
    without_stop_iteration,
)
from deltaflow.training.coupling import (
    require_a_pass_a_step,
    require_independent_replicas,
    shares_a_pass,
)
from deltaflow.training.early_stopping import Patience
from deltaflow.training.endings import EndingReplicas
from deltaflow.training.layerwise_sgd import LayerwiseSGD
from deltaflow.training.parts import Batch, Outputs, Part, PartObserver, Pass
from deltaflow.training.slices import SchedulerOfSlices, optimizers_of_slices, watches_loss
from deltaflow.training.states import match_memory_layouts
from deltaflow.training.updates import Updates, fused
from deltaflow.training.workers import Workers


class StackedModule(EndingReplicas):
    """Trains R replicas under one Trainer.

    The training loss is the sum over replicas of the mean over the batch, so no replica's loss
    enters the gradient of another. A replica whose loss is not finite is marked as diverged.

    Args:
        network: R initialised networks.
        objective: computes the loss, the predictions and the metrics.
        optimizer: makes an optimizer from the parameters. If R > 1 it must not couple replicas.
        scheduler: makes a schedule from the optimizer; the schedule steps once per epoch.
        gradient_clip_norm: the largest norm of a replica's gradient, all layers together; ``None``
            for no clipping.
        checkpoint_entries: added to checkpoints, of primitive types: what is needed to rebuild the
            network, use it and resume training.
        patience: the criterion of early stopping; ``None`` for no early stopping.

    Attributes:
        parts: the parts of the stack that are trained separately; one part if it is not divided.
        losses: ``[R]``, the loss of the last training batch.
        layerwise: updates the parts during the backward pass where possible.
        observer: observes the current training step of each part.
    """

    losses: Tensor

    def __init__(
        self,
        network: FullyConnected,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        gradient_clip_norm: float | None = None,
        checkpoint_entries: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(network, patience)
        self.objective = objective
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.gradient_clip_norm = gradient_clip_norm
        self.checkpoint_entries = dict(checkpoint_entries or {})
        self.workers = Workers()
        self.parts = in_parts.split_into_parts(network, objective)
        self.layerwise = LayerwiseSGD()
        self.observer: PartObserver | None = None
        self.has_slice_optimizers = False  # whether each part has its own optimizers
        self._evaluated = False  # whether the optimizer's current step has called its closure
        self._overflowing: Tensor  # [R], whether a validation loss was not finite
        self.register_buffer("_overflowing", torch.zeros_like(self.diverged), persistent=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer over all replicas, and the schedule of its step size.

        Raises:
            ValueError: if they would couple replicas, or if a step size is negative or not finite.
        """
        optimizer = fused(self.optimizer(self.network.parameters()))
        check_step_sizes(optimizer)
        if self.network.n_replicas > 1:
            require_independent_replicas(self.optimizer, type(optimizer).__name__)
        if self.scheduler is None:
            return self._slice_optimizers() or {"optimizer": optimizer}
        scheduler = self.scheduler(optimizer)
        check_step_sizes(optimizer)
        check_schedule(scheduler, self.trainer.enable_validation)
        if (made := self._slice_optimizers()) is not None:
            return made
        if not isinstance(scheduler, ReduceLROnPlateau):
            return {"optimizer": optimizer, "lr_scheduler": scheduler}
        update = Updates(slice(0, self.network.n_replicas), optimizer, slice(0), [], scheduler)
        watching: Any = SchedulerOfSlices([update], optimizer)  # Lightning needs no LRScheduler
        return {"optimizer": optimizer, "lr_scheduler": watching}

    @property
    def parts_compute_gradients(self) -> bool:
        """Whether the parts compute the gradients, and not Lightning."""
        return self.has_slice_optimizers or self.parts[0].backpropagation is not None

    def make_parts(self, several: bool = True) -> None:
        """Make the parts; on a CPU in single or double precision they use Backpropagation.

        Args:
            several: whether a large stack may be divided into several parts.
        """
        by_formula = self.trainer.precision in ("32-true", "64-true") and self.device.type == "cpu"
        n_rows = getattr(getattr(self.trainer, "datamodule", None), "batch_size", 0)
        n_parts = in_parts.number_of_parts(self.network, n_rows) if by_formula and several else 1
        self.parts = in_parts.split_into_parts(self.network, self.objective, n_parts, by_formula)

    def _slice_optimizers(self) -> OptimizerLRScheduler:
        """Make an optimizer for each part; ``None`` if one optimizer updates all replicas."""
        several = self.network.n_replicas > 1
        shares = several and shares_a_pass(self.optimizer)
        one_by_one = several and watches_loss(self)
        if one_by_one:
            require_a_pass_a_step(shares)
        self.make_parts(shares)
        self.has_slice_optimizers = len(self.parts) > 1 or one_by_one
        if not self.has_slice_optimizers:
            return None
        return optimizers_of_slices(self, [(slice(0, self.network.n_replicas), self)])

    def on_train_start(self) -> None:
        """Choose how gradients are computed, and whether layers are updated one by one."""
        super().on_train_start()
        for optimizer in (trainer := cast(Any, self.trainer)).optimizers:
            match_memory_layouts(optimizer)
        if len(self.parts) == 1 and has_hooks(self.network):
            self.parts[0].backpropagation = None  # only autograd calls hooks
        self.layerwise.start(self.parts, trainer.callbacks, self.clip_limit is not None)

    @without_stop_iteration
    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Let the optimizer take a step; its closure does the forward and backward pass.

        Raises:
            ValueError: if it did not call its closure, so that no gradient was computed.
        """
        self._evaluated = False
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        check_closure_called(optimizer, self._evaluated)

    @without_stop_iteration
    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Set the step size of the next epoch.

        Raises:
            ValueError: if it is negative or not finite.
        """
        super().lr_scheduler_step(scheduler, metric)
        check_step_sizes(scheduler.optimizer)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm of each replica's gradient (Pascanu et al. 2013).

        The formula is that of ``torch.nn.utils.clip_grad_norm_``, with its ε of 10⁻⁶.
        """
        if (limit := self.clip_limit) is not None:
            self.workers.each(self.parts, lambda part: in_parts.clip(part, limit))

    @property
    def clip_limit(self) -> float | Tensor | None:
        """The largest gradient norm, ``[R]`` if replicas differ; ``None`` for no clipping."""
        return self.gradient_clip_norm

    def training_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """Compute the loss and predictions of a batch, and the gradients if the parts do that."""
        do = self.layerwise.training_pass(self.parts_compute_gradients, self.observer)
        outputs = self._each(do, batch)
        self._evaluated = True
        loss = outputs["sample_loss"].mean(1)
        self.losses = loss.detach()
        self._mark_diverged(~self.losses.isfinite())
        return outputs | {"loss": loss.sum()}

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute the gradients, unless the parts have computed them."""
        if not self.parts_compute_gradients:
            super().backward(loss, *args, **kwargs)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Reset the gradients, unless the next pass of the parts overwrites them."""
        if not self.parts_compute_gradients:
            super().optimizer_zero_grad(epoch, batch_idx, optimizer)

    @without_stop_iteration
    def validation_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """Evaluate a validation batch, which is the first batch after an epoch's last update."""
        outputs = self._each(Part.evaluate, batch)
        self._overflowing.logical_or_(in_parts.are_broken(outputs))
        return outputs

    @without_stop_iteration
    def test_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """Evaluate a test batch."""
        outputs = self._each(Part.evaluate, batch)
        self._mark_diverged(in_parts.are_broken(outputs))
        return outputs

    def on_train_epoch_end(self) -> None:
        """Mark diverged replicas, end replicas that stop early, and stop if none is left."""
        self._mark_diverged(~self._finite() | self._overflowing)
        if isinstance(schedule := cast(Any, self.lr_schedulers()), SchedulerOfSlices):
            schedule.watch(self.validated["loss"])
        self._stop_early()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the entries that are needed to rebuild and use the network."""
        checkpoint.update(self.checkpoint_entries)

    def _each(self, do: Pass, batch: Batch) -> Outputs:
        step, mode = self.global_step, self.network.training
        outputs = self.workers.each(self.parts, lambda p: do(p, batch, step, mode))
        return in_parts.joined_outputs(outputs)
