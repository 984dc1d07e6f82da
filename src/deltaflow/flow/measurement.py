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
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.tape import Tape
from deltaflow.nn.backpropagation import LayerPass
from deltaflow.nn.layers import StackedLinear
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.slopes import slope
from deltaflow.nn.stacking import ByReplica
from deltaflow.system.errors import UserError

Quantities = dict[str, list[Tensor | None]]
"""Per column of the layers table, a value ``[R]`` for each layer; ``None`` = does not apply."""


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
    before: tuple[Tensor | None, Tensor | None] = None, None  # h of the layer below, and exact
    for layer, (linear, passed) in enumerate(zip(network.layers, tape.layers, strict=True)):
        n_samples = passed.z.shape[1]
        norm = kernels.frobenius(_there(linear.weight.grad))
        delta_norms = kernels.sample_norms(_there(passed.z.grad)) * n_samples  # the mean undone
        h = None if passed.h is None else exact(passed.h)
        values = _backward(linear, delta_norms, norm)
        values |= _forward(network, layer, passed, h)
        if not network.mixes_samples:
            fed = before[1] if passed.fed is before[0] else passed.fed
            fed_norms = kernels.sample_norms(_there(fed))
            second_moment = kernels.sample_gradient_second_moment(delta_norms, fed_norms)
            values |= _by_sample(linear, second_moment, norm, n_samples)
        if effective_rank:
            values["effective_rank"] = None if h is None else kernels.effective_rank(h)
        for name, value in values.items():
            quantities.setdefault(name, []).append(value)
        before = passed.h, h
    return quantities


def exact(x: Tensor | None) -> Tensor:
    """``x`` in double precision, where the squares of tiny gradients do not underflow.

    Raises:
        ValueError: if there is none.
    """
    return _there(x).double()


def _there(x: Tensor | None) -> Tensor:
    """``x`` where it can be added up in double precision: MPS has no float64, the CPU has."""
    if x is None:
        raise UserError(
            "A measured step needs its gradients. Found none. Call backward() before measuring."
        )
    detached = x.detach()
    return detached.cpu() if detached.device.type == "mps" else detached


def _backward(linear: StackedLinear, delta_norms: Tensor, norm: Tensor) -> dict[str, Tensor | None]:
    """The quantities that speak of the batch's gradient.

    Args:
        linear: the layer.
        delta_norms: ‖δ‖ of each sample, ``[R, B]``.
        norm: of the weight gradient, ``[R]``.
    """
    delta_norm = kernels.rms(delta_norms)
    return {
        "delta_rms": delta_norm / math.sqrt(linear.fan_out),
        "delta_norm": delta_norm,
        "weight_grad_rms": norm / math.sqrt(linear.fan_in * linear.fan_out),
        "weight_grad_norm": norm,
        "bias_grad_rms": kernels.rms(_there(linear.bias.grad)),
        "weight_rms": kernels.rms(_there(linear.weight)),
    }


def _by_sample(
    linear: StackedLinear, second_moment: Tensor, norm: Tensor, n_samples: int
) -> dict[str, Tensor | None]:
    """The quantities that speak of single samples' gradients, of that second moment."""
    trace = signal = None
    if n_samples > 1:
        trace, signal = kernels.gradient_noise(second_moment, norm, n_samples)
    return {
        "sample_grad_rms": kernels.sample_grad_rms(second_moment, linear.fan_in, linear.fan_out),
        "grad_noise_trace": trace,
        "grad_signal": signal,
    }


def _forward(
    network: FullyConnected, layer: int, passed: LayerPass, h: Tensor | None
) -> dict[str, Tensor | None]:
    """The quantities that speak of signals; ``h`` is φ(u) in double precision."""
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
    if passed.u is None or passed.h is None or h is None:
        return values
    values["activation_mean"], values["activation_std"], _ = kernels.moments(h)
    saturated: list[Tensor | None] = []
    inactive: list[Tensor | None] = []
    for phi, traits, u, of_u in _by_traits(network, layer, passed.u, passed.h):
        slopes = slope(phi, u, of_u) if traits.saturates or traits.has_flat_part else None
        live = traits.live if traits.dips else None
        saturated.append(
            kernels.saturated_fraction(slopes, u, traits.steepest, live)
            if slopes is not None and traits.saturates
            else None
        )
        inactive.append(
            kernels.inactive_fraction(slopes)
            if slopes is not None and traits.has_flat_part
            else None
        )
    sizes = [size for size, _ in network.trait_ranges]
    values["saturated_fraction"] = _whole(saturated, sizes)
    values["inactive_fraction"] = _whole(inactive, sizes)
    return values


def _by_traits(network: FullyConnected, layer: int, *tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """φ of a hidden layer, its traits and its part of the tensors, for each range of replicas."""
    phi = network.activations[layer]
    functions = phi.functions if isinstance(phi, ByReplica) else [phi]
    sizes = [size for size, _ in network.trait_ranges]
    split = zip(*(tensor.split(sizes) for tensor in tensors), strict=True)
    for function, (_, traits), its in zip(functions, network.trait_ranges, split, strict=True):
        yield function, traits, *its


def joined_quantities(parts: Sequence[Quantities]) -> Quantities:
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
