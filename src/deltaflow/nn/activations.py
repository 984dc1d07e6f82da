"""Activation functions φ, their derivatives, and traits that are found numerically.

A φ is an ``nn.Module`` without parameters that works entry by entry. The derivative comes from
autograd and the traits are found from its values, not from a list of known activations. So a
class of the user is treated like one of PyTorch.

>>> traits(nn.Sigmoid()).steepest
0.25
>>> traits(nn.ReLU()).has_flat_part, traits(nn.ReLU()).saturates
(True, False)
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.system.errors import UserError

SATURATED = 0.05
"""A unit is saturated if |φ'(z)| is below this share of max |φ'|."""

_NEAR = 6.0  # a flat part must begin before |z| = 6, where φ' of tanh is still 2e-5
_FAR = 30.0  # at |z| = 30 a derivative that tends to 0 has vanished: sigmoid's is 1e-13
_VANISHED = 1e-3  # share of the steepest slope below which φ' counts as vanished
_PACKAGES = ("torch.nn", "deltaflow.nn.activations")


def derivative(activation: nn.Module, z: Tensor) -> Tensor:
    """φ'(z) entry by entry, by autograd, with PyTorch's value at a kink.

    Args:
        activation: φ.
        z: pre-activations, any shape.

    Returns:
        φ'(z), the shape and type of ``z``, outside any graph; NaN where ``z`` is NaN.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = z.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(activation(point).sum(), point)
    return torch.where(z.isnan(), torch.nan, slope)  # PyTorch's ReLU has a slope of 1 at NaN


@dataclass(frozen=True)
class Traits:
    """Properties of a φ that do not depend on the network.

    Attributes:
        steepest: max |φ'|.
        saturates: whether φ' tends to 0 on a side without reaching it (sigmoid, tanh, elu), or φ
            is bounded (hardtanh). ReLU does not saturate: on its flat side φ' is exactly 0.
        has_flat_part: whether φ' is exactly 0 on an interval, as for ReLU.
        live: the smallest and the largest z in [−6, 6] with |φ'| ≥ 0.05 max |φ'|. A smaller |φ'|
            between them (a dip), as of GELU and SiLU, does not count as saturation.
        dips: whether φ' has such a dip.
    """

    steepest: float
    saturates: bool
    has_flat_part: bool
    live: tuple[float, float]
    dips: bool


@dataclass(frozen=True)
class Shipped:
    """An activation of PyTorch or deltaflow, identified by its class and ``repr``.

    Equal instances have the same traits and moments, so these are computed once.
    """

    name: str
    activation: nn.Module = field(compare=False)

    @classmethod
    def of(cls, activation: nn.Module) -> "Shipped | None":
        """Wrap an activation; ``None`` if it is a class of the user, or has parameters."""
        module = type(activation).__module__
        if module not in ("torch.nn.modules.activation", __name__) or activation.state_dict():
            return None
        return cls(f"{module} {activation!r} {activation.training}", activation)


def traits(activation: nn.Module) -> Traits:
    """Find the traits of φ numerically, in double precision.

    Raises:
        ValueError: if φ has parameters, which replicas would share; overwrites its input, which
            is measured; changes the shape or the type; has no derivative; is random; or mixes
            entries.
    """
    shipped = Shipped.of(activation)
    return _find_traits(activation) if shipped is None else _shipped_traits(shipped)


@cache
def _shipped_traits(shipped: Shipped) -> Traits:
    return _find_traits(shipped.activation)


