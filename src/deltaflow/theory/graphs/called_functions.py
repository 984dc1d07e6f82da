"""Wraps functions in a traced graph as activation modules."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, fx, nn


class CalledFunction(nn.Module):
    """A function call of a traced graph, as a function of its only tensor."""

    def __init__(self, node: fx.Node) -> None:
        super().__init__()
        self.node = node
        (self.tensor,) = node.all_input_nodes

    def forward(self, z: Tensor) -> Tensor:
        """φ(z); `z` is not overwritten."""
        args = fx.map_arg(self.node.args, lambda x: z.clone())
        kwargs = fx.map_arg(self.node.kwargs, lambda x: z.clone())
        target: str | Callable[..., Any] = self.node.target
        call = getattr(Tensor, target) if isinstance(target, str) else target
        found: Tensor = call(*args, **kwargs)
        return found

    def __repr__(self) -> str:
        given = [x for x in (*self.node.args, *self.node.kwargs.items()) if x is not self.tensor]
        return f"{name_of(self.node)}{tuple(given)}"


class OutOfPlace(nn.Module):
    """An in-place module that works on a copy of its argument."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.function = inner.forward
        self.name = repr(inner)

    def forward(self, z: Tensor) -> Tensor:
        """φ(z); `z` is not overwritten."""
        found: Tensor = self.function(z.clone())
        return found

    def __repr__(self) -> str:
        return self.name


def name_of(node: fx.Node) -> str:
    """The Python name of the function that a node calls."""
    return node.target if isinstance(node.target, str) else str(node.target.__name__)
