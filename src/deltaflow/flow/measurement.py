"""Measures one training step: computes the kernels from what a tape recorded of each layer.

A :class:`Tape` records one forward and backward pass through hooks. It does not change the
results of the pass, so the weights are bit for bit the same as without it.

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

Under batch normalisation a sample's loss depends on the whole batch. δ is then B times the
gradient of the batch-mean loss by z, and gradients of single samples do not exist: their columns
are null. Layer normalisation works within a sample, so those columns have values.
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
"""``[R]`` for each layer, by column of the layers table; ``None`` if the column does not apply."""


def measure(network: FullyConnected, tape: Tape, effective_rank: bool = False) -> Quantities:
    """Compute all quantities that the forward and backward pass of a step determine.

    Args:
        network: R networks, with the gradients of the batch-mean loss before clipping.
        tape: the record of the same pass.
        effective_rank: whether the effective rank is computed, too, which needs a singular value
            decomposition for each layer.

    Returns:
        ``[R]`` for each layer, by column of the layers table, in double precision.

    Raises:
        ValueError: if a gradient is missing.
    """
    quantities: Quantities = {}
    # h of the previous layer, as it is and in double precision
    before: tuple[Tensor | None, Tensor | None] = None, None
    for layer, (linear, passed) in enumerate(zip(network.layers, tape.layers, strict=True)):
        n_samples = passed.z.shape[1]
        norm = kernels.frobenius(_detached(linear.weight.grad))
        # ``z.grad`` is the gradient of the batch mean, δ that of the loss of one sample.
        delta_norms = kernels.sample_norms(_detached(passed.z.grad)) * n_samples
        h = None if passed.h is None else exact(passed.h)
        values = _backward(linear, delta_norms, norm)
        values |= _forward(network, layer, passed, h)
        if not network.mixes_samples:
            fed = before[1] if passed.fed is before[0] else passed.fed
            fed_norms = kernels.sample_norms(_detached(fed))
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
        ValueError: if ``x`` is ``None``.
    """
    return _detached(x).double()


def _detached(x: Tensor | None) -> Tensor:
    """``x``, detached, on a device that has float64: on the CPU if it is on MPS."""
    if x is None:
        raise UserError(
            "A measured step needs its gradients. Found none. Call backward() before measuring."
        )
    detached = x.detach()
    return detached.cpu() if detached.device.type == "mps" else detached


def _backward(linear: StackedLinear, delta_norms: Tensor, norm: Tensor) -> dict[str, Tensor | None]:
    """The quantities of the weights and of the batch gradient.

    Args:
        linear: the layer.
        delta_norms: ‖δ‖ of each sample, ``[R, B]``.
        norm: norm of the weight gradient, ``[R]``.
    """
    delta_norm = kernels.rms(delta_norms)
    return {
        "delta_rms": delta_norm / math.sqrt(linear.fan_out),
        "delta_norm": delta_norm,
        "weight_grad_rms": norm / math.sqrt(linear.fan_in * linear.fan_out),
        "weight_grad_norm": norm,
        "bias_grad_rms": kernels.rms(_detached(linear.bias.grad)),
        "weight_rms": kernels.rms(_detached(linear.weight)),
    }


def _by_sample(
    linear: StackedLinear, second_moment: Tensor, norm: Tensor, n_samples: int
) -> dict[str, Tensor | None]:
    """The quantities of single samples' gradients, ``[R]`` each; no noise for one sample."""
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
    """The quantities of the forward pass; ``h`` is φ(u) in double precision."""
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
    values["saturated_fraction"] = _join(saturated, sizes)
    values["inactive_fraction"] = _join(inactive, sizes)
    return values


def _by_traits(network: FullyConnected, layer: int, *tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """For each range of replicas, φ of a hidden layer, its traits and its slice of the tensors."""
    phi = network.activations[layer]
    functions = phi.functions if isinstance(phi, ByReplica) else [phi]
    sizes = [size for size, _ in network.trait_ranges]
    split = zip(*(tensor.split(sizes) for tensor in tensors), strict=True)
    for function, (_, traits), own in zip(functions, network.trait_ranges, split, strict=True):
        yield function, traits, *own


def quantities_of(quantities: Quantities, replicas: slice) -> Quantities:
    """The quantities of some replicas."""
    return {
        name: [None if value is None else value[replicas] for value in values]
        for name, values in quantities.items()
    }


def joined_quantities(parts: Sequence[Quantities]) -> Quantities:
    """Join the quantities of parts along the replica axis.

    A column that does not apply to a part is NaN for its replicas.
    """
    if len(parts) == 1:
        return parts[0]
    sizes = [
        next(len(v) for values in part.values() for v in values if v is not None) for part in parts
    ]
    return {
        name: [_join(layer, sizes) for layer in zip(*(part[name] for part in parts), strict=True)]
        for name in parts[0]
    }


def _join(found: Sequence[Tensor | None], sizes: Sequence[int]) -> Tensor | None:
    """Join values of ranges of replicas: NaN where they do not apply, ``None`` if nowhere."""
    if all(value is None for value in found):
        return None
    like = next(value for value in found if value is not None)
    pieces = [
        like.new_full((size,), torch.nan) if value is None else value
        for size, value in zip(sizes, found, strict=True)
    ]
    return exact(torch.cat(pieces))
