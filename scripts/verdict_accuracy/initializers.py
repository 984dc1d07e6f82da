"""Initialisations: three faults as one writes them by mistake, and one that is usual practice."""

from dataclasses import dataclass

import numpy as np

from deltaflow.nn.initializers import Array, He

_MAX_OUTPUTS = 10  # of the data used here
_MAX_FEATURES = 30


@dataclass(frozen=True)
class Constant(He):
    """All weights 1/fan_in, all biases 0: nothing tells the units of a layer apart."""

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """The same whatever the generator."""
        return np.full((fan_out, fan_in), 1 / fan_in), np.zeros(fan_out)


@dataclass(frozen=True)
class Copies(He):
    """He's weights for a few units of each hidden layer, all others copies of these, in and out.

    Attributes:
        groups: units of a hidden layer that differ.
    """

    groups: int = 2

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """He's weights, the last ones overwritten by the first, then the biases."""
        weight, bias = super().draw(generator, fan_in, fan_out)
        rows = np.arange(fan_out) % (self.groups if fan_out > _MAX_OUTPUTS else fan_out)
        columns = np.arange(fan_in) % (self.groups if fan_in > _MAX_FEATURES else fan_in)
        return weight[rows][:, columns], bias


@dataclass(frozen=True)
class Silent(He):
    """He's weights, and a bias far below 0 in a share of the units, which are off for good.

    Attributes:
        share: of the units, 0 to 1.
    """

    share: float = 1.0

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """He's weights, then the biases."""
        weight, bias = super().draw(generator, fan_in, fan_out)
        bias[: round(self.share * fan_out) if fan_out > _MAX_OUTPUTS else 0] = -20.0
        return weight, bias


@dataclass(frozen=True)
class SmallOutput(He):
    """He's weights, those of the output layer shrunk, often to 0, so that no class is preferred.

    Attributes:
        scale: of the output layer's weights.
    """

    scale: float = 0.0

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """He's weights, then the biases."""
        weight, bias = super().draw(generator, fan_in, fan_out)
        return weight * (self.scale if fan_out <= _MAX_OUTPUTS else 1.0), bias
