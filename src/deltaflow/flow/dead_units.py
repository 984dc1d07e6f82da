"""Finds dead units: those with φ' = 0 on every sample of a probe set.

>>> from deltaflow.nn.initializers import He
>>> network = FullyConnected([2, 8, 1], torch.nn.ReLU(), n_replicas=3)
>>> network.initialize(He(), seeds=[0, 1, 2])
>>> with torch.no_grad():
...     _ = network.layers[0].bias[1].fill_(-100.0)
>>> dead_fractions(network, torch.ones(3, 5, 2))[0]
tensor([0.2500, 1.0000, 0.6250], dtype=torch.float64)
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.measurement import exact
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.slopes import slope
from deltaflow.nn.stacking import network_slice

_MAX_VALUES = 2**22  # activations in a pass over the probe set, so that they stay in the cache


def with_flat_parts(network: FullyConnected) -> list[tuple[slice, FullyConnected]]:
    """The networks of the ranges of replicas whose φ has a flat part.

    Args:
        network: R networks.

    Returns:
        Each range, and a network that shares the parameters of its replicas; ``network`` itself
        if the range has all replicas.
    """
    if len(network.trait_ranges) == 1:
        every = slice(0, network.n_replicas)
        return [(every, network)] if network.traits.has_flat_part else []
    ends = list(accumulate(size for size, _ in network.trait_ranges))
    return [
        (slice(end - size, end), network_slice(network, slice(end - size, end)))
        for end, (size, traits) in zip(ends, network.trait_ranges, strict=True)
        if traits.has_flat_part
    ]


def dead_fractions(
    network: FullyConnected,
    probe: Tensor,
    flat: Sequence[tuple[slice, FullyConnected]] | None = None,
) -> list[Tensor | None]:
    """Share of dead units of each layer on the probe set.

    Args:
        network: R networks. The training mode is restored afterwards.
        probe: ``[R, n_samples, n_features]``.
        flat: the result of :func:`with_flat_parts`; ``None`` to compute it.

    Returns:
        ``[R]`` for each layer, NaN for replicas whose φ has no flat part; ``None`` for the output
        layer, and for all layers if no φ has a flat part.
    """
    flat = with_flat_parts(network) if flat is None else flat
    if not flat:
        return [None] * len(network.layers)
    training = network.training
    dead = [probe.new_full((network.n_replicas,), torch.nan) for _ in range(network.depth)]
    for replicas, part in flat:
        part.eval()
        for layer, slopes in enumerate(_steepest_slopes(part, probe[replicas])):
            dead[layer][replicas] = kernels.dead_fraction(slopes)
    network.train(training)
    return [*(exact(share) for share in dead), None]


@torch.no_grad()
def _steepest_slopes(network: FullyConnected, probe: Tensor) -> list[Tensor]:
    """The greatest |φ'| of each hidden unit over the probe set, ``[R, 1, N]`` each."""
    n_rows = max(1, _MAX_VALUES // (network.n_replicas * sum(network.sizes)))
    steepest: list[Tensor] = []
    for rows in probe.split(n_rows, dim=1):
        h, found = rows, []
        for linear, normalization, phi in zip(
            network.layers, network.normalizations, network.activations, strict=False
        ):
            u = normalization(linear(h))
            h = phi(u)
            found.append(slope(phi, u, h).abs().amax(1, keepdim=True))
        steepest = [torch.maximum(*pair) for pair in zip(steepest or found, found, strict=True)]
    return steepest
