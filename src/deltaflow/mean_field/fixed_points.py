"""Where signals end up in a deep network, and on what depth scale they get there.

Symbols are the papers': q the variance of pre-activations, σ_w² the weight variance times
fan_in, σ_b² the bias variance, χ₁ the factor by which E‖δ‖² changes per layer at the fixed
point, c* the correlation that two inputs end up with, ξ depth scales in layers.

Poole et al. 2016 (arXiv:1606.05340), Schoenholz et al. 2017 (arXiv:1611.01232), Hayou et
al. 2019 (arXiv:1902.06853).

>>> from torch import nn
>>> point = fixed_point(Moments(nn.Tanh()), sigma_w=1.5, sigma_b=0.0)
>>> point.phase, round(point.chi, 3), abs(point.c) < 1e-9
('chaotic', 1.139, True)
>>> edge = edge_of_chaos(Moments(nn.ReLU()), sigma_b=0.0)
>>> round(edge.sigma_w**2, 9)
2.0
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from deltaflow.activations import traits
from deltaflow.mean_field.gaussian import Array, expectation
from deltaflow.mean_field.moments import Moments
from deltaflow.statistics import SATURATED

_LOG_Q = np.linspace(math.log(1e-24), math.log(1e24), 385)  # eight points a decade
_EQUAL = 1e-10  # relative; quadrature is better than this
TRAINABLE = 6.0
"""How many ξ_c deep a network can be trained (Schoenholz et al. 2017, section 5)."""


@dataclass(frozen=True)
class FixedPoint:
    """Where signals end up.

    Attributes:
        q: the variance that pre-activations end up with; 0 or inf if it runs there, and
            then the other numbers are the limits.
        neutral: whether every q stays what it is, so that ``q`` is where it began.
        chi: χ₁.
        c: c*, the correlation that two inputs end up with; NaN where q runs to 0 or inf.
        xi_q: in how many layers q's distance to q* falls by e; NaN where it has none.
        xi_c: in how many layers the correlation's distance to c* falls by e, inf at criticality.
    """

    q: float
    neutral: bool
    chi: float
    c: float
    xi_q: float
    xi_c: float

    @property
    def phase(self) -> str:
        """«ordered» if gradients vanish, «chaotic» if they explode, else «critical»."""
        if abs(self.chi - 1) < 1e-6:
            return "critical"
        return "ordered" if self.chi < 1 else "chaotic"

    @property
    def layers_per_decade(self) -> float:
        """How many layers cost ‖δ‖ a factor of 10; negative where it grows."""
        return math.inf if self.phase == "critical" else -2 / _log10(self.chi)

    @property
    def trainable_depth(self) -> float:
        """In layers: 6 ξ_c."""
        return TRAINABLE * self.xi_c


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


def fixed_point(moments: Moments, sigma_w: float, sigma_b: float, start: float = 1.0) -> FixedPoint:
    """Follow the variance map q ← σ_w² E φ² + σ_b² to its end.

    The map's crossings with the diagonal are bracketed and solved for, so what comes out
    is where iteration ends, however slowly it would.

    Args:
        moments: of φ.
        sigma_w: σ_w, at least 0.
        sigma_b: σ_b, at least 0.
        start: the variance to start from, above 0.

    Returns:
        The end that a start leads to.
    """
    q, neutral = _end(moments, sigma_w**2, sigma_b**2, start)
    inside = 0 < q < math.inf
    probe = np.array([q if inside else math.exp(_LOG_Q[0] if q == 0 else _LOG_Q[-1])])
    chi = float(sigma_w**2 * moments.slope_second_moment(probe)[0])
    if not inside:
        return FixedPoint(q, neutral, chi, math.nan, math.nan, _scale(chi))
    contraction = float(sigma_w**2 * moments.second_moment_slope(probe)[0])
    c = 1.0 if chi <= 1 + _EQUAL else _correlation(moments, sigma_w**2, sigma_b**2, q)
    slope = chi if c == 1 else float(sigma_w**2 * moments.slope_covariance(q, np.array(c)))
    xi_q = math.nan if neutral else _scale(abs(contraction))
    return FixedPoint(q, neutral, chi, c, xi_q, _scale(slope))


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
    q = np.exp(_LOG_Q)
    slope = moments.slope_second_moment(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = q - moments.second_moment(q) / slope - sigma_b**2
    settled = np.abs(excess) <= _EQUAL * q
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
    at = np.array([q if q > 0 else math.exp(_LOG_Q[0])])
    growth = _growth(moments, 1 / slope, 0.0, np.array([1e-3])) if q == 0 else None
    contraction = moments.second_moment_slope(at)[0] / slope
    attracting = bool(contraction <= 1 + _EQUAL) if growth is None else bool(growth[0] <= _EQUAL)
    return Edge(1 / math.sqrt(slope), q, attracting, _saturated(moments, at))


def _saturated(moments: Moments, q: Array) -> float:
    true = traits(moments.activation)
    if not true.saturates:
        return 0.0

    def lost(u: Array) -> Array:
        return (np.abs(moments.slope(u)) < SATURATED * true.steepest).astype(np.float64)

    return float(expectation(lost, np.zeros_like(q), q, moments.kinks)[0])


def _growth(moments: Moments, weight: float, bias: float, q: Array) -> Array:
    """Ln of the factor by which a layer changes q."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weight * moments.second_moment(q) + bias) - np.log(q))


def _end(moments: Moments, weight: float, bias: float, start: float) -> tuple[float, bool]:
    """Where q ends, and whether it would have stayed anywhere."""

    def growth(log_q: Array | float) -> Array:
        return _growth(moments, weight, bias, np.exp(np.atleast_1d(log_q)))

    begin = math.log(start)
    near = growth(begin + np.array([-1.0, 0.0, 1.0]))
    if np.abs(near).max() < _EQUAL:
        return start, True
    direction = float(np.sign(near[1]))
    if abs(near[1]) < _EQUAL:
        return start, False
    ahead = _LOG_Q[begin < _LOG_Q] if direction > 0 else _LOG_Q[begin > _LOG_Q][::-1]
    values = growth(ahead)
    turned = np.flatnonzero(np.sign(values) * direction <= 0)
    beyond = math.inf if direction > 0 else 0.0
    if not len(turned):
        return beyond, False
    first = int(turned[0])
    inner = begin if first == 0 else float(ahead[first - 1])
    outer = float(ahead[first])
    if abs(values[first]) < _EQUAL and abs(values[-1]) < _EQUAL:
        return beyond, False  # levels off: the smallest signals neither grow nor shrink
    root = brentq(lambda x: float(growth(x)[0]), inner, outer, xtol=1e-14, rtol=1e-14)
    return math.exp(root), False


def _correlation(moments: Moments, weight: float, bias: float, q: float) -> float:
    """c* below 1, where two inputs part."""

    def gain(c: float) -> float:
        return float((weight * moments.covariance(q, np.array(c)) + bias) / q - c)

    if abs(gain(0.0)) < _EQUAL:
        return 0.0
    return float(brentq(gain, 0.0, 1 - 1e-7, xtol=1e-12))


def _scale(slope: float) -> float:
    """In how many layers a distance falls by e that each multiplies by ``slope``; inf if none."""
    if slope <= 0:
        return 0.0
    return math.inf if slope > 1 - _EQUAL else -1 / math.log(slope)


def _log10(x: float) -> float:
    return math.log10(x) if x > 0 else -math.inf
