"""The LightningModule: a stacked network and what it is trained for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.system.errors import UserError
from deltaflow.training.contracts import (
    check_asked,
    check_rates,
    check_shape,
    check_slope,
    check_type,
    unending,
)
from deltaflow.training.coupling import couples_replicas


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
        self._evaluated = False  # since the optimizer began its step
        self._overflowing: Tensor  # what validation found out about an epoch's last update
        unknown = torch.zeros(network.n_replicas, dtype=torch.bool)
        self.register_buffer("_overflowing", unknown, persistent=False)

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
        optimizer = self.optimizer(self.network.parameters())
        check_rates(optimizer)
        if self.network.n_replicas > 1 and couples_replicas(self.optimizer):
            raise UserError(
                "With more than one seed the optimizer must update entry by entry. Found "
                f"{type(optimizer).__name__}, in which one network's gradient changes another's "
                "update. Use `n_seeds=1`, or an optimizer such as sgd or adam."
            )
        if self.scheduler is None:
            return {"optimizer": optimizer}
        scheduler = self.scheduler(optimizer)
        check_rates(optimizer)
        plateau = isinstance(scheduler, ReduceLROnPlateau)
        if plateau and not self.trainer.enable_validation:
            raise UserError(
                "ReduceLROnPlateau watches the validation loss. Found no validation part. "
                "Use `data.split=[0.6,0.2,0.2]`, or a schedule such as cosine or step."
            )
        if plateau and self.network.n_replicas > 1:
            raise UserError(
                "With more than one seed the step size must follow a schedule. Found "
                "ReduceLROnPlateau, which would judge all replicas by one loss. Use `n_seeds=1`, "
                "or a schedule such as cosine or step."
            )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "loss/validation"},
        }

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
        if self.gradient_clip_norm is not None:
            clip(self.network, self.gradient_clip_norm)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """One batch: its loss to descend, and what it predicted."""
        outputs = self._evaluate(batch, step=self.global_step)
        self._evaluated = True
        check_slope(outputs["sample_loss"])
        loss = outputs["sample_loss"].mean(1)
        self.losses = loss.detach()
        self._mark(~self.losses.isfinite())
        return outputs | {"loss": loss.sum()}

    @unending
    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """One batch of the validation part, which is the first to see an epoch's last update."""
        outputs = self._evaluate(batch)
        self._overflowing.logical_or_(_is_broken(outputs))
        return outputs

    @unending
    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """One batch of the test part, likewise."""
        outputs = self._evaluate(batch)
        self._mark(_is_broken(outputs))
        return outputs

    def on_train_epoch_end(self) -> None:
        """Mark replicas whose weights, or outputs, are not finite; stop when none is left."""
        broken = torch.stack(
            [~parameter.detach().flatten(1).isfinite().all(1) for parameter in self.parameters()]
        ).any(0)
        self._mark(broken | self._overflowing)
        if bool(self.diverged.all()):
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what it takes to build the network again, and to use it."""
        checkpoint.update(self.kept)

    def _mark(self, broken: Tensor) -> None:
        """Note the step of replicas, ``[R]``, that are not finite for the first time."""
        self.diverged_at.masked_fill_(broken & ~self.diverged, self.global_step)

    def _evaluate(self, batch: tuple[Tensor, Tensor], step: int = 0) -> dict[str, Tensor]:
        x, target = batch
        output = self.network(x, step)
        sample_loss = self.objective.sample_loss(output, target)
        prediction = self.objective.predict(output.detach())
        check_shape("sample_loss", sample_loss, target.shape[:2])
        check_shape("predict", prediction, target.shape)
        check_type(sample_loss)
        return {"sample_loss": sample_loss, "prediction": prediction, "target": target}


def _is_broken(outputs: Mapping[str, Tensor]) -> Tensor:
    """Whether a replica's loss is not finite, ``[R]``."""
    return ~outputs["sample_loss"].mean(1).isfinite()


def clip(network: FullyConnected, limit: float | Tensor) -> None:
    """Cut the gradient of each replica to a norm, all layers together.

    Args:
        network: with gradients, which are changed.
        limit: of the norm; of each replica, ``[R]``, if it differs, infinite for none.
    """
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factors = (limit / (norms + 1e-6)).clamp(max=1)
    if isinstance(limit, Tensor):
        factors = torch.where(limit.isinf(), 1.0, factors)
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))
