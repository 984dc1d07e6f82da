"""The edge of chaos: where gradients neither vanish nor explode.

Symbols are those of ``fixed_point``. Hayou et al. 2019 (arXiv:1902.06853).

>>> from torch import nn
>>> edge = edge_of_chaos(Moments(nn.ReLU()), sigma_b=0.0)
>>> round(edge.sigma_w**2, 9)
2.0
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.fixed_points.fixed_point import EQUAL, LOG_Q, growth

_MANY = 0.3  # share of saturated units from which on a network does not start to train


@dataclass(frozen=True)
class Edge:
    """A point of the edge of chaos, where χ₁ = 1.

    Attributes:
        sigma_w: σ_w.
        q: fixed point q* of the variance of pre-activations.
        attracting: whether the fixed point is stable, so that other q converge to it.
        saturated_fraction: share of pre-activations with |φ'| < 0.05 max |φ'| there; 0 if φ does
            not saturate.
    """

    sigma_w: float
    q: float
    attracting: bool
    saturated_fraction: float

    @property
    def saturated(self) -> bool:
        """Whether too many units are saturated for training to start."""
        return self.saturated_fraction > _MANY


@np.errstate(over="ignore", invalid="ignore")  # a user's φ may grow exponentially
def edge_of_chaos(moments: Moments, sigma_b: float) -> Edge | None:
    """Find the edge of chaos for a given σ_b.

    At a fixed point with χ₁ = 1, σ_w² = 1/E φ'² and so σ_b² = q − E φ²/E φ'², which is one
    equation in q (Hayou et al. 2019, section 3).

    Args:
        moments: moments of φ.
        sigma_b: σ_b, at least 0.

    Returns:
        The attracting edge with the smallest q, where the fewest units are saturated; if none is
        attracting, the repelling one with the smallest q; ``None`` if none has a finite q.
    """
    q = np.exp(LOG_Q)
    slope = moments.slope_second_moment(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = q - moments.second_moment(q) / slope - sigma_b**2
    settled = np.abs(excess) <= EQUAL * q
    edges = []
    if settled[:8].all():  # from the smallest signals on, as for tanh without a bias
        neutral = bool(settled.all())
        edges.append(_edge(moments, 1.0 if neutral else 0.0, float(slope[0])))
    signs = np.sign(np.where(settled, 0, excess))
    for i in np.flatnonzero(signs[1:] * signs[:-1] < 0):
        root = brentq(_excess, q[i], q[i + 1], (moments, sigma_b), xtol=1e-14, rtol=1e-14)
        slope_there = moments.slope_second_moment(np.array([root]))[0]
        edges.append(_edge(moments, float(root), float(slope_there)))
    return next((edge for edge in edges if edge.attracting), edges[0] if edges else None)


def _excess(q: float, moments: Moments, sigma_b: float) -> float:
    """The difference between q and its image under the variance map with χ₁ = 1."""
    at = np.array([q])
    return float(q - moments.second_moment(at)[0] / moments.slope_second_moment(at)[0]) - sigma_b**2


def _edge(moments: Moments, q: float, slope: float) -> Edge:
    at = np.array([q if q > 0 else math.exp(LOG_Q[0])])
    grown = growth(moments, 1 / slope, 0.0, np.array([1e-3])) if q == 0 else None
    contraction = moments.second_moment_slope(at)[0] / slope
    attracting = bool(contraction <= 1 + EQUAL) if grown is None else bool(grown[0] <= EQUAL)
    saturated = float(moments.saturated_fraction(at)[0])
    return Edge(1 / math.sqrt(slope), q, attracting, saturated)
