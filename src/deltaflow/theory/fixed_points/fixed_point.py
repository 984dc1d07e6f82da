"""Fixed points of signals in deep networks, and the depth scales of the convergence to them.

Symbols are those of the papers: q is the variance of pre-activations, σ_w² the weight variance
times fan_in, σ_b² the bias variance, χ₁ the factor by which E‖δ‖² changes per layer at the fixed
point, c* the fixed point of the correlation of two inputs, ξ depth scales in layers.

Poole et al. 2016 (arXiv:1606.05340), Schoenholz et al. 2017 (arXiv:1611.01232), Hayou et
al. 2019 (arXiv:1902.06853).

>>> from torch import nn
>>> point = fixed_point(Moments(nn.Tanh()), sigma_w=1.5, sigma_b=0.0)
>>> point.phase, round(point.chi, 3), abs(point.c) < 1e-9
('chaotic', 1.139, True)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments

LOG_Q = np.linspace(math.log(1e-24), math.log(1e24), 385)
"""The grid of ln q, eight points per decade."""
EQUAL = 1e-10
"""Relative difference below which numbers count as equal; quadrature is more exact."""
_ENDS = {0.0: np.exp(LOG_Q[[24, 0]]), math.inf: np.exp(LOG_Q[[-25, -1]])}
_SETTLED = 1e-3  # relative change over three decades of q
_MIN_LOG = math.log(1e-16)  # smallest ln(1 − c)
_NOTHING = 1e-14  # factors per layer below this are rounding errors
TRAINABLE = 6.0
"""Trainable depth in units of ξ_c (Schoenholz et al. 2017, section 5)."""


@dataclass(frozen=True)
class FixedPoint:
    """The limit of signals in a deep network.

    Attributes:
        q: fixed point q* of the variance; 0 or inf if q goes there, and then the other numbers are
            limits.
        neutral: whether every q is a fixed point, so that ``q`` is the start.
        chi: χ₁.
        c: fixed point c* of the correlation; NaN if q goes to 0 or inf, or if every correlation is
            a fixed point.
        xi_q: number of layers in which the distance of q to q* falls by e; NaN if there is none.
        xi_c: number of layers in which the distance of the correlation to c* falls by e, inf at
            criticality; if q goes to 0 or inf, number of layers in which E‖δ‖² changes by e.
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
    def delta_ratio(self) -> float:
        """Factor of ‖δ‖ per layer going back, √χ₁."""
        return math.sqrt(self.chi)

    @property
    def layers_per_decade(self) -> float:
        """Number of layers in which ‖δ‖ falls by a factor of 10; negative if it grows."""
        if self.phase == "critical":
            return math.inf
        return -2 / math.log10(self.chi) if self.chi > 0 else 0.0

    @property
    def trainable_depth(self) -> float:
        """The trainable depth 6 ξ_c, in layers."""
        return TRAINABLE * self.xi_c


@np.errstate(over="ignore", invalid="ignore")  # a user's φ may grow exponentially
def fixed_point(
    moments: Moments, sigma_w: float, sigma_b: float, start: float = 1.0, dropout: float = 0.0
) -> FixedPoint:
    """Find the limit of the variance map q ← σ_w² E φ² + σ_b².

    Fixed points are bracketed and solved for, so the result is exact even if the iteration
    converges slowly.

    Args:
        moments: moments of φ.
        sigma_w: σ_w, at least 0.
        sigma_b: σ_b, at least 0.
        start: the variance to start from, above 0.
        dropout: share of units dropped. It scales second moments up, while two inputs, which
            lose different units, keep their covariance (Schoenholz et al. 2017, section 3.2).
    """
    weight, bias = sigma_w**2, sigma_b**2
    own = weight / (1 - dropout)  # for one input: dropout scales the remaining units up
    q, neutral = _end(moments, own, bias, start)
    if not 0 < q < math.inf:
        chi = own * slope_limit(moments, q)
        scale = _scale(min(chi, 1 / chi) if chi else 0.0)
        return FixedPoint(q, neutral, chi, math.nan, math.nan, scale)
    return fixed_point_at(moments, weight, q, dropout, neutral)


