"""What follows a linear layer, in both passes through a stack of networks.

Normalisation, φ and dropout are computed by formulas where there are formulas, else by autograd.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.nn.layers import StackedDropout
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.slopes import Formula, formula
from deltaflow.nn.stacking import ByReplica


@dataclass
class LayerPass:
    """The tensors of one layer in a pass, ``[R, B, …]`` each.

    Attributes:
        inputs: the layer's input h_{l−1}.
        z: the pre-activation, the output of the linear layer; the backward pass sets ``z.grad``.
        u: the input of φ: z, or normalised z; ``None`` for the output layer.
        h: φ(u); ``None`` for the output layer.
    """

    inputs: Tensor
    z: Tensor
    u: Tensor | None = None
    h: Tensor | None = None


class HiddenLayer(Protocol):
    """Normalisation, φ and dropout of a hidden layer."""

    def forward(self, passed: LayerPass, step: int) -> Tensor:
        """Set ``u`` and ``h`` from ``z``, and return the input of the next layer."""

    def backward(self, passed: LayerPass) -> None:
        """Turn ``z.grad`` from the gradient by the next layer's input into that by ``z``."""


class _ByFormula:
    """A hidden layer with φ alone; each range of replicas has a φ with a formula."""

    def __init__(self, formulas: list[tuple[slice, Formula]]) -> None:
        self.formulas = formulas

    def forward(self, passed: LayerPass, step: int) -> Tensor:
        if passed.h is None:
            passed.u, passed.h = passed.z.detach(), torch.empty_like(passed.z)
        for phi, u, h in self._each(passed.z, passed.h):
            phi.apply(u, h)
        return passed.h

    def backward(self, passed: LayerPass) -> None:
        for phi, u, h, delta in self._each(passed.z, passed.h, passed.z.grad):
            phi.multiply_by_slope(delta, u, h)

    def _each(self, *tensors: Tensor | None) -> Iterator[tuple[Any, ...]]:
        for replicas, phi in self.formulas:
            if len(self.formulas) == 1:
                yield phi, *tensors
            else:
                yield phi, *(cast(Tensor, tensor)[replicas] for tensor in tensors)


class _ByAutograd:
    """Normalisation, φ and dropout of a hidden layer, with a graph from z to the next input."""

    def __init__(self, network: FullyConnected, layer: int) -> None:
        self.normalization = network.normalizations[layer]
        self.phi = network.activations[layer]
        self.dropout = cast(StackedDropout, network.dropouts[layer])
        self.seeds = network.seeds
        self._inputs: list[Tensor] = []  # z, γ, β
        self._output: Tensor

    def forward(self, passed: LayerPass, step: int) -> Tensor:
        z = passed.z.detach().requires_grad_()
        with torch.enable_grad():
            u = self.normalization(z)
            h = self.phi(u)
            self._output = self.dropout(h, self.seeds, step)
        self._inputs = [z, *self.normalization.parameters()]
        passed.u, passed.h = u.detach(), h.detach()
        return self._output.detach()

    def backward(self, passed: LayerPass) -> None:
        delta = cast(Tensor, passed.z.grad)
        found = torch.autograd.grad(self._output, self._inputs, delta)
        delta.copy_(found[0])
        for parameter, gradient in zip(self._inputs[1:], found[1:], strict=True):
            parameter.grad = gradient


def hidden_layer(network: FullyConnected, layer: int) -> HiddenLayer:
    """What follows a linear layer of a network.

    Args:
        network: R networks.
        layer: number of the hidden layer, from 0.
    """
    phi = network.activations[layer]
    ranges: list[tuple[int, nn.Module]] = [(network.n_replicas, phi)]
    if isinstance(phi, ByReplica):
        ranges = list(zip(phi.sizes, phi.functions, strict=True))
    dropout = cast(StackedDropout, network.dropouts[layer])
    formulas = [formula(function) for _, function in ranges]
    plain = network.normalization is None and not np.any(dropout.rate)
    if not plain or any(found is None for found in formulas):
        return _ByAutograd(network, layer)
    ends = accumulate(size for size, _ in ranges)
    slices = [slice(end - size, end) for end, (size, _) in zip(ends, ranges, strict=True)]
    return _ByFormula(list(zip(slices, cast(list[Formula], formulas), strict=True)))
