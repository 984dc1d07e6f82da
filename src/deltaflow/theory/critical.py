"""The initialisation on the edge of chaos, where gradients neither vanish nor explode.

>>> from torch import nn
>>> critical = Critical(nn.ReLU(), sigma_b=0.0)
>>> round(critical.weight_variance(fan_in=50, fan_out=20), 9)  # He's
0.04
>>> Critical(nn.ReLU(), sigma_b=0.2)
Traceback (most recent call last):
deltaflow.system.errors.UserError: `init=critical` needs an edge of chaos. Found none ...
"""

import math
import warnings

from torch import nn

from deltaflow.nn.initializers import Initializer
from deltaflow.system.errors import UserError
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.fixed_points.edge import Edge, edge_of_chaos


class Critical(Initializer):
    """Normal weights with σ_w on the activation's edge of chaos (Schoenholz et al. 2017).

    Args:
        activation: φ.
        sigma_b: σ_b, at least 0.

    Attributes:
        edge: the edge of chaos.
        sigma_b: σ_b.

    Raises:
        ValueError: if there is no such σ_w, or σ_b is negative or not finite.
    """

    def __init__(self, activation: nn.Module, sigma_b: float) -> None:
        if not (math.isfinite(sigma_b) and sigma_b >= 0):
            raise UserError(
                f"`init.sigma_b` must be a finite number, at least 0. Found {sigma_b}. "
                "Use `init.sigma_b=0`."
            )
        name = type(activation).__name__
        edge = edge_of_chaos(Moments(activation), sigma_b)
        if edge is None:
            raise UserError(
                f"`init=critical` needs an edge of chaos. Found none for {name} with "
                f"`init.sigma_b={sigma_b:g}`, where no σ_w keeps both signals and gradients. "
                f"Use {'`init.sigma_b=0`, or ' if sigma_b else ''}another activation."
            )
        _warn(name, sigma_b, edge)
        self.edge = edge
        self.sigma_b = sigma_b

    def weight_variance(self, fan_in: int, fan_out: int) -> float:
        """σ_w²/fan_in."""
        return self.edge.sigma_w**2 / fan_in

    def bias_variance(self, fan_in: int) -> float:
        """σ_b² for layers of any size."""
        return self.sigma_b**2


def _warn(name: str, sigma_b: float, edge: Edge) -> None:
    where = f"the edge of chaos of {name} with `init.sigma_b={sigma_b:g}`, σ_w = {edge.sigma_w:.4g}"
    if edge.saturated:
        warnings.warn(
            f"On {where}, {edge.saturated_fraction:.0%} of the units are saturated. "
            "Use another activation to train.",
            stacklevel=3,
        )
    elif not edge.attracting:
        warnings.warn(
            f"Signals are driven away from {where}: gradients change with depth all the same. "
            "Look at `python scripts/theory.py` for how.",
            stacklevel=3,
        )
