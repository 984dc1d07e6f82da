"""Checks of optimizers, schedules and objectives that would otherwise fail silently.

These objects may be of a user's classes, which need not keep to what PyTorch expects of them.
"""

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


def without_stop_iteration(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function so that it raises ``RuntimeError`` instead of ``StopIteration``.

    Lightning's loops take ``StopIteration`` for the end of the data, and would end the training
    without an error.

    Args:
        function: a function that runs code of the user.

    Returns:
        The wrapped function. The traceback of its ``RuntimeError`` leads to the same lines.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:
            replacement = RuntimeError(f"StopIteration: {error}")
            raise replacement.with_traceback(error.__traceback__) from error

    return call


def check_closure_called(optimizer: Optimizer | LightningOptimizer, called: bool) -> None:
    """Refuse an optimizer whose ``step`` did not call its closure.

    Without the closure no gradient is computed, so nothing is learnt or measured.

    Args:
        optimizer: a PyTorch optimizer, or Lightning's wrapper of one.
        called: whether ``step`` called its closure.

    Raises:
        ValueError: if it did not.
    """
    if not called:
        kind = type(getattr(optimizer, "optimizer", optimizer))
        raise UserError(
            "An optimizer's `step` must call its closure, which computes the loss and the "
            f"gradients. Found {kind.__name__}, which does not. Begin `step` with "
            "`loss = closure()`, or hand it on with `super().step(closure)`."
        )


def check_gradient(loss: Tensor) -> None:
    """Refuse a loss that has no gradient graph (``ValueError``)."""
    if not loss.requires_grad:
        raise UserError(
            "A loss must depend on the network's outputs through tensors. Found one without a "
            "gradient. Compute `sample_loss` with PyTorch alone, without `detach`, `no_grad` or "
            "NumPy."
        )


def check_type(loss: Tensor) -> None:
    """Refuse a loss of an integer, complex or bool type (``ValueError``)."""
    if not loss.is_floating_point():
        raise UserError(
            "An objective's `sample_loss` must return real numbers of a floating type. Found "
            f"{loss.dtype}. Keep the type of the network's outputs."
        )


def check_shape(method: str, returned: Any, expected: torch.Size) -> None:
    """Refuse a tensor of the wrong shape, which might broadcast without an error.

    Args:
        method: name of the objective's method that returned the tensor.
        returned: what the method returned.
        expected: the shape that it must have.

    Raises:
        ValueError: if the shape differs, or ``returned`` has none.
    """
    shape = getattr(returned, "shape", None)
    if shape != expected:
        found = type(returned).__name__ if shape is None else list(shape)
        raise UserError(
            f"An objective's `{method}` must return the shape {list(expected)}. Found {found}. "
            "Keep the axes of replicas and samples: no mean or sum over them."
        )


def check_step_sizes(optimizer: Optimizer) -> None:
    """Refuse step sizes that are negative, infinite or NaN (``ValueError``)."""
    for group in optimizer.param_groups:
        rate = float(group.get("lr", 0.0))
        if not (math.isfinite(rate) and rate >= 0):
            raise UserError(
                f"A step size must be a finite number, at least 0, in every epoch. Found {rate:g}. "
                "Choose other settings of `optimizer` or `scheduler`, such as `scheduler=constant`."
            )


def check_schedule(scheduler: LRScheduler, has_validation: bool) -> None:
    """Refuse a schedule that needs the validation loss if there is none (``ValueError``)."""
    if isinstance(scheduler, ReduceLROnPlateau) and not has_validation:
        raise UserError(
            "ReduceLROnPlateau watches the validation loss. Found no validation part. "
            "Use `data.split=[0.6,0.2,0.2]`, or a schedule such as cosine or step."
        )
