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

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.tape import Tape
from deltaflow.nn.hidden_layers import LayerPass
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
    n_layers, n_samples = len(network.layers), tape.layers[0].z.shape[1]
    gradient_norms, bias_norms, weight_norms, delta_norms, input_norms = ([] for _ in range(5))
    forward: list[dict[str, Tensor | None]] = []
    h, h_norms = None, None  # of the previous layer
    for layer, (linear, passed) in enumerate(zip(network.layers, tape.layers, strict=True)):
        gradient_norms.append(kernels.frobenius(_detached(linear.weight.grad)))
        bias_norms.append(kernels.frobenius(_detached(linear.bias.grad)))
        weight_norms.append(kernels.frobenius(_detached(linear.weight)))
        # ``z.grad`` is the gradient of the batch mean, δ that of the loss of one sample.
        delta_norms.append(kernels.sample_norms(_detached(passed.z.grad)) * n_samples)
        if h_norms is None or passed.inputs is not h:
            h_norms = kernels.sample_norms(_detached(passed.inputs))
        input_norms.append(h_norms)
        values, h_norms = _forward(network, layer, passed, effective_rank)
        forward.append(values)
        h = passed.h
    quantities = {name: [values[name] for values in forward] for name in forward[0]}
    # What follows is done for all layers at once: [L, R] or [L, R, B], and [L, 1] for the sizes.
    fan_in = delta_norms[0].new_tensor([[layer.fan_in] for layer in network.layers])
    fan_out = delta_norms[0].new_tensor([[layer.fan_out] for layer in network.layers])
    norm, delta = torch.stack(gradient_norms), torch.stack(delta_norms)
    delta_norm = kernels.rms(delta.flatten(0, 1)).view(n_layers, -1)
    found = {
        "delta_rms": delta_norm / fan_out.sqrt(),
        "delta_norm": delta_norm,
        "weight_grad_rms": norm / (fan_in * fan_out).sqrt(),
        "weight_grad_norm": norm,
        "bias_grad_rms": torch.stack(bias_norms) / fan_out.sqrt(),
        "weight_rms": torch.stack(weight_norms) / (fan_in * fan_out).sqrt(),
    }
    if not network.mixes_samples:
        second_moment = kernels.sample_gradient_second_moment(delta, torch.stack(input_norms))
        found["sample_grad_rms"] = kernels.sample_grad_rms(second_moment, fan_in * fan_out)
        if n_samples > 1:
            noise = kernels.gradient_noise(second_moment, norm, n_samples)
            found["grad_noise_trace"], found["grad_signal"] = noise
        else:
            quantities |= {name: [None] * n_layers for name in ("grad_noise_trace", "grad_signal")}
    return quantities | {name: [*values.unbind()] for name, values in found.items()}


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


def _forward(
    network: FullyConnected, layer: int, passed: LayerPass, effective_rank: bool
) -> tuple[dict[str, Tensor | None], Tensor | None]:
    """The quantities of the forward pass, and ‖h‖ of each sample, ``[R, B]``, if there is an h."""
    mean, std, second_moment = _moments(passed.z)
    values: dict[str, Tensor | None] = {
        "preactivation_mean": mean,
        "preactivation_std": std,
        "preactivation_second_moment": second_moment,
        "activation_mean": None,
        "activation_std": None,
        "saturated_fraction": None,
        "inactive_fraction": None,
    }
    if effective_rank:
        values["effective_rank"] = None
    if passed.u is None or passed.h is None:
        return values, None
    norms = kernels.sample_norms(_detached(passed.h))
    if effective_rank:
        values["effective_rank"] = kernels.effective_rank(exact(passed.h))
    values["activation_mean"], values["activation_std"], _ = _moments(passed.h)
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
    return values, norms


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    copied = exact(x)
    return kernels.moments(copied, overwrite=copied.dtype != x.dtype)


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
    if len(found) == 1:
        return exact(like)
    pieces = [
        like.new_full((size,), torch.nan) if value is None else value
        for size, value in zip(sizes, found, strict=True)
    ]
    return exact(torch.cat(pieces))