def _find_traits(activation: nn.Module) -> Traits:
    if any(True for _ in activation.parameters()):
        raise UserError(
            "An activation must have no parameters of its own, since replicas would share "
            f"them. Found {type(activation).__name__}. Use a fixed activation such as "
            "torch.nn.LeakyReLU."
        )
    if getattr(activation, "inplace", False):
        raise UserError(
            "An activation must leave its input as it is, since pre-activations are measured. "
            f"Found {type(activation).__name__} with inplace=True. Use inplace=False."
        )
    near = torch.linspace(-_NEAR, _NEAR, 12001, dtype=torch.float64)
    _check_form(activation, near)
    if not torch.allclose(activation(near)[::2], activation(near[::2]), rtol=1e-9, atol=1e-12):
        raise UserError(
            "An activation must be a function of one number, the same each time. Found "
            f"{type(activation).__name__}, which is random or mixes entries. Use one such as "
            "torch.nn.ReLU."
        )
    slope = derivative(activation, near).abs()
    zero = slope == 0
    has_flat_part = bool((zero[1:] & zero[:-1]).any())

    far = torch.tensor([-_FAR, _FAR], dtype=torch.float64)
    steepest = float(slope.max())
    vanishes = derivative(activation, far).abs() < _VANISHED * max(steepest, 1e-300)
    with torch.no_grad():
        bounded = bool((activation(2 * far) - activation(far)).abs().max() < _VANISHED * _FAR)
    saturates = steepest > 0 and bool(vanishes.any()) and (bounded or not has_flat_part)
    is_live = slope >= SATURATED * steepest
    live = near[is_live]
    ends = (float(live.min()), float(live.max())) if len(live) else (-_NEAR, _NEAR)  # φ' is NaN
    dips = bool((~is_live & (near > ends[0]) & (near < ends[1])).any())
    return Traits(steepest, saturates, has_flat_part, ends, dips)


def _check_form(activation: nn.Module, z: Tensor) -> None:
    """Refuse a φ that changes the shape or the type, or has no derivative (``ValueError``)."""
    for dtype in (torch.float64, torch.float32):
        point = z.to(dtype, copy=True).requires_grad_()
        with torch.inference_mode(False), torch.enable_grad():
            value = activation(point)
        if not isinstance(value, Tensor) or value.shape != z.shape or value.dtype != dtype:
            form = (
                f"{value.dtype} of the shape {list(value.shape)}"
                if isinstance(value, Tensor)
                else type(value).__name__
            )
            raise UserError(
                f"An activation must give as many numbers as it gets, of the same type. Found "
                f"{type(activation).__name__}, which makes {form} of {dtype} of the shape "
                f"{list(z.shape)}. Return one number per entry, and keep `z.dtype`."
            )
        if not value.isfinite().all():
            raise UserError(
                f"An activation must be finite from {-_NEAR:g} to {_NEAR:g}. Found "
                f"{type(activation).__name__}, which is not. Use finite arguments, or another "
                "function."
            )
        if not value.requires_grad:
            raise UserError(
                "An activation must have a derivative that PyTorch can take. Found "
                f"{type(activation).__name__}, whose result does not depend on its input through "
                "tensors. Compute it with PyTorch alone, without `detach` or NumPy."
            )


class Tanh(nn.Tanh):
    """tanh computed by NumPy on a CPU, where it is several times as fast as PyTorch's.

    The error is at most two units in the last place, and does not depend on the position in the
    tensor. On other devices, and for types that NumPy lacks, PyTorch computes it.
    """

    def forward(self, z: Tensor) -> Tensor:
        """tanh(z), entry by entry."""
        if z.device.type == "cpu" and z.dtype in (torch.float32, torch.float64):
            return _Tanh.apply(z)  # type: ignore[no-any-return,no-untyped-call]
        return super().forward(z)


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        with np.errstate(all="ignore"):
            h = torch.from_numpy(np.tanh(z.detach().numpy()))
        ctx.save_for_backward(h)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        slope: Tensor = torch.ops.aten.tanh_backward(gradients[0], *ctx.saved_tensors)
        return slope


def rebuild(path: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build an activation from the name of its class, in order to read a checkpoint.

    Only activations of PyTorch and of this package are built, so a checkpoint cannot run other
    code.

    Args:
        path: the dotted name of the class, e.g. ``torch.nn.LeakyReLU``.
        arguments: keyword arguments of the class.

    Raises:
        ValueError: if the class is not such an activation, or has parameters.
    """
    package, _, name = path.rpartition(".")
    if package in _PACKAGES:
        found = getattr(importlib.import_module(package), name, None)
        if isinstance(found, type) and issubclass(found, nn.Module) and _is_activation(found):
            with torch.device("meta"):  # a class with parameters might allocate any memory
                made = found(**arguments)
            if not any(True for _ in made.parameters()):
                return made
    raise UserError(
        "An activation is rebuilt by name only if PyTorch or deltaflow ships it, and it has no "
        f"parameters. Found {path!r}. Build it yourself and hand it over."
    )


def _is_activation(kind: type[nn.Module]) -> bool:
    modules = ("torch.nn.modules.activation", "deltaflow.nn.activations")
    return kind.__module__ in modules or kind is nn.Identity  # defined among the layers
