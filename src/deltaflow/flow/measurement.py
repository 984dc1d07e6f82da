"""One measured step: what passed through each layer, and the kernels over it.

A :class:`Tape` listens to one forward and backward pass through hooks. It changes nothing
that the pass computes, so weights are bit for bit what they would be without it.

>>> from deltaflow.nn.initializers import He
>>> network = FullyConnected([2, 8, 8, 1], torch.nn.ReLU(), n_replicas=3)
>>> network.initialize(He(), seeds=[0, 1, 2])
>>> with Tape(network) as tape:
...     output = network(torch.ones(3, 5, 2))
>>> output.square().mean(1).sum().backward()
>>> quantities = measure(network, tape)
>>> quantities["delta_norm"][0].shape  # of layer 1, per replica
torch.Size([3])
>>> quantities["activation_mean"][-1] is None  # the output layer has no φ
True

Under batch normalisation a sample's loss moves with the whole batch. δ is then what the
batch loss says of z, and gradients of single samples do not exist: their columns are null.
Layer normalisation works within a sample, so there they stay.
"""

import itertools
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from deltaflow.flow import kernels
from deltaflow.nn.activations import derivative
from deltaflow.nn.layers import StackedLinear
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError

Quantities = dict[str, list[Tensor | None]]
"""Per column of the layers table, a value ``[R]`` for each layer; ``None`` = does not apply."""


@dataclass
class LayerPass:
    """What went through one layer: ``[R, B, …]`` each.

    Attributes:
        fed: the layer's input h_{l−1}.
        z: its pre-activation, the linear layer's output; ``z.grad`` after the backward pass.
        u: what φ was given: z, or what normalisation made of it; ``None`` without φ.
        h: φ(u), ``None`` without φ.
    """

    fed: Tensor
    z: Tensor
    u: Tensor | None = None
    h: Tensor | None = None


class Tape:
    """Remembers what goes through the layers of a network while it is entered.

    Args:
        network: to listen to.

    Attributes:
        layers: one entry per layer, input to output, after a forward pass.
    """

    def __init__(self, network: FullyConnected) -> None:
        self.network = network
        self.layers: list[LayerPass] = []
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "Tape":
        for linear in self.network.layers:
            self._hooks.append(linear.register_forward_hook(self._linear))
        for activation in self.network.activations:
            self._hooks.append(activation.register_forward_hook(self._activation))
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

    def _linear(self, module: nn.Module, inputs: tuple[Any, ...], z: Tensor) -> None:
        if z.requires_grad:
            z.retain_grad()
        self.layers.append(LayerPass(inputs[0].detach(), z))

    def _activation(self, module: nn.Module, inputs: tuple[Any, ...], h: Tensor) -> None:
        self.layers[-1].u, self.layers[-1].h = inputs[0].detach(), h.detach()


def measure(network: FullyConnected, tape: Tape, effective_rank: bool = False) -> Quantities:
    """All quantities of a step that its forward and backward pass determine.

    Args:
        network: with the gradients of the batch-mean loss, not yet clipped.
        tape: of the forward pass that they come from.
        effective_rank: measure it too, which takes a singular value decomposition a layer.

    Returns:
        Per column of the layers table, a value ``[R]`` for each layer, in double precision.
    """
    quantities: Quantities = {}
    for layer, (linear, passed) in enumerate(zip(network.layers, tape.layers, strict=True)):
        phi = network.activations[layer] if layer < network.depth else None
        delta = exact(passed.z.grad) * passed.z.shape[1]  # the batch mean undone
        values = _backward(linear, delta) | _forward(network, phi, passed)
        if not network.mixes_samples:
            values |= _by_sample(linear, delta, exact(passed.fed))
        if effective_rank:
            rank = None if passed.h is None else kernels.effective_rank(exact(passed.h))
            values["effective_rank"] = rank
        for name, value in values.items():
            quantities.setdefault(name, []).append(value)
    return quantities


def dead_fractions(network: FullyConnected, probe: Tensor) -> list[Tensor | None]:
    """Share of dead units of each layer on the probe set.

    Args:
        network: R networks; run in evaluation mode, and left in the mode it was in.
        probe: ``[R, n_samples, n_features]``.

    Returns:
        ``[R]`` for each layer; ``None`` without φ, or where φ has no flat part.
    """
    if not network.traits.has_flat_part:
        return [None] * len(network.layers)
    training = network.training
    network.eval()
    with Tape(network) as tape, torch.no_grad():
        network(probe)
    network.train(training)
    return [
        None if p.u is None else exact(kernels.dead_fraction(derivative(phi, p.u)))
        for phi, p in itertools.zip_longest(network.activations, tape.layers)
    ]


def exact(x: Tensor | None) -> Tensor:
    """``x`` in double precision, where the squares of tiny gradients do not underflow.

    MPS has no float64, so its tensors come to the CPU.
    """
    if x is None:
        raise UserError(
            "A measured step needs its gradients. Found none. Call backward() before measuring."
        )
    detached = x.detach()
    return (detached.cpu() if detached.device.type == "mps" else detached).double()


def _backward(linear: StackedLinear, delta: Tensor) -> dict[str, Tensor | None]:
    """The quantities that speak of the batch's gradient."""
    gradient = exact(linear.weight.grad)
    return {
        "delta_rms": kernels.rms(delta),
        "delta_norm": kernels.delta_norm(delta),
        "weight_grad_rms": kernels.rms(gradient),
        "weight_grad_norm": kernels.frobenius(gradient),
        "bias_grad_rms": kernels.rms(exact(linear.bias.grad)),
        "weight_rms": kernels.rms(exact(linear.weight)),
    }


def _by_sample(linear: StackedLinear, delta: Tensor, fed: Tensor) -> dict[str, Tensor | None]:
    """The quantities that speak of single samples' gradients."""
    second_moment = kernels.sample_gradient_second_moment(delta, fed)
    trace = signal = None
    if (n_samples := delta.shape[1]) > 1:
        gradient = exact(linear.weight.grad)
        trace, signal = kernels.gradient_noise(second_moment, gradient, n_samples)
    return {
        "sample_grad_rms": kernels.sample_grad_rms(second_moment, linear.fan_in, linear.fan_out),
        "grad_noise_trace": trace,
        "grad_signal": signal,
    }


def _forward(
    network: FullyConnected, phi: nn.Module | None, passed: LayerPass
) -> dict[str, Tensor | None]:
    """The quantities that speak of signals."""
    mean, std, second_moment = kernels.moments(exact(passed.z))
    values: dict[str, Tensor | None] = {
        "preactivation_mean": mean,
        "preactivation_std": std,
        "preactivation_second_moment": second_moment,
        "activation_mean": None,
        "activation_std": None,
        "saturated_fraction": None,
        "inactive_fraction": None,
    }
    if phi is None or passed.u is None or passed.h is None:
        return values
    values["activation_mean"], values["activation_std"], _ = kernels.moments(exact(passed.h))
    slope = derivative(phi, passed.u)
    if network.traits.saturates:
        values["saturated_fraction"] = exact(
            kernels.saturated_fraction(
                slope, passed.u, network.traits.steepest, network.traits.live
            )
        )
    if network.traits.has_flat_part:
        values["inactive_fraction"] = exact(kernels.inactive_fraction(slope))
    return values
