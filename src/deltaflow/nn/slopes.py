"""Activations whose derivative PyTorch computes by a formula, written into given tensors.

For other activations autograd computes the derivative, which takes several times as long in small
layers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.nn.activations import Tanh, derivative

_ops: Any = torch.ops.aten


@dataclass(frozen=True)
class Formula:
    """A φ and its derivative, both computed without a graph.

    Attributes:
        apply: takes u and a tensor, into which it writes φ(u).
        multiply_by_slope: takes the gradient by φ(u), which it multiplies by φ'(u) in place, u and
            φ(u).
    """

    apply: Callable[[Tensor, Tensor], object]
    multiply_by_slope: Callable[[Tensor, Tensor, Tensor], object]


def formula(activation: nn.Module) -> Formula | None:
    """The formula of φ and φ'; ``None`` if there is none and autograd is needed."""
    made = _FORMULAS.get(type(activation))
    return None if made is None else made(activation)


def slope(activation: nn.Module, u: Tensor, h: Tensor) -> Tensor:
    """φ'(u) entry by entry, as :func:`derivative` computes it, by a formula if there is one.

    Args:
        activation: φ.
        u: the input of φ, any shape.
        h: φ(u).

    Returns:
        φ'(u), the shape and type of ``u``, outside any graph; NaN where ``u`` is NaN.
    """
    made = formula(activation) if u.device.type == "cpu" else None
    if made is None:
        return derivative(activation, u)
    found = torch.ones_like(u)
    made.multiply_by_slope(found, u, h)
    if u.numel() and u.amax().isnan():  # PyTorch's ReLU has a slope of 1 at NaN
        found.masked_fill_(u.isnan(), torch.nan)
    return found


def _tanh(u: Tensor, h: Tensor) -> None:
    with np.errstate(all="ignore"):
        np.tanh(u.numpy(), out=h.numpy())


def _leaky(activation: Any) -> Formula:
    slope = activation.negative_slope
    return Formula(
        lambda u, h: _ops.leaky_relu.out(u, slope, out=h),
        lambda d, u, h: _ops.leaky_relu_backward.grad_input(d, u, slope, False, grad_input=d),
    )


_FORMULAS: dict[type[nn.Module], Callable[[nn.Module], Formula]] = {
    Tanh: lambda _: Formula(
        _tanh, lambda d, u, h: _ops.tanh_backward.grad_input(d, h, grad_input=d)
    ),
    nn.Sigmoid: lambda _: Formula(
        lambda u, h: torch.sigmoid(u, out=h),
        lambda d, u, h: _ops.sigmoid_backward.grad_input(d, h, grad_input=d),
    ),
    nn.ReLU: lambda _: Formula(
        lambda u, h: _ops.relu.out(u, out=h),
        lambda d, u, h: _ops.threshold_backward.grad_input(d, h, 0, grad_input=d),
    ),
    nn.LeakyReLU: _leaky,
}
