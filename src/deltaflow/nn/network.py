"""The stacked network: R fully connected networks of one shape, trained together.

The replica axis comes first everywhere: weight ``[R, fan_out, fan_in]``, bias
``[R, fan_out]``, activations ``[R, batch, features]``. Replicas never mix.

>>> from deltaflow.nn.initializers import Torch
>>> network = FullyConnected([4, 8, 3], nn.ReLU(), n_replicas=5)
>>> network.initialize(Torch(), seeds=range(5))
>>> network(torch.zeros(5, 16, 4)).shape
torch.Size([5, 16, 3])
>>> network.replica(2)
Sequential(
  (0): Linear(in_features=4, out_features=8, bias=True)
  (1): ReLU()
  (2): Linear(in_features=8, out_features=3, bias=True)
)
"""

import copy
import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from deltaflow.nn.activations import Tanh, traits
from deltaflow.nn.initializers import Initializer, check_draw
from deltaflow.nn.layers import (
    StackedBatchNorm,
    StackedDropout,
    StackedLayerNorm,
    StackedLinear,
    StackedNormalization,
)
from deltaflow.nn.random_streams import Stream, generator
from deltaflow.system.errors import UserError

NORMALIZATIONS: dict[str, type[StackedNormalization]] = {
    "layer": StackedLayerNorm,
    "batch": StackedBatchNorm,
}
"""Normalisations by name; they are applied between a hidden layer's z and its φ."""

OUTPUT_ACTIVATIONS = {"softmax": nn.Softmax(dim=-1), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh()}
"""Activations of the output layer by name; for demonstration, because the losses take logits."""


