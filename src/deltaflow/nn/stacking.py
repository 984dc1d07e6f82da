"""Joins several stacked networks of one shape along the replica axis, and takes them apart.

The parameters of the single networks become views of the joined network's. So when an optimizer
updates a single network, or its state is loaded, the joined network changes, too.

>>> from deltaflow.nn.initializers import He
>>> parts = [FullyConnected([4, 8, 3], phi, n_replicas=2) for phi in (nn.ReLU(), nn.Tanh())]
>>> for part in parts:
...     part.initialize(He(), seeds=[0, 1])
>>> whole = joined_network(parts, [0, 1])
>>> x = torch.ones(4, 16, 4)
>>> torch.equal(whole(x)[2:], parts[1](x[2:]))
True
"""

import copy
import itertools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.nn.layers import StackedDropout
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective

Item = TypeVar("Item")


class ByReplica(nn.Module):
    """Applies a different function to each range of replicas.

    Args:
        functions: modules that map ``[r, …]`` to ``[r, …]`` and do not mix samples.
        sizes: number of consecutive replicas r of each function; the sum is R.
    """

    def __init__(self, functions: Sequence[nn.Module], sizes: Sequence[int]) -> None:
        super().__init__()
        self.functions = nn.ModuleList(functions)
        self.sizes = list(sizes)

    def forward(self, z: Tensor) -> Tensor:
        """Apply each function to its range of ``z``, ``[R, …]``."""
        pieces = z.split(self.sizes)
        made = [function(piece) for function, piece in zip(self.functions, pieces, strict=True)]
        return torch.cat(made)


class JoinedObjective(Objective):
    """Applies a different objective to each range of replicas.

    Args:
        objectives: objectives of one task, with the same number of outputs.
        sizes: number of consecutive replicas of each objective; the sum is R.
    """

    def __init__(self, objectives: Sequence[Objective], sizes: Sequence[int]) -> None:
        super().__init__(objectives[0].task)
        self.objectives = objectives
        self.sizes = list(sizes)
        self.n_outputs = objectives[0].n_outputs

    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, ``[R, B]``, by the objective of its replica."""
        return torch.cat(self._call_each("sample_loss", output, target))

    def predict(self, output: Tensor) -> Tensor:
        """The predictions, by the objective of each replica."""
        return torch.cat(self._call_each("predict", output))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The metrics of each replica, ``[R]``; they depend on the task alone."""
        found = self._call_each("metrics", prediction, target)
        return {name: torch.cat([one[name] for one in found]) for name in found[0]}

    def _call_each(self, method: str, *tensors: Tensor) -> list[Any]:
        pieces = zip(*(tensor.split(self.sizes) for tensor in tensors), strict=True)
        return [
            getattr(objective, method)(*piece)
            for objective, piece in zip(self.objectives, pieces, strict=True)
        ]


def joined_network(networks: Sequence[FullyConnected], kinds: Sequence[Hashable]) -> FullyConnected:
    """Join networks into one; their parameters become views of the joined network's.

    Args:
        networks: initialised networks with the same sizes, normalisation, output activation and
            type.
        kinds: a value for each network; neighbours with equal values have the same φ, which is
            then applied to all of them in one call.

    Returns:
        The joined network. Its method ``replica`` must not be used; use that of the single
        networks.
    """
    first, n_replicas = networks[0], [network.n_replicas for network in networks]
    whole = FullyConnected(
        first.sizes,
        first.activations[0] if first.depth else nn.Identity(),
        n_replicas=sum(n_replicas),
        output_activation=first.output_activation,
        dtype=first.layers[0].weight.dtype,
        normalization=first.normalization,
    ).to(first.layers[0].weight.device)
    whole.seeds = tuple(seed for network in networks for seed in network.seeds)
    _share_memory(whole, networks, n_replicas)
    ranges = merged_ranges(kinds, n_replicas)
    whole.trait_ranges = [(size, networks[i].traits) for i, size in ranges]
    if len(ranges) > 1:
        whole.activations = nn.ModuleList(
            ByReplica([networks[i].activations[layer] for i, _ in ranges], [n for _, n in ranges])
            for layer in range(first.depth)
        )
    rates = [network.dropout for network in networks]
    if any(rates):
        per_replica = torch.tensor(rates, dtype=torch.float64).repeat_interleave(
            torch.tensor(n_replicas)
        )
        for dropout in cast(Iterable[StackedDropout], whole.dropouts):
            dropout.rate = rates[0] if len(set(rates)) == 1 else per_replica.numpy()
    return whole


