"""The edge of chaos: where gradients neither vanish nor explode.

Symbols are those of :mod:`deltaflow.theory.fixed_points`. Hayou et al. 2019
(arXiv:1902.06853).

>>> from torch import nn
>>> edge = edge_of_chaos(Moments(nn.ReLU()), sigma_b=0.0)
>>> round(edge.sigma_w**2, 9)
2.0
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from deltaflow.theory.fixed_points import EQUAL, LOG_Q, growth
from deltaflow.theory.moments import Moments

_MANY = 0.3  # of the units; where so many are saturated, training does not begin


@dataclass(frozen=True)
class Edge:
    """Where χ₁ = 1.

    Attributes:
        sigma_w: on it.
        q: the variance that pre-activations end up with there.
        attracting: whether signals of another q are drawn to it, or else driven away.
        saturated_fraction: share of pre-activations there with |φ'| < 0.05 max |φ'|; 0 if φ
            does not saturate.
    """

    sigma_w: float
    q: float
    attracting: bool
    saturated_fraction: float

    @property
    def saturated(self) -> bool:
        """Whether so many units are saturated there that training does not begin."""
        return self.saturated_fraction > _MANY


@np.errstate(over="ignore", invalid="ignore")  # a φ of one's own may grow exponentially
def edge_of_chaos(moments: Moments, sigma_b: float) -> Edge | None:
    """The σ_w at which gradients neither vanish nor explode, for a σ_b.

    At a fixed point with χ₁ = 1, σ_w² = 1/E φ'² and so σ_b² = q − E φ²/E φ'²: one equation
    in q (Hayou et al. 2019, section 3).

    Args:
        moments: of φ.
        sigma_b: σ_b, at least 0.

    Returns:
        The attracting edge with the smallest q, where units are least saturated; else the
        repelling one with the smallest q; ``None`` if there is none with a finite q.
    """
    q = np.exp(LOG_Q)
    slope = moments.slope_second_moment(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = q - moments.second_moment(q) / slope - sigma_b**2
    settled = np.abs(excess) <= EQUAL * q
    edges = []
    if settled[:8].all():  # already for the smallest of signals, as for tanh without a bias
        neutral = bool(settled.all())
        edges.append(_edge(moments, 1.0 if neutral else 0.0, float(slope[0])))
    signs = np.sign(np.where(settled, 0, excess))
    for i in np.flatnonzero(signs[1:] * signs[:-1] < 0):
        root = brentq(_excess, q[i], q[i + 1], (moments, sigma_b), xtol=1e-14, rtol=1e-14)
        slope_there = moments.slope_second_moment(np.array([root]))[0]
        edges.append(_edge(moments, float(root), float(slope_there)))
    return next((edge for edge in edges if edge.attracting), edges[0] if edges else None)


def _excess(q: float, moments: Moments, sigma_b: float) -> float:
    """By how much q is larger than the map makes it where χ₁ = 1."""
    at = np.array([q])
    return float(q - moments.second_moment(at)[0] / moments.slope_second_moment(at)[0]) - sigma_b**2


def _edge(moments: Moments, q: float, slope: float) -> Edge:
    at = np.array([q if q > 0 else math.exp(LOG_Q[0])])
    grown = growth(moments, 1 / slope, 0.0, np.array([1e-3])) if q == 0 else None
    contraction = moments.second_moment_slope(at)[0] / slope
    attracting = bool(contraction <= 1 + EQUAL) if grown is None else bool(grown[0] <= EQUAL)
    saturated = float(moments.saturated_fraction(at)[0])
    return Edge(1 / math.sqrt(slope), q, attracting, saturated)
