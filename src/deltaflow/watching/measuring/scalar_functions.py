"""Functions of one number, such as activations: their properties, and their measurements."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from deltaflow.flow import kernels
from deltaflow.nn.activations import SATURATED, Traits, derivative, traits
from deltaflow.watching.measuring.reductions import (
    Values,
    is_fast,
    moments,
    plain,
    share,
)
from deltaflow.watching.measuring.watched_layers import WatchedLayer

_POINTS = 200  # points from −3 to 3 at which the slope of a linear function must be constant


@dataclass(frozen=True)
class BoundFunction:
    """A function with all its arguments but one tensor.

    Attributes:
        function: the function.
        args: positional arguments, with ``None`` in place of the tensor.
        kwargs: keyword arguments.
        at: position or name of the tensor.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = (None,)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    at: int | str = 0

    def __call__(self, z: Tensor) -> Any:
        """Call the function with a tensor, which it may overwrite."""
        if isinstance(self.at, str):
            return self.function(*self.args, **{**self.kwargs, self.at: z})
        return self.function(*self.args[: self.at], z, *self.args[self.at + 1 :], **self.kwargs)


class BoundActivation(nn.Module):
    """A bound function as an activation module."""

    def __init__(self, given: BoundFunction) -> None:
        super().__init__()
        self.given = given

    def forward(self, z: Tensor) -> Any:
        """φ(z); ``z`` is not overwritten."""
        return self.given(z.clone())


@dataclass(frozen=True)
class ScalarFunction:
    """A function φ of one number, which is applied entry by entry.

    Attributes:
        phi: φ.
        traits: the traits of φ.
        is_linear: whether the slope is constant.
        overwrites: whether φ overwrites its argument.
        has_dip: whether |φ'| falls below a twentieth of its maximum and rises again.
    """

    phi: BoundActivation
    traits: Traits
    is_linear: bool
    overwrites: bool
    has_dip: bool

    def slope(self, u: Tensor) -> Tensor:
        """φ'(u), at least in single precision.

        If φ is a single operation of PyTorch, its derivative is called without a backward pass.
        """
        u = plain(u)
        device = u.device.type
        is_mixed = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if is_mixed else nullcontext():
            if self.overwrites or not is_fast(u):
                with _own_saved_tensors():
                    return derivative(self.phi, u)
            with _own_saved_tensors(), torch.enable_grad():
                point = u.detach().requires_grad_()
                node: Any = self.phi.given(point).grad_fn
                before = node.next_functions
                if len(before) != 1 or getattr(before[0][0], "variable", None) is not point:
                    return derivative(self.phi, u)
                with torch.no_grad():
                    slope: Tensor = node(torch.ones_like(u))
                return slope

    def measure(self, u: Tensor, h: Tensor, layer: WatchedLayer) -> tuple[Values, Tensor | None]:
        """Measure φ behind a layer.

        Args:
            u: input of φ.
            h: φ(u).
            layer: the layer before φ.

        Returns:
            Columns of the layers table, and for each unit whether φ' is 0 at all positions of all
            samples, ``[units]``; ``None`` if φ has no flat part.
        """
        mean, std, _ = moments(h)
        values: Values = {"activation_mean": mean, "activation_std": std}
        own = self.traits
        if not (own.saturates or own.has_flat_part):
            return values, None
        slope = self.slope(u)
        is_lost = is_fast(slope) and mean != mean  # NaN
        if own.saturates:
            values["saturated_fraction"] = mean if is_lost else self._saturated(slope, plain(u))
        if not own.has_flat_part:
            return values, None
        active = share(slope)
        values["inactive_fraction"] = mean if is_lost else 1 - active
        least, greatest = torch.aminmax(layer.by_unit(slope), dim=0)
        return values, (least == 0) & (greatest == 0)

    def _saturated(self, slope: Tensor, u: Tensor) -> float | Tensor:
        own = self.traits
        if not is_fast(slope):
            return kernels.saturated_fraction(slope[None], u[None], own.steepest, own.live)[0]
        low = slope.abs() < SATURATED * own.steepest
        if self.has_dip:
            low &= (u < own.live[0]) | (u > own.live[1])
        return share(low)


ScalarFunctions = dict[Hashable, ScalarFunction | None]
"""By function and arguments; ``None`` for other functions than those of one number."""


def scalar_function(given: BoundFunction, device: str) -> ScalarFunction | None:
    """Examine a function by calling it; ``None`` if it is not a function of one number.

    Args:
        given: the function.
        device: device type of the model, such as ``cpu``.
    """
    phi = BoundActivation(given)
    try:
        with torch.autocast(device, enabled=False), _own_saved_tensors():
            own = traits(phi)
            near = torch.linspace(*own.live, 10_001, dtype=torch.float64)
            has_dip = bool((derivative(phi, near).abs() < SATURATED * own.steepest).any())
            z = torch.zeros(2)
            with torch.no_grad():
                given(z)
            return ScalarFunction(phi, own, _is_linear(phi), z._version > 0, has_dip)
    except Exception:  # any other function may raise anything
        return None


def _own_saved_tensors() -> torch.autograd.graph.saved_tensors_hooks:
    """Keep tensors of our own backward passes away from the hooks of activation checkpointing."""
    return torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)


def _is_linear(phi: nn.Module) -> bool:
    slopes = derivative(phi, torch.linspace(-3, 3, _POINTS, dtype=torch.float64))
    return bool((slopes - slopes[0]).abs().max() <= 1e-12 * slopes[0].abs())
