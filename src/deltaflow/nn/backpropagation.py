"""Backpropagation by formulas: a forward and a backward pass through a stack of networks.

With z_l = W_l h_{l−1} + b_l, u_l = z_l or normalised z_l, h_l = φ(u_l), and δ_l the gradient of the
loss by z_l,

    δ_l = φ'(u_l) ⊙ W_{l+1}ᵀ δ_{l+1},   ∂/∂W_l = Σ_b δ_l h_{l−1}ᵀ,   ∂/∂b_l = Σ_b δ_l

(Rumelhart, Hinton & Williams 1986). The results are those of autograd, but every step uses the
same buffers and builds no graph, so a step of a small stack takes a fraction of the time. Hidden
layers with normalisation, dropout or a φ without a formula are differentiated by autograd.

>>> from deltaflow.nn.initializers import He
>>> network = FullyConnected([2, 8, 1], torch.nn.ReLU(), n_replicas=3)
>>> network.initialize(He(), seeds=[0, 1, 2])
>>> x, by_formula = torch.ones(3, 5, 2), Backpropagation(network)
>>> output = by_formula.forward(x)
>>> by_formula.backward(torch.ones_like(output))
>>> gradient = network.layers[0].weight.grad
>>> network.zero_grad()
>>> network(x).sum().backward()
>>> torch.allclose(gradient, network.layers[0].weight.grad)
True
"""

import threading
from collections.abc import Callable, Hashable
from typing import cast

import torch
from torch import Tensor

from deltaflow.nn.hidden_layers import LayerPass, hidden_layer
from deltaflow.nn.layers import StackedLinear
from deltaflow.nn.network import FullyConnected

Gradients = tuple[Tensor, Tensor]  # of a weight, [R, fan_out, fan_in], and of a bias, [R, fan_out]
LayerUpdate = Callable[[int, Gradients], None]  # of the linear layer with a number, from 0


class Buffers(threading.local):
    """Memory for passes, which networks of the same layer sizes share; each thread has its own.

    Attributes:
        passes: the tensors of each layer, by the shape of the input and the kinds of the layers.
        gradients: those of a linear layer's weight and bias, by the shape of the weight and the
            number of the layer, which is ``None`` in a pass that updates the layers.
    """

    def __init__(self) -> None:
        self.passes: dict[Hashable, list[LayerPass]] = {}
        self.gradients: dict[tuple[torch.Size, int | None], Gradients] = {}


class Backpropagation:
    """Computes both passes through a network whose parameters stay in the same memory.

    Args:
        network: R networks.
        buffers: memory for the passes, if it is shared with other networks.

    Attributes:
        passes: the tensors of each layer in the last pass, input to output; the next pass with the
            same buffers overwrites them.
    """

    def __init__(self, network: FullyConnected, buffers: Buffers | None = None) -> None:
        self.network = network
        self.passes: list[LayerPass] = []
        self._linears = [_Linear(linear) for linear in network.layers]
        self._hidden = [hidden_layer(network, layer) for layer in range(network.depth)]
        self._kinds = tuple(map(type, self._hidden))
        self._buffers = Buffers() if buffers is None else buffers

    @torch.no_grad()
    def forward(self, x: Tensor, step: int = 0) -> Tensor:
        """The output layer's z, ``[R, batch, n_outputs]``, in a buffer that later passes overwrite.

        Args:
            x: inputs, ``[R, batch, n_features]``.
            step: number of the training step, on which dropout depends.
        """
        known, key = self._buffers.passes, (x.shape, self._kinds)
        if key not in known:
            known[key] = [linear.make_buffers(x) for linear in self._linears]
        self.passes = known[key]
        h = x
        for linear, hidden, passed in zip(
            self._linears, [*self._hidden, None], self.passes, strict=True
        ):
            passed.inputs = h
            torch.baddbmm(linear.bias, h, linear.transposed, out=passed.z)
            if hidden is not None:
                h = hidden.forward(passed, step)
        return self.passes[-1].z

    @torch.no_grad()
    def backward(
        self, gradient: Tensor, update: LayerUpdate | None = None, in_buffers: bool = False
    ) -> None:
        """Set the gradient of every parameter, or update the linear layers without setting them.

        Args:
            gradient: gradient of the loss by the result of :meth:`forward`, in the same shape.
            update: called for each linear layer, the last first, with its number and its gradients,
                as soon as the layer may change; layers of one shape have the same two tensors.
            in_buffers: whether the gradients that are set lie in the buffers, too, and the next
                pass overwrites them.
        """
        delta = self.passes[-1].z.grad = gradient
        for layer in reversed(range(len(self._linears))):
            linear, passed = self._linears[layer], self.passes[layer]
            before = self.passes[layer - 1] if layer else None
            if before is not None:
                torch.bmm(delta, linear.weight, out=cast(Tensor, before.z.grad))
            gradients = linear.gradients
            if in_buffers or update is not None:
                gradients = self._buffer(layer, None if update is not None else layer)
            elif gradients is None:
                gradients = linear.gradients = linear.make_gradients()
            linear.compute_gradients(passed.inputs, delta, gradients)
            if update is not None:
                update(layer, gradients)
            else:
                linear.set_gradients(gradients)
            if before is not None:
                self._hidden[layer - 1].backward(before)
                delta = cast(Tensor, before.z.grad)

    def release_gradients(self) -> None:
        """Free the memory of the gradients of linear layers; a pass that sets them makes new."""
        for linear in self._linears:
            linear.gradients = None
            for parameter in linear.parameters:
                parameter.grad = None

    def _buffer(self, layer: int, number: int | None) -> Gradients:
        linear, known = self._linears[layer], self._buffers.gradients
        key = linear.weight.shape, number
        if key not in known:
            known[key] = linear.make_gradients()
        return known[key]


class _Linear:
    """A linear layer's parameters and gradients."""

    def __init__(self, linear: StackedLinear) -> None:
        self.parameters = linear.weight, linear.bias
        self.weight = linear.weight.detach()
        self.transposed = self.weight.transpose(1, 2)  # [R, fan_in, fan_out]
        self.bias = linear.bias.detach().unsqueeze(1)
        self.gradients: Gradients | None = None

    def make_buffers(self, x: Tensor) -> LayerPass:
        """Make the buffers of the layer for a batch of the shape of ``x``."""
        z = x.new_empty(*x.shape[:2], self.weight.shape[1])
        z.grad = torch.empty_like(z)
        return LayerPass(x, z)

    def make_gradients(self) -> Gradients:
        """Make tensors for the gradients of weight and bias."""
        weight, bias = self.parameters
        return torch.empty_like(weight.detach()), torch.empty_like(bias.detach())

    def compute_gradients(self, inputs: Tensor, delta: Tensor, gradients: Gradients) -> None:
        """Write the gradients of weight and bias, summed over the batch, into ``gradients``."""
        weight, bias = gradients
        torch.bmm(delta.transpose(1, 2), inputs, out=weight)
        torch.sum(delta, 1, out=bias)

    def set_gradients(self, gradients: Gradients) -> None:
        """Set the gradients of weight and bias."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if parameter.grad is not gradient:
                parameter.grad = gradient