def network_slice(network: FullyConnected, replicas: slice) -> FullyConnected:
    """Make a network of some replicas; its parameters are views of the stack's."""
    views: dict[int, Any] = {id(p): nn.Parameter(p.data[replicas]) for p in network.parameters()}
    views |= {id(buffer): buffer[replicas] for buffer in network.buffers()}
    part = copy.deepcopy(network, views)
    part.seeds = network.seeds[replicas]
    part.trait_ranges = cut_ranges(network.trait_ranges, replicas)
    for layer, phi in enumerate(part.activations):
        if isinstance(phi, ByReplica):
            selected = cut_ranges(list(zip(phi.sizes, phi.functions, strict=True)), replicas)
            functions = [function for _, function in selected]
            part.activations[layer] = (
                functions[0]
                if len(selected) == 1
                else ByReplica(functions, [n for n, _ in selected])
            )
    for dropout in cast(Iterable[StackedDropout], part.dropouts):
        if isinstance(dropout.rate, np.ndarray):
            dropout.rate = dropout.rate[replicas]
    return part


def objective_slice(objective: Objective, replicas: slice) -> Objective:
    """Make the objective of some replicas of a stack."""
    if not isinstance(objective, JoinedObjective):
        return _without_first(objective, replicas.start)
    starts = list(itertools.accumulate(objective.sizes, initial=0))[:-1]
    placed = zip(objective.objectives, starts, strict=True)
    selected = cut_ranges(list(zip(objective.sizes, placed, strict=True)), replicas)
    objectives = [
        _without_first(one, max(replicas.start - start, 0)) for _, (one, start) in selected
    ]
    if len(selected) == 1:
        return objectives[0]
    return JoinedObjective(objectives, [n for n, _ in selected])


def _without_first(objective: Objective, n_replicas: int) -> Objective:
    """The objective without its first ``n_replicas``: its class weights start at a later fold."""
    if not n_replicas or objective.weights is None or objective.weights.ndim == 1:
        return objective
    rest = copy.copy(objective)
    rest.first_fold += n_replicas
    return rest


def cut_ranges(ranges: Sequence[tuple[int, Item]], replicas: slice) -> list[tuple[int, Item]]:
    """Cut consecutive ranges of replicas to a slice.

    Args:
        ranges: the size and the item of each range.
        replicas: the slice.

    Returns:
        The size of the part inside the slice, and the item, of each range that overlaps it.

    >>> cut_ranges([(2, "a"), (3, "b"), (4, "c")], slice(1, 4))
    [(1, 'a'), (2, 'b')]
    """
    ends = list(itertools.accumulate(size for size, _ in ranges))
    sizes = [
        min(end, replicas.stop) - max(end - size, replicas.start)
        for end, (size, _) in zip(ends, ranges, strict=True)
    ]
    return [(size, item) for size, (_, item) in zip(sizes, ranges, strict=True) if size > 0]


def merged_ranges(kinds: Sequence[Hashable], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Merge neighbours of the same kind.

    Args:
        kinds: the kind of each item.
        sizes: the size of each item.

    Returns:
        For each group of neighbours, the index of the first and the sum of the sizes.

    >>> merged_ranges(["a", "a", "b"], [2, 3, 4])
    [(0, 5), (2, 4)]
    """
    groups = itertools.groupby(range(len(kinds)), key=lambda i: kinds[i])
    members = [list(group) for _, group in groups]
    return [(group[0], sum(sizes[i] for i in group)) for group in members]


def _share_memory(whole: nn.Module, parts: Sequence[nn.Module], sizes: Sequence[int]) -> None:
    """Copy the parameters and buffers of parts into the whole, and make them views of it."""
    named = [dict(itertools.chain(part.named_parameters(), part.named_buffers())) for part in parts]
    for name, tensor in itertools.chain(whole.named_parameters(), whole.named_buffers()):
        for piece, tensors in zip(tensor.data.split(list(sizes)), named, strict=True):
            piece.copy_(tensors[name].data)
            tensors[name].data = piece
