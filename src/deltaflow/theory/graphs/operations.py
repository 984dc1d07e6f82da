"""What a graph is made of. An operation takes what earlier ones gave, by their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.system.errors import UserError
from deltaflow.theory.gaussian import Array
from deltaflow.theory.moments import Moments


class NoTheoryError(UserError):
    """A graph of which theory says nothing, and why."""


@dataclass(frozen=True)
class Source:
    """What is known beforehand, such as a batch.

    Attributes:
        products: x·x' / n_features of its samples, ``[n, n]``; or of each with itself, ``[n]``.
        mean: of each sample over its features, ``[n]``.
    """

    products: Array
    mean: Array


@dataclass(frozen=True)
class Linear:
    """Weights and biases that are independent draws around 0.

    Attributes:
        fed: what it is given.
        weight: σ_w², fan_in times the variance of a weight.
        bias: σ_b².
        units: fan_out.
        name: of the layer.
    """

    fed: int
    weight: float
    bias: float
    units: int
    name: str = ""


@dataclass(frozen=True)
class Elementwise:
    """φ, entry by entry."""

    fed: int
    moments: Moments


@dataclass(frozen=True)
class Sum:
    """A sum of signals, each times a factor."""

    fed: Sequence[int]
    factors: Sequence[float]


@dataclass(frozen=True)
class LayerNorm:
    """A sample's units scaled to variance 1, and to mean 0 but for RMS normalisation.

    Attributes:
        fed: what it is given.
        eps: added to the variance.
        scale: γ, the same for all units.
        is_centred: whether the mean is taken away.
    """

    fed: int
    eps: float = 1e-5
    scale: float = 1.0
    is_centred: bool = True


@dataclass(frozen=True)
class BatchNorm:
    """A unit's samples shifted and scaled to mean 0 and variance 1.

    Attributes:
        fed: what it is given.
        eps: added to the variance.
        scale: γ, the same for all units.
    """

    fed: int
    eps: float = 1e-5
    scale: float = 1.0


@dataclass(frozen=True)
class Dropout:
    """A share of the units set to 0, the others scaled up."""

    fed: int
    rate: float


Operation = Source | Linear | Elementwise | Sum | LayerNorm | BatchNorm | Dropout


@dataclass(frozen=True)
class Graph:
    """Operations in order; the last one gives the output, and each is used before it is done.

    Attributes:
        operations: in order.
    """

    operations: Sequence[Operation]
