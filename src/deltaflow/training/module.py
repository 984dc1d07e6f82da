"""The LightningModule: a stacked network and what it is trained for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from deltaflow.nn.backpropagation import has_hooks
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.system.errors import UserError
from deltaflow.training import parts as in_parts
from deltaflow.training.contracts import check_asked, check_rates, check_schedule, unending
from deltaflow.training.coupling import couples_replicas, shares_a_pass
from deltaflow.training.parts import Batch, Outputs, Part
from deltaflow.training.slices import optimized_by_slices


class StackedModule(pl.LightningModule):
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
        kept: how to build the network again and use it, in primitives, for checkpoints.

    Attributes:
        parts: pieces of the stack that are trained one by one, or one that is all of it.
        diverged_at: ``[R]``, the step whose loss was not finite, −1 for none.
        losses: ``[R]``, of the last training batch.
    """

    losses: Tensor

    def __init__(
        self,
        network: FullyConnected,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        gradient_clip_norm: float | None = None,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.gradient_clip_norm = gradient_clip_norm
        self.kept = dict(kept or {})
        self.diverged_at: Tensor
        self.register_buffer("diverged_at", torch.full((network.n_replicas,), -1))
        self.workers = in_parts.Workers()
        self.parts = in_parts.divided(network, objective)
        self.in_slices = False  # whether parts have optimizers of their own
        self._evaluated = False  # since the optimizer began its step
        self._overflowing: Tensor  # what validation found out about an epoch's last update
        self.register_buffer("_overflowing", torch.zeros_like(self.diverged), persistent=False)

    @property
    def diverged(self) -> Tensor:
        """Which replicas have diverged, ``[R]``, bool."""
        return self.diverged_at >= 0

    def has_ended(self, replica: int) -> bool:
        """Whether the run of a replica is over, while others of the stack still train."""
        return False

    def n_epochs(self, replica: int) -> int:
        """How many epochs the run of a replica has trained."""
        return self.trainer.current_epoch

    def n_steps(self, replica: int) -> int:
        """How many updates the run of a replica has made."""
        return self.global_step

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer over all replicas, and the schedule of its step size.

        Raises:
            ValueError: if they would mix the replicas.
        """
        optimizer = in_parts.hastened(self.optimizer(self.network.parameters()))
        check_rates(optimizer)
        if self.network.n_replicas > 1 and couples_replicas(self.optimizer):
            raise UserError(
                "With more than one seed the optimizer must update entry by entry. Found "
                f"{type(optimizer).__name__}, in which one network's gradient changes another's "
                "update. Use `n_seeds=1`, or an optimizer such as sgd or adam."
            )
        if self.scheduler is None:
            return self._in_slices() or {"optimizer": optimizer}
        scheduler = self.scheduler(optimizer)
        check_rates(optimizer)
        check_schedule(scheduler, self.network.n_replicas, self.trainer.enable_validation)
        one: OptimizerLRScheduler = {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "loss/validation"},
        }
        return self._in_slices() or one

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
        self.divide(self.network.n_replicas > 1 and shares_a_pass(self.optimizer))
        self.in_slices = len(self.parts) > 1
        every = slice(0, self.network.n_replicas)
        return optimized_by_slices(self, [(every, self)]) if self.in_slices else None

    def on_train_start(self) -> None:
        """Leave a network to autograd that has hooks, which would not be called otherwise."""
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
        """Mark replicas whose weights, or outputs, are not finite; stop when none is left."""
        largest = [
            torch.linalg.vector_norm(p.detach(), torch.inf, dim=tuple(range(1, p.ndim)))
            for p in self.parameters()
        ]
        self._mark(~torch.stack(largest).isfinite().all(0) | self._overflowing)
        if bool(self.diverged.all()):
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what it takes to build the network again, and to use it."""
        checkpoint.update(self.kept)

    def _mark(self, broken: Tensor) -> None:
        """Note the step of replicas, ``[R]``, that are not finite for the first time."""
        self.diverged_at.masked_fill_(broken & ~self.diverged, self.global_step)

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
