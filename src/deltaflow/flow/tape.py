"""Records the signals and gradients of each layer in one forward and backward pass."""

from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from deltaflow.nn.backpropagation import Backpropagation
from deltaflow.nn.hidden_layers import LayerPass
from deltaflow.nn.network import FullyConnected


class Tape:
    """A context manager that records the passes through a network.

    Args:
        network: the network to record.
        backpropagation: does both passes and holds their tensors; ``None`` for autograd.

    Attributes:
        layers: the tensors of each layer, input to output, after a forward pass.
    """

    def __init__(
        self, network: FullyConnected, backpropagation: Backpropagation | None = None
    ) -> None:
        self.network = network
        self.backpropagation = backpropagation
        self.layers: list[LayerPass] = []
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "Tape":
        if self.backpropagation is not None:
            return self
        for linear in self.network.layers:
            self._hooks.append(linear.register_forward_hook(self._record_linear))
        for activation in self.network.activations:
            self._hooks.append(activation.register_forward_hook(self._record_activation))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self.backpropagation is not None:
            self.layers = self.backpropagation.passes

    def _record_linear(self, module: nn.Module, inputs: tuple[Any, ...], z: Tensor) -> None:
        if z.requires_grad:
            z.retain_grad()
        self.layers.append(LayerPass(inputs[0].detach(), z))

    def _record_activation(self, module: nn.Module, inputs: tuple[Any, ...], h: Tensor) -> None:
        self.layers[-1].u, self.layers[-1].h = inputs[0].detach(), h.detach()
