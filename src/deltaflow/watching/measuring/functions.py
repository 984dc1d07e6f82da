"""The functions that follow layers: what kind they are, and what is measured of them."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from deltaflow.flow import kernels
from deltaflow.nn.activations import SATURATED, Traits, derivative, traits
from deltaflow.watching.measuring.layers import WatchedLayer
from deltaflow.watching.measuring.reductions import (
    Values,
    is_fast,
    moments,
    plain,
    share,
)

_POINTS = 200  # from −3 to 3, where a function of constant slope passes for linear


@dataclass(frozen=True)
class Given:
    """A function, and what it was given besides one tensor.

    Attributes:
        function: of the tensor and the rest.
        args: the rest, with ``None`` in place of the tensor.
        kwargs: the same by name.
        at: the place or the name of the tensor.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = (None,)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    at: int | str = 0

    def __call__(self, z: Tensor) -> Any:
        """What it makes of another tensor, which it may write over."""
        if isinstance(self.at, str):
            return self.function(*self.args, **{**self.kwargs, self.at: z})
        return self.function(*self.args[: self.at], z, *self.args[self.at + 1 :], **self.kwargs)


class Phi(nn.Module):
    """A function of one tensor, as an activation."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self.given = given

    def forward(self, z: Tensor) -> Any:
        """φ(z), whatever the function does to its argument."""
        return self.given(z.clone())


@dataclass(frozen=True)
class Kind:
    """A function of one number.

    Attributes:
        phi: φ.
        traits: of φ.
        is_linear: whether its slope is the same everywhere.
        overwrites: whether it writes over its argument.
        has_dip: whether |φ'| falls below a twentieth of the steepest and rises again.
    """

    phi: Phi
    traits: Traits
    is_linear: bool
    overwrites: bool
    has_dip: bool

    def slope(self, u: Tensor) -> Tensor:
        """φ'(u), at least in single precision.

        Where φ is a single function of PyTorch's, its formula is asked without a backward pass.
        """
        u = plain(u)
        device = u.device.type
        is_mixed = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if is_mixed else nullcontext():
            if self.overwrites or not is_fast(u):
                with _saving_as_ever():
                    return derivative(self.phi, u)
            with _saving_as_ever(), torch.enable_grad():
                point = u.detach().requires_grad_()
                node: Any = self.phi.given(point).grad_fn
                before = node.next_functions
                if len(before) != 1 or getattr(before[0][0], "variable", None) is not point:
                    return derivative(self.phi, u)
                with torch.no_grad():
                    slope: Tensor = node(torch.ones_like(u))
                return slope

    def measure(self, u: Tensor, h: Tensor, layer: WatchedLayer) -> tuple[Values, Tensor | None]:
        """What is measured where it follows a layer, and which units are off.

        Args:
            u: what φ was given.
            h: φ(u).
            layer: that it follows.

        Returns:
            Columns of the layers table; and for each unit whether φ' is 0 at all positions of all
            samples, ``None`` where φ has no flat part.
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


Kinds = dict[Hashable, Kind | None]
"""By function and whatever it is given beside; ``None`` for no function of one number."""


def kind_of(given: Given, device: str) -> Kind | None:
    """What kind of function it is; ``None`` for no function of one number."""
    phi = Phi(given)
    try:
        with torch.autocast(device, enabled=False), _saving_as_ever():
            own = traits(phi)
            near = torch.linspace(*own.live, 10_001, dtype=torch.float64)
            has_dip = bool((derivative(phi, near).abs() < SATURATED * own.steepest).any())
            z = torch.zeros(2)
            with torch.no_grad():
                given(z)
            return Kind(phi, own, _is_linear(phi), z._version > 0, has_dip)
    except Exception:  # no function of one number: whatever it makes of others, it may raise
        return None


def _saving_as_ever() -> torch.autograd.graph.saved_tensors_hooks:
    """What is saved for a backward pass of ours is none that activation checkpointing counts."""
    return torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)


def _is_linear(phi: nn.Module) -> bool:
    slopes = derivative(phi, torch.linspace(-3, 3, _POINTS, dtype=torch.float64))
    return bool((slopes - slopes[0]).abs().max() <= 1e-12 * slopes[0].abs())
