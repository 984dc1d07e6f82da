"""The operations of a graph. An operation refers to earlier ones by their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.system.errors import UserError
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments


class NoTheoryError(UserError):
    """There is no theory for a graph; the message says why."""


@dataclass(frozen=True)
class Source:
    """A known input, such as a batch.

    Attributes:
        products: x·x' / n_features of the samples, ``[n, n]``; or its diagonal, ``[n]``.
        mean: mean of each sample over its features, ``[n]``.
    """

    products: Array
    mean: Array


@dataclass(frozen=True)
class Linear:
    """A linear layer whose weights and biases are independent draws with mean 0.

    Attributes:
        operand: number of the operation that gives its input.
        weight: σ_w², fan_in times the variance of a weight.
        bias: σ_b².
        units: number of units, fan_out.
        name: name of the layer.
    """

    operand: int
    weight: float
    bias: float
    units: int
    name: str = ""


@dataclass(frozen=True)
class Elementwise:
    """φ, applied entry by entry."""

    operand: int
    moments: Moments


@dataclass(frozen=True)
class Sum:
    """A sum of signals, each multiplied by a factor."""

    operands: Sequence[int]
    factors: Sequence[float]


@dataclass(frozen=True)
class LayerNorm:
    """Layer normalisation, or RMS normalisation if the mean is kept.

    Attributes:
        operand: number of the operation that gives its input.
        eps: ε, which is added to the variance.
        scale: γ, the same for all units.
        is_centred: whether the mean is subtracted.
    """

    operand: int
    eps: float = 1e-5
    scale: float = 1.0
    is_centred: bool = True


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation in training mode.

    Attributes:
        operand: number of the operation that gives its input.
        eps: ε, which is added to the variance.
        scale: γ, the same for all units.
    """

    operand: int
    eps: float = 1e-5
    scale: float = 1.0


@dataclass(frozen=True)
class Dropout:
    """Dropout: a share ``rate`` of the units is set to 0, and the others are scaled up."""

    operand: int
    rate: float


Operation = Source | Linear | Elementwise | Sum | LayerNorm | BatchNorm | Dropout


@dataclass(frozen=True)
class Graph:
    """A network as a list of operations.

    Attributes:
        operations: the operations in order of execution; the last gives the output.
    """

    operations: Sequence[Operation]