def fixed_point_at(
    moments: Moments, weight: float, q: float, dropout: float, neutral: bool = False
) -> FixedPoint:
    """The properties of a fixed point of the variance.

    Args:
        moments: moments of φ.
        weight: σ_w².
        q: the fixed point, above 0 and finite.
        dropout: share of units dropped.
        neutral: whether every q is a fixed point.
    """
    own = weight / (1 - dropout)
    at = np.array([q])
    chi = float(own * moments.slope_second_moment(at)[0])
    lost = (own - weight) * float(moments.second_moment(at)[0]) if dropout else 0.0

    def parted(log_t: float) -> float:
        """Ln of the factor by which a layer changes t = 1 − c."""
        t = math.exp(log_t)
        after = (lost + weight * float(moments.decorrelation(q, np.array(t)))) / q
        return math.log(after / t) if after > 0 else -math.inf

    if neutral and not dropout and abs(parted(math.log(0.5))) < EQUAL:
        return FixedPoint(q, neutral, chi, math.nan, math.nan, math.inf)
    xi_q = math.nan if neutral else _scale(abs(float(own * moments.second_moment_slope(at)[0])))
    repelling = chi > 1 + EQUAL or dropout > 0 or (moments.jumps and parted(_MIN_LOG) > 0)
    if not repelling:
        return FixedPoint(q, neutral, chi, 1.0, xi_q, _scale(chi))
    c = min(1 - math.exp(_root(parted)), np.nextafter(1, 0))
    slope = float(weight * moments.slope_covariance(q, np.array(c)))
    return FixedPoint(q, neutral, chi, float(c), xi_q, _scale(slope))


def basins(
    moments: Moments, sigma_w: float, sigma_b: float, starts: Array, dropout: float
) -> NDArray[np.intp]:
    """Group starts by their limit; different limits have a repelling fixed point between them.

    Args:
        moments: moments of φ.
        sigma_w: σ_w, at least 0.
        sigma_b: σ_b, at least 0.
        starts: variances above 0, ``[n]``.
        dropout: share of units dropped.

    Returns:
        The number of the limit of each start, ``[n]``, in the order of q.
    """
    begin = np.log(starts)
    inside = LOG_Q[(begin.min() < LOG_Q) & (begin.max() > LOG_Q)]
    log_q = np.concatenate([[begin.min()], inside, [begin.max()]])

    def grown(x: Array) -> Array:
        return growth(moments, sigma_w**2 / (1 - dropout), sigma_b**2, np.exp(x))

    values = grown(log_q)
    values[np.abs(values) < EQUAL] = 0
    repelling = np.flatnonzero((values[:-1] < 0) & (values[1:] > 0))
    roots = [brentq(lambda x: grown(np.array([x]))[0], *log_q[i : i + 2]) for i in repelling]
    return np.searchsorted(roots, begin)


def slope_limit(moments: Moments, q: float) -> float:
    """The limit of E φ'² as q goes to 0 or inf; 0 or inf if it does not converge."""
    before, last = map(float, moments.slope_second_moment(_ENDS[q]))
    if abs(last - before) <= _SETTLED * last:
        return last
    return math.inf if not last < before else 0.0


def growth(moments: Moments, weight: float, bias: float, q: Array) -> Array:
    """Ln of the factor by which a layer changes q."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weight * moments.second_moment(q) + bias) - np.log(q))


def _end(moments: Moments, weight: float, bias: float, start: float) -> tuple[float, bool]:
    """The limit of q, and whether every q is a fixed point."""

    def grown(log_q: Array | float) -> Array:
        return growth(moments, weight, bias, np.exp(np.atleast_1d(log_q)))

    begin = math.log(start)
    near = grown(begin + np.array([-1.0, 0.0, 1.0]))
    if np.abs(near).max() < EQUAL:
        return start, True
    direction = float(np.sign(near[1]))
    if abs(near[1]) < EQUAL:
        return start, False
    ahead = LOG_Q[begin < LOG_Q] if direction > 0 else LOG_Q[begin > LOG_Q][::-1]
    beyond = math.inf if direction > 0 else 0.0
    if not len(ahead):
        return beyond, False
    values = grown(ahead)
    turned = np.flatnonzero(np.sign(values) * direction <= 0)
    if not len(turned):
        return beyond, False
    first = int(turned[0])
    inner = begin if first == 0 else float(ahead[first - 1])
    outer = float(ahead[first])
    if abs(values[first]) < EQUAL and abs(values[-1]) < EQUAL:
        return beyond, False  # the growth itself goes to 0 with q
    root = brentq(lambda x: float(grown(x)[0]), inner, outer, xtol=1e-14, rtol=1e-14)
    return math.exp(root), False


def _root(parted: Callable[[float], float]) -> float:
    """Ln(1 − c*) of the fixed point below c = 1; at least ``_MIN_LOG``."""
    if parted(_MIN_LOG) <= 0:
        return _MIN_LOG
    return 0.0 if parted(0.0) > -EQUAL else float(brentq(parted, _MIN_LOG, 0.0, xtol=1e-12))


def _scale(slope: float) -> float:
    """Number of layers in which a distance falls by e if each multiplies it by ``slope``."""
    if slope < _NOTHING:
        return 0.0
    return math.inf if slope > 1 - EQUAL else -1 / math.log(slope)
