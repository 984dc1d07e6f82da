"""Several stacks of one shape, made one: their replicas stand side by side on the replica axis.

The single networks stay what they were: their parameters become views of the whole, so that
whatever is done to one of them, by an optimizer or by loading a state, happens in the whole.

>>> from deltaflow.nn.initializers import He
>>> parts = [FullyConnected([4, 8, 3], phi, n_replicas=2) for phi in (nn.ReLU(), nn.Tanh())]
>>> for part in parts:
...     part.initialize(He(), seeds=[0, 1])
>>> whole = joined(parts, [0, 1])
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
    """A function of its own for each range of replicas.

    Args:
        functions: entry by entry, or sample by sample.
        sizes: how many consecutive replicas each of them gets.
    """

    def __init__(self, functions: Sequence[nn.Module], sizes: Sequence[int]) -> None:
        super().__init__()
        self.functions = nn.ModuleList(functions)
        self.sizes = list(sizes)

    def forward(self, z: Tensor) -> Tensor:
        """What the functions make of ``[R, …]``, each of its own replicas."""
        pieces = z.split(self.sizes)
        made = [function(piece) for function, piece in zip(self.functions, pieces, strict=True)]
        return torch.cat(made)


class JoinedObjective(Objective):
    """An objective of its own for each range of replicas, on the same task.

    Args:
        objectives: with the same number of outputs.
        sizes: how many consecutive replicas each of them gets.
    """

    def __init__(self, objectives: Sequence[Objective], sizes: Sequence[int]) -> None:
        super().__init__(objectives[0].task)
        self.objectives = objectives
        self.sizes = list(sizes)
        self.n_outputs = objectives[0].n_outputs

    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Each sample's loss, ``[R, B]``, by its own replica's objective."""
        return torch.cat(self._of_each("sample_loss", output, target))

    def predict(self, output: Tensor) -> Tensor:
        """What each replica's objective predicts."""
        return torch.cat(self._of_each("predict", output))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``[R]`` each: all objectives judge by the task alone."""
        found = self._of_each("metrics", prediction, target)
        return {name: torch.cat([one[name] for one in found]) for name in found[0]}

    def _of_each(self, method: str, *tensors: Tensor) -> list[Any]:
        pieces = zip(*(tensor.split(self.sizes) for tensor in tensors), strict=True)
        return [
            getattr(objective, method)(*piece)
            for objective, piece in zip(self.objectives, pieces, strict=True)
        ]


def joined(networks: Sequence[FullyConnected], kinds: Sequence[Hashable]) -> FullyConnected:
    """One network of all the replicas; the parameters of the single ones become its views.

    Args:
        networks: initialized, alike in sizes, normalisation, output activation and type.
        kinds: of each network, equal where φ is the same; it is then applied in one call.

    Returns:
        The network, of which ``replica(r)`` is not to be asked: the single ones know theirs.
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
    _share(whole, networks, n_replicas)
    ranges = alike(kinds, n_replicas)
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


def piece(network: FullyConnected, own: slice) -> FullyConnected:
    """Some replicas of a network as one of their own, whose parameters are views of the whole's.

    Args:
        network: all replicas.
        own: which of them.
    """
    views: dict[int, Any] = {id(p): nn.Parameter(p.data[own]) for p in network.parameters()}
    views |= {id(buffer): buffer[own] for buffer in network.buffers()}
    part = copy.deepcopy(network, views)
    part.seeds = network.seeds[own]
    part.trait_ranges = within(network.trait_ranges, own)
    for layer, phi in enumerate(part.activations):
        if isinstance(phi, ByReplica):
            kept = within(list(zip(phi.sizes, phi.functions, strict=True)), own)
            functions = [function for _, function in kept]
            part.activations[layer] = (
                functions[0] if len(kept) == 1 else ByReplica(functions, [n for n, _ in kept])
            )
    for dropout in cast(Iterable[StackedDropout], part.dropouts):
        if isinstance(dropout.rate, np.ndarray):
            dropout.rate = dropout.rate[own]
    return part


def objective_of(objective: Objective, own: slice) -> Objective:
    """What some of the replicas are trained for.

    Args:
        objective: of all.
        own: which of them.
    """
    if not isinstance(objective, JoinedObjective):
        return _later(objective, own.start)
    starts = list(itertools.accumulate(objective.sizes, initial=0))[:-1]
    placed = zip(objective.objectives, starts, strict=True)
    kept = within(list(zip(objective.sizes, placed, strict=True)), own)
    objectives = [_later(one, max(own.start - start, 0)) for _, (one, start) in kept]
    if len(kept) == 1:
        return objectives[0]
    return JoinedObjective(objectives, [n for n, _ in kept])


def _later(objective: Objective, n_replicas: int) -> Objective:
    """The objective without its first replicas, which have folds of their own."""
    if not n_replicas or objective.weights is None or objective.weights.ndim == 1:
        return objective
    rest = copy.copy(objective)
    rest.first_fold += n_replicas
    return rest


def within(ranges: Sequence[tuple[int, Item]], own: slice) -> list[tuple[int, Item]]:
    """Of consecutive ranges, what lies in a slice: how many of each.

    >>> within([(2, "a"), (3, "b"), (4, "c")], slice(1, 4))
    [(1, 'a'), (2, 'b')]
    """
    ends = list(itertools.accumulate(size for size, _ in ranges))
    sizes = [
        min(end, own.stop) - max(end - size, own.start)
        for end, (size, _) in zip(ends, ranges, strict=True)
    ]
    return [(size, item) for size, (_, item) in zip(sizes, ranges, strict=True) if size > 0]


def alike(kinds: Sequence[Hashable], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours of one kind taken together: the index of the first, and the sum of the sizes.

    >>> alike(["a", "a", "b"], [2, 3, 4])
    [(0, 5), (2, 4)]
    """
    groups = itertools.groupby(range(len(kinds)), key=lambda i: kinds[i])
    members = [list(group) for _, group in groups]
    return [(group[0], sum(sizes[i] for i in group)) for group in members]


def _share(whole: nn.Module, parts: Sequence[nn.Module], sizes: Sequence[int]) -> None:
    """Let the parameters and buffers of parts be views of those of the whole, with their values."""
    own = [dict(itertools.chain(part.named_parameters(), part.named_buffers())) for part in parts]
    for name, tensor in itertools.chain(whole.named_parameters(), whole.named_buffers()):
        for piece, tensors in zip(tensor.data.split(list(sizes)), own, strict=True):
            piece.copy_(tensors[name].data)
            tensors[name].data = piece
