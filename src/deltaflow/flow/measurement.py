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

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from deltaflow.flow import kernels
from deltaflow.flow.tape import Tape
from deltaflow.nn.activations import Traits, derivative
from deltaflow.nn.backpropagation import LayerPass
from deltaflow.nn.layers import StackedLinear
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError

Quantities = dict[str, list[Tensor | None]]
"""Per column of the layers table, a value ``[R]`` for each layer; ``None`` = does not apply."""

_MOST_VALUES = 2**22  # of a pass over the probe set, which then stays in the processor's cache


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
        norm = kernels.frobenius(exact(linear.weight.grad))
        values = _backward(linear, delta, norm) | _forward(network, phi, passed)
        if not network.mixes_samples:
            values |= _by_sample(linear, delta, exact(passed.fed), norm)
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
    if not any(traits.has_flat_part for _, traits in network.trait_ranges):
        return [None] * len(network.layers)
    training = network.training
    network.eval()
    n_rows = max(1, _MOST_VALUES // (network.n_replicas * sum(network.sizes)))
    steepest: list[Tensor] = []  # |φ'| of each unit of the hidden layers, [R, 1, N]
    for rows in probe.split(n_rows, dim=1):
        with Tape(network) as tape, torch.no_grad():
            network(rows)
        slopes = [
            derivative(phi, passed.u).abs().amax(1, keepdim=True)
            for phi, passed in zip(network.activations, tape.layers, strict=False)
            if passed.u is not None
        ]
        steepest = [torch.maximum(*pair) for pair in zip(steepest or slopes, slopes, strict=True)]
    network.train(training)
    return [*(_by_range(network, _dead, slope) for slope in steepest), None]


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


def _backward(linear: StackedLinear, delta: Tensor, norm: Tensor) -> dict[str, Tensor | None]:
    """The quantities that speak of the batch's gradient, of that norm."""
    delta_rms, n_weights = kernels.rms(delta), linear.fan_in * linear.fan_out
    return {
        "delta_rms": delta_rms,
        "delta_norm": delta_rms * math.sqrt(delta.shape[-1]),
        "weight_grad_rms": norm / math.sqrt(n_weights),
        "weight_grad_norm": norm,
        "bias_grad_rms": kernels.rms(exact(linear.bias.grad)),
        "weight_rms": kernels.rms(exact(linear.weight)),
    }


def _by_sample(
    linear: StackedLinear, delta: Tensor, fed: Tensor, norm: Tensor
) -> dict[str, Tensor | None]:
    """The quantities that speak of single samples' gradients."""
    second_moment = kernels.sample_gradient_second_moment(delta, fed)
    trace = signal = None
    if (n_samples := delta.shape[1]) > 1:
        trace, signal = kernels.gradient_noise(second_moment, norm, n_samples)
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
    values["saturated_fraction"] = _by_range(network, _saturated, slope, passed.u)
    values["inactive_fraction"] = _by_range(network, _inactive, slope)
    return values


def _by_range(
    network: FullyConnected, kernel: Callable[..., Tensor | None], *tensors: Tensor
) -> Tensor | None:
    """What a kernel gives for the traits of each range of replicas.

    Args:
        network: whose φ it is.
        kernel: of the traits and the tensors; ``None`` where it does not apply.
        tensors: ``[R, …]`` each.

    Returns:
        ``[R]``, in double precision, NaN where it does not apply; ``None`` if it does nowhere.
    """
    sizes = [size for size, _ in network.trait_ranges]
    pieces = zip(*(tensor.split(sizes) for tensor in tensors), strict=True)
    found = [
        kernel(traits, *piece)
        for (_, traits), piece in zip(network.trait_ranges, pieces, strict=True)
    ]
    return _whole(found, sizes)


def joined(parts: Sequence[Quantities]) -> Quantities:
    """The quantities of all replicas from those of parts of them.

    What applies to some parts alone is NaN in the others.
    """
    if len(parts) == 1:
        return parts[0]
    sizes = [
        next(len(v) for values in part.values() for v in values if v is not None) for part in parts
    ]
    return {
        name: [_whole(layer, sizes) for layer in zip(*(part[name] for part in parts), strict=True)]
        for name in parts[0]
    }


def _whole(found: Sequence[Tensor | None], sizes: Sequence[int]) -> Tensor | None:
    """Values of ranges of replicas as one, NaN where they do not apply; ``None`` if nowhere."""
    if all(value is None for value in found):
        return None
    like = next(value for value in found if value is not None)
    pieces = [
        like.new_full((size,), torch.nan) if value is None else value
        for size, value in zip(sizes, found, strict=True)
    ]
    return exact(torch.cat(pieces))


def _saturated(traits: Traits, slope: Tensor, u: Tensor) -> Tensor | None:
    if not traits.saturates:
        return None
    return kernels.saturated_fraction(slope, u, traits.steepest, traits.live)


def _inactive(traits: Traits, slope: Tensor) -> Tensor | None:
    return kernels.inactive_fraction(slope) if traits.has_flat_part else None


def _dead(traits: Traits, slope: Tensor) -> Tensor | None:
    return kernels.dead_fraction(slope) if traits.has_flat_part else None