class FullyConnected(nn.Module):
    """R replicas of a fully connected network.

    A hidden layer consists of a linear layer, normalisation (optional), φ and dropout (optional);
    the output layer is linear.

    Args:
        sizes: number of features, of units of each hidden layer, and of outputs.
        activation: φ of every hidden layer.
        n_replicas: R.
        output_activation: applied to the output layer, for demonstration; ``None`` for logits,
            which the losses expect.
        dtype: type of the parameters.
        normalization: a name in ``NORMALIZATIONS``, or ``None``.
        dropout: share of each hidden layer's units to drop in training, below 1.

    Attributes:
        activations: φ of each of the L − 1 hidden layers.
        traits: the traits of φ.
        trait_ranges: number of consecutive replicas with the same φ, and its traits; one entry
            per φ.
        seeds: the seed of each replica, on which dropout depends.

    Raises:
        ValueError: if a size is below 1, or φ has parameters.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: nn.Module,
        n_replicas: int = 1,
        output_activation: nn.Module | None = None,
        dtype: torch.dtype = torch.float32,
        normalization: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1 or n_replicas < 1:
            raise UserError(
                "A network needs at least an input and an output size, each at least 1, and "
                f"at least 1 replica. Found sizes {list(sizes)}, {n_replicas} replicas. "
                "Give every layer at least one unit."
            )
        self.traits = traits(activation)
        self.trait_ranges = [(n_replicas, self.traits)]
        self.sizes = tuple(sizes)
        self.linears = nn.ModuleList(
            StackedLinear(fan_in, fan_out, n_replicas, dtype)
            for fan_in, fan_out in itertools.pairwise(sizes)
        )
        hidden = sizes[1:-1]
        phi = Tanh() if type(activation) is nn.Tanh else activation
        self.activations = nn.ModuleList(copy.deepcopy(phi) for _ in hidden)
        self.normalizations = nn.ModuleList(
            NORMALIZATIONS[normalization](size, n_replicas, dtype)
            if normalization
            else nn.Identity()
            for size in hidden
        )
        self.dropouts = nn.ModuleList(
            StackedDropout(dropout, layer) for layer in range(1, len(hidden) + 1)
        )
        self.output_activation = copy.deepcopy(output_activation)
        self.normalization = normalization
        self.dropout = dropout
        self.seeds = tuple(range(n_replicas))

    @property
    def layers(self) -> list[StackedLinear]:
        """The L linear layers, input to output."""
        return cast(list[StackedLinear], list(self.linears))

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.activations)

    @property
    def n_replicas(self) -> int:
        """Number of replicas, R."""
        return len(self.layers[0].weight)

    @property
    def mixes_samples(self) -> bool:
        """Whether the output for a sample depends on the rest of the batch in training."""
        return self.normalization == "batch"

    @property
    def n_parameters(self) -> int:
        """Number of parameters of one replica."""
        return sum(p[0].numel() for p in self.parameters())

    def initialize(self, initializer: Initializer, seeds: Sequence[int]) -> None:
        """Draw the weights and biases of every replica from its seed.

        Each layer has a random stream. Values are drawn in double precision and rounded to the
        parameters' type, so they depend neither on the other layers nor on R.

        Args:
            initializer: the distribution of weights and biases.
            seeds: the seed of each replica.

        Raises:
            ValueError: if there are not R seeds.
        """
        if len(seeds) != self.n_replicas:
            raise UserError(
                f"Each replica needs a seed of its own. Found {len(seeds)} seeds for "
                f"{self.n_replicas} replicas. Pass as many seeds as replicas."
            )
        self.seeds = tuple(seeds)
        with torch.no_grad():
            for layer, linear in enumerate(self.layers, start=1):
                for r, seed in enumerate(seeds):
                    stream = generator(seed, Stream.INIT, layer)
                    drawn = initializer.draw(stream, linear.fan_in, linear.fan_out)
                    check_draw(initializer, drawn, linear.fan_in, linear.fan_out)
                    weight, bias = drawn
                    linear.weight[r] = torch.from_numpy(weight)
                    linear.bias[r] = torch.from_numpy(bias)

    def forward(self, x: Tensor, step: int = 0) -> Tensor:
        """Outputs of all replicas.

        Args:
            x: ``[R, batch, n_features]``.
            step: number of the training step, on which dropout depends.

        Returns:
            ``[R, batch, n_outputs]``.
        """
        h = x
        hidden = zip(
            self.layers, self.normalizations, self.activations, self.dropouts, strict=False
        )
        for linear, normalization, activation, dropout in hidden:
            h = dropout(activation(normalization(linear(h))), self.seeds, step)
        z: Tensor = self.layers[-1](h)
        return z if self.output_activation is None else self.output_activation(z)

    def replica(self, r: int) -> nn.Sequential:
        """Replica ``r`` as an ordinary network with the same outputs.

        Args:
            r: index of the replica, 0 to R − 1.

        Returns:
            ``nn.Linear`` layers and activations in order, with copies of the weights, in the
            same mode (training or evaluation).

        Raises:
            ValueError: if there is no such replica.
        """
        if not 0 <= r < self.n_replicas:
            raise UserError(
                f"A replica is numbered 0 to {self.n_replicas - 1}. Found {r}. "
                "Replica r has the seed `seed + r`."
            )
        modules: list[nn.Module] = []
        for layer, linear in enumerate(self.layers):
            modules.append(linear.replica(r))
            if layer < self.depth:
                if self.normalization is not None:
                    modules.append(
                        cast(StackedNormalization, self.normalizations[layer]).replica(r)
                    )
                phi = self.activations[layer]
                modules.append(nn.Tanh() if type(phi) is Tanh else copy.deepcopy(phi))
                if self.dropout > 0:  # nn.Dropout draws from PyTorch's global generator
                    modules.append(nn.Dropout(self.dropout))
        if self.output_activation is not None:
            modules.append(copy.deepcopy(self.output_activation))
        return nn.Sequential(*modules).train(self.training)


def has_hooks(network: nn.Module) -> bool:
    """Whether modules or parameters have hooks, which only autograd calls.

    PyTorch has no public way to ask for hooks, so private attributes are read.
    """
    of_modules = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    of_parameters = ("_backward_hooks", "_post_accumulate_grad_hooks")
    return any(getattr(m, name, None) for m in network.modules() for name in of_modules) or any(
        getattr(p, name, None) for p in network.parameters() for name in of_parameters
    )
