"""Initializers: distributions of the initial weights and biases, with their variances.

An initializer defines the variance of a layer's entries, which theory needs, and draws the entries.
Most are normal distributions, which define only the variance.

>>> He().weight_variance(fan_in=50, fan_out=20)
0.04
>>> Torch().bias_variance(fan_in=3)
0.1111111111111111
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deltaflow.system.errors import UserError

Array = np.typing.NDArray[np.float64]

_GREATEST = 1e18  # the largest scale; its square is finite in single precision


class Initializer(ABC):
    """A distribution of weights and biases: independent entries, mean 0."""

    @abstractmethod
    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """Variance of one weight of a layer with ``fan_in`` inputs and ``fan_out`` units."""

    def bias_variance(self, fan_in: int) -> float:
        """Variance of one bias; 0 by default."""
        return 0.0

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """Draw the weight ``[fan_out, fan_in]`` and the bias ``[fan_out]`` of one layer."""
        weight = self._entries(generator, self.weight_variance(fan_in, fan_out), (fan_out, fan_in))
        return weight, self._entries(generator, self.bias_variance(fan_in), (fan_out,))

    def _entries(
        self, generator: np.random.Generator, variance: float, shape: tuple[int, ...]
    ) -> Array:
        return math.sqrt(variance) * generator.standard_normal(shape)


@dataclass(frozen=True)
class Torch(Initializer):
    """PyTorch's default: weight and bias uniform on ±1/√fan_in, variance 1/(3·fan_in)."""

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is 1/(3·fan_in)."""
        return 1 / (3 * fan_in)

    def bias_variance(self, fan_in: int) -> float:
        """The variance is 1/(3·fan_in), as for the weight."""
        return 1 / (3 * fan_in)

    def _entries(
        self, generator: np.random.Generator, variance: float, shape: tuple[int, ...]
    ) -> Array:
        bound = math.sqrt(3 * variance)
        return generator.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class Xavier(Initializer):
    """Normal, variance 2/(fan_in + fan_out), zero bias (Glorot & Bengio 2010, eq. 12)."""

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is 2/(fan_in + fan_out), which nearly keeps those of z and δ."""
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(Initializer):
    """Normal, variance 2/((1 + α²)·fan_in), zero bias (He et al. 2015, eq. 15).

    Attributes:
        negative_slope: α, the slope of the activation below 0; 0 for ReLU.
    """

    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        _check_scale("negative_slope", abs(self.negative_slope))

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is gain²/fan_in with gain = √(2/(1 + α²))."""
        return 2 / (1 + self.negative_slope**2) / fan_in


@dataclass(frozen=True)
class LeCun(Initializer):
    """Normal, variance 1/fan_in, zero bias (LeCun et al. 1998, «Efficient BackProp», eq. 16)."""

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is 1/fan_in: z has the same mean square as the inputs."""
        return 1 / fan_in


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows (or columns, if there are more rows) times the gain, zero bias.

    The distribution is uniform over such matrices (Saxe et al. 2014, arXiv:1312.6120). A square
    layer with gain 1 keeps the norm of every signal.

    Attributes:
        gain: factor of the norm, at least 0.
    """

    gain: float

    def __post_init__(self) -> None:
        _check_scale("gain", self.gain)

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is gain²/max(fan_in, fan_out), the mean square of an entry."""
        return self.gain**2 / max(fan_in, fan_out)

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """Draw Q of a normal matrix's QR decomposition, with signs that make it uniform."""
        tall = generator.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))  # LAPACK's signs would not be uniform
        return self.gain * (q if fan_out >= fan_in else q.T), np.zeros(fan_out)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal, weight variance σ_w²/fan_in, bias variance σ_b²: the parameters of theory.

    Attributes:
        sigma_w: σ_w, at least 0.
        sigma_b: σ_b, at least 0.
    """

    sigma_w: float
    sigma_b: float

    def __post_init__(self) -> None:
        _check_scale("sigma_w", self.sigma_w)
        _check_scale("sigma_b", self.sigma_b)

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is σ_w²/fan_in."""
        return self.sigma_w**2 / fan_in

    def bias_variance(self, fan_in: int) -> float:
        """The variance is σ_b², independent of the layer's size."""
        return self.sigma_b**2


@dataclass(frozen=True)
class Zeros(Initializer):
    """Sets all weights and biases to 0, so all units of a layer stay equal in training."""

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """The variance is 0."""
        return 0.0


def check_variances(initializer: Initializer, sizes: Sequence[int]) -> None:
    """Refuse an initializer with a variance that is not valid.

    Args:
        initializer: an initializer, perhaps a class of the user.
        sizes: number of features, of units of each hidden layer, and of outputs.

    Raises:
        ValueError: if the variance of a layer is not a finite number of at least 0.
    """
    for fan_in, fan_out in dict.fromkeys(itertools.pairwise(sizes)):
        variances: tuple[tuple[str, Any], ...] = (
            ("weight_variance", initializer.weight_variance(fan_in, fan_out)),
            ("bias_variance", initializer.bias_variance(fan_in)),
        )
        for method, value in variances:
            if not isinstance(value, int | float | np.number) or not 0 <= value < math.inf:
                raise UserError(
                    f"An initializer's `{method}` must return a finite number, at least 0. Found "
                    f"{value!r} from {type(initializer).__name__}, for {fan_in} inputs and "
                    f"{fan_out} units. Correct it there."
                )


def check_draw(initializer: Initializer, drawn: Any, fan_in: int, fan_out: int) -> None:
    """Refuse a draw of the wrong shape, which would be broadcast, or with values not finite.

    Args:
        initializer: the initializer that drew it.
        drawn: the result of :meth:`Initializer.draw`.
        fan_in: inputs of the layer.
        fan_out: units of the layer.

    Raises:
        ValueError: if ``drawn`` is not a pair of a weight and a bias with these shapes and finite
            values.
    """
    pair = drawn if isinstance(drawn, tuple | list) and len(drawn) == 2 else [drawn] * 2
    for name, shape, values in zip(
        ("weight", "bias"), ((fan_out, fan_in), (fan_out,)), pair, strict=True
    ):
        real = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
        if not real or values.shape != shape or not np.isfinite(values).all():
            found = type(values).__name__
            if isinstance(values, np.ndarray):
                found = f"{values.dtype} of the shape {list(values.shape)}"
            raise UserError(
                f"An initializer's `draw` must return a weight and a bias as arrays of finite "
                f"numbers, the {name} of the shape {list(shape)}. Found {found} from "
                f"{type(initializer).__name__}. Return `weight, bias`."
            )


def _check_scale(name: str, value: float) -> None:
    if not 0 <= value <= _GREATEST:
        raise UserError(
            f"`init.{name}` must be at least 0 and at most {_GREATEST:g}. Found {value}. "
            f"Use `init.{name}=1.0`, or 0 for none."
        )
