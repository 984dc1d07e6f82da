"""What training asks of a user's own parts, which would fail silently without it."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.system.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")


def unending(function: Callable[P, T]) -> Callable[P, T]:
    """Let ``StopIteration`` out of a function be an error like any other.

    Lightning's loops take it for the end of the data, and would end early as if all were well.

    Args:
        function: that runs code of the user's own.

    Returns:
        The function, which raises ``RuntimeError`` in its place, from the same lines.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:
            told = RuntimeError(f"StopIteration: {error}")
            raise told.with_traceback(error.__traceback__) from error

    return call


def check_asked(optimizer: Optimizer | LightningOptimizer, asked: bool) -> None:
    """Refuse an optimizer whose step did not ask for the loss: nothing was learnt, nor measured.

    Args:
        optimizer: perhaps in Lightning's wrapping.
        asked: whether it called its closure.
    """
    if not asked:
        kind = type(getattr(optimizer, "optimizer", optimizer))
        raise UserError(
            "An optimizer's `step` must call its closure, which computes the loss and the "
            f"gradients. Found {kind.__name__}, which does not. Begin `step` with "
            "`loss = closure()`, or hand it on with `super().step(closure)`."
        )


def check_slope(loss: Tensor) -> None:
    """Refuse a loss that cannot be descended."""
    if not loss.requires_grad:
        raise UserError(
            "A loss must depend on the network's outputs through tensors. Found one without a "
            "gradient. Compute `sample_loss` with PyTorch alone, without `detach`, `no_grad` or "
            "NumPy."
        )


def check_type(loss: Tensor) -> None:
    """Refuse a loss that is whole, complex or a truth value."""
    if not loss.is_floating_point():
        raise UserError(
            "An objective's `sample_loss` must return real numbers of a floating type. Found "
            f"{loss.dtype}. Keep the type of the network's outputs."
        )


def check_shape(method: str, returned: Any, expected: torch.Size) -> None:
    """Refuse what an objective of the user's own must not return: it might broadcast."""
    shape = getattr(returned, "shape", None)
    if shape != expected:
        found = type(returned).__name__ if shape is None else list(shape)
        raise UserError(
            f"An objective's `{method}` must return the shape {list(expected)}. Found {found}. "
            "Keep the axes of replicas and samples: no mean or sum over them."
        )


def check_rates(optimizer: Optimizer) -> None:
    """Refuse step sizes that would climb the loss, or leave no number behind."""
    for group in optimizer.param_groups:
        rate = float(group.get("lr", 0.0))
        if not (math.isfinite(rate) and rate >= 0):
            raise UserError(
                f"A step size must be a finite number, at least 0, in every epoch. Found {rate:g}. "
                "Choose other settings of `optimizer` or `scheduler`, such as `scheduler=constant`."
            )


def check_schedule(scheduler: LRScheduler, has_validation: bool) -> None:
    """Refuse a schedule that watches the validation loss where there is none."""
    if isinstance(scheduler, ReduceLROnPlateau) and not has_validation:
        raise UserError(
            "ReduceLROnPlateau watches the validation loss. Found no validation part. "
            "Use `data.split=[0.6,0.2,0.2]`, or a schedule such as cosine or step."
        )
