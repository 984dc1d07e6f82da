"""Initialisations with a fault, such as one writes by mistake."""

import numpy as np

from deltaflow.nn.initializers import Array, He

_MOST_OUTPUTS = 10  # of the data used here; an output layer stays as it is


class Constant(He):
    """All weights 1/fan_in, all biases 0: nothing tells the units of a layer apart."""

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """The same whatever the generator."""
        return np.full((fan_out, fan_in), 1 / fan_in), np.zeros(fan_out)


class Silent(He):
    """He's weights, and a bias far below 0 in a share of the units, which are off for good.

    Args:
        share: of the units, 0 to 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        object.__setattr__(self, "share", share)

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """He's weights, then the biases."""
        weight, bias = super().draw(generator, fan_in, fan_out)
        share: float = self.share  # type: ignore[attr-defined]
        bias[: round(share * fan_out) if fan_out > _MOST_OUTPUTS else 0] = -20.0
        return weight, bias
