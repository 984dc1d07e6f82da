"""The LightningModule: a stacked network and what it is trained for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.nn.backpropagation import has_hooks
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.system.errors import UserError
from deltaflow.training import parts as in_parts
from deltaflow.training.contracts import check_asked, check_rates, check_schedule, unending
from deltaflow.training.coupling import couples_replicas, shares_a_pass
from deltaflow.training.early_stopping import Patience
from deltaflow.training.endings import EndingReplicas
from deltaflow.training.parts import Batch, Outputs, Part, Updates
from deltaflow.training.slices import SchedulerOfSlices, optimized_by_slices, watches_loss


class StackedModule(EndingReplicas):
    """R replicas under one Trainer.

    The training loss is the sum over replicas of the mean over the batch, so the gradient
    of each replica is its own. A replica whose loss turns non-finite is marked diverged
    and left to itself; the others go on untouched.

    Args:
        network: R networks, initialized.
        objective: loss, predictions, metrics.
        optimizer: from the parameters to an optimizer that works entry by entry.
        scheduler: from the optimizer to a schedule of its step size, an epoch at a time.
        gradient_clip_norm: what the norm of each replica's gradient is cut to, all layers
            together; ``None`` leaves it.
        kept: how to build the network again, use it and go on, in primitives, for checkpoints.
        patience: after which a replica stops, whatever the others do; ``None`` for never.

    Attributes:
        parts: pieces of the stack that are trained one by one, or one that is all of it.
        losses: ``[R]``, of the last training batch.
        validated: ``[R]`` for each metric, of the last validation.
    """

    losses: Tensor
    validated: Mapping[str, Tensor]

    def __init__(
        self,
        network: FullyConnected,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        gradient_clip_norm: float | None = None,
        kept: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(network, patience)
        self.objective = objective
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.gradient_clip_norm = gradient_clip_norm
        self.kept = dict(kept or {})
        self.workers = in_parts.Workers()
        self.parts = in_parts.divided(network, objective)
        self.in_slices = False  # whether parts have optimizers of their own
        self._evaluated = False  # since the optimizer began its step
        self._overflowing: Tensor  # what validation found out about an epoch's last update
        self.register_buffer("_overflowing", torch.zeros_like(self.diverged), persistent=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer over all replicas, and the schedule of its step size.

        Raises:
            ValueError: if they would mix the replicas.
        """
        optimizer = in_parts.hastened(self.optimizer(self.network.parameters()))
        check_rates(optimizer)
        if self.network.n_replicas > 1 and couples_replicas(self.optimizer):
            raise UserError(
                "With several seeds or folds the optimizer must update entry by entry. Found "
                f"{type(optimizer).__name__}, in which one network's gradient changes another's "
                "update. Use `n_seeds=1`, or an optimizer such as sgd or adam."
            )
        if self.scheduler is None:
            return self._in_slices() or {"optimizer": optimizer}
        scheduler = self.scheduler(optimizer)
        check_rates(optimizer)
        check_schedule(scheduler, self.trainer.enable_validation)
        if (in_slices := self._in_slices()) is not None:
            return in_slices
        if not isinstance(scheduler, ReduceLROnPlateau):
            return {"optimizer": optimizer, "lr_scheduler": scheduler}
        update = Updates(slice(0, self.network.n_replicas), optimizer, slice(0), [], scheduler)
        watching: Any = SchedulerOfSlices([update], optimizer)  # Lightning asks for no more
        return {"optimizer": optimizer, "lr_scheduler": watching}

    @property
    def descends(self) -> bool:
        """Whether parts compute their gradients themselves, and not Lightning."""
        return self.in_slices or self.parts[0].backpropagation is not None

    def divide(self, into_several: bool = True) -> None:
        """Make the parts: several, without autograd, on a processor and in one floating type.

        Args:
            into_several: if the stack is large enough.
        """
        own = self.trainer.precision in ("32-true", "64-true") and self.device.type == "cpu"
        n_rows = getattr(getattr(self.trainer, "datamodule", None), "batch_size", 0)
        n_parts = in_parts.number_of_parts(self.network, n_rows) if own and into_several else 1
        self.parts = in_parts.divided(self.network, self.objective, n_parts, by_hand=own)

    def _in_slices(self) -> OptimizerLRScheduler:
        """An optimizer for each part; ``None`` for one part, or an optimizer that sees all."""
        n_replicas, shares = self.network.n_replicas, shares_a_pass(self.optimizer)
        one_by_one = n_replicas > 1 and watches_loss(self)
        if one_by_one and not shares:
            raise UserError(
                "With several seeds or folds, each step size follows its own validation loss "
                "if the optimizer asks for the loss once a step. Found one that does not. Use "
                "`n_seeds=1`, or an optimizer such as sgd or adam."
            )
        self.divide(n_replicas > 1 and shares)
        self.in_slices = len(self.parts) > 1 or one_by_one
        every = slice(0, self.network.n_replicas)
        return optimized_by_slices(self, [(every, self)]) if self.in_slices else None

    def on_train_start(self) -> None:
        """Leave a network to autograd that has hooks, which would not be called otherwise."""
        super().on_train_start()
        if len(self.parts) == 1 and has_hooks(self.network):
            self.parts[0].backpropagation = None

    @unending
    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """One update, the forward and the backward pass in it, which the optimizer asks for.

        Raises:
            ValueError: if it does not ask: then nothing was learnt, nor measured.
        """
        self._evaluated = False
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        check_asked(optimizer, self._evaluated)

    @unending
    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """The step size of the next epoch.

        Raises:
            ValueError: if it is negative, or not finite.
        """
        super().lr_scheduler_step(scheduler, metric)
        check_rates(scheduler.optimizer)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Cut each replica's gradient to the norm that is set (Pascanu et al. 2013).

        As ``torch.nn.utils.clip_grad_norm_`` does for one network, its 10⁻⁶ included.
        """
        self.workers.each(self.parts, self._clip)

    def clip_limit(self, own: slice) -> float | Tensor | None:
        """What the gradients of some replicas are cut to; ``None`` for nothing."""
        return self.gradient_clip_norm

    def training_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """One batch: its loss and what it predicted, with the gradients where parts descend."""
        outputs = self._each(Part.descend if self.descends else Part.evaluate, batch)
        self._evaluated = True
        loss = outputs["sample_loss"].mean(1)
        self.losses = loss.detach()
        self._mark(~self.losses.isfinite())
        return outputs | {"loss": loss.sum()}

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """The gradients, unless the parts have theirs already."""
        if not self.descends:
            super().backward(loss, *args, **kwargs)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Let go of gradients, unless the parts' next pass overwrites them."""
        if not self.descends:
            super().optimizer_zero_grad(epoch, batch_idx, optimizer)

    @unending
    def validation_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """One batch of the validation part, which is the first to see an epoch's last update."""
        outputs = self._each(Part.evaluate, batch)
        self._overflowing.logical_or_(_is_broken(outputs))
        return outputs

    @unending
    def test_step(self, batch: Batch, batch_idx: int) -> Outputs:
        """One batch of the test part, likewise."""
        outputs = self._each(Part.evaluate, batch)
        self._mark(_is_broken(outputs))
        return outputs

    def on_train_epoch_end(self) -> None:
        """Mark replicas that are not finite, and those that stop; end when none is left."""
        self._mark(~self._finite() | self._overflowing)
        if isinstance(schedule := cast(Any, self.lr_schedulers()), SchedulerOfSlices):
            schedule.watch(self.validated["loss"])
        if self.waiting is not None:
            stops = self.waiting.judge(self.validated[self.waiting.patience.metric])
            self._end(stops.to(self.diverged.device) & ~self.diverged)
        if bool((self.diverged | self.ended).all()):
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what it takes to build the network again, and to use it."""
        checkpoint.update(self.kept)

    def _each(self, do: Callable[[Part, Batch, int, bool], Outputs], batch: Batch) -> Outputs:
        step, mode = self.global_step, self.network.training
        return in_parts.joined(self.workers.each(self.parts, lambda p: do(p, batch, step, mode)))

    def _clip(self, part: Part) -> None:
        limit = self.clip_limit(part.own)
        if limit is not None:
            in_parts.clip(part.network, limit)


def _is_broken(outputs: Outputs) -> Tensor:
    """Whether a replica's loss is not finite, ``[R]``."""
    return ~outputs["sample_loss"].mean(1).isfinite()
