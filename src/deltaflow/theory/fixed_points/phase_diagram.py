"""The phase diagram: the limits of deep networks over the plane of σ_w² and σ_b².

Symbols are those of ``fixed_point``, which computes a single point exactly. Here moments are
tabulated over ln q and interpolated. The correlation c* is computed from the Hermite series of φ
(Daniely et al. 2016, arXiv:1602.05897, section 4):

    E φ(u₁)φ(u₂) = Σ a_n² cⁿ,  a_n = E φ(√q z) He_n(z)/√n!

The remainder of the truncated series is replaced by one term, whose order is chosen so that the
series and its slope, which is χ₁, are exact at c = 1. If φ has jumps, it is an integral over all
further orders.

>>> from torch import nn
>>> diagram = phase_diagram(Moments(nn.Tanh()), np.array([0.5, 1.5]), np.array([0.0]))
>>> diagram.chi.round(3)
array([[0.5  , 1.041]])
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.special import erfc

from deltaflow.theory.expectations.gaussian import Array, rule
from deltaflow.theory.expectations.hermite import hermite_polynomials, jump_remainder
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.fixed_points.fixed_point import EQUAL, LOG_Q, TRAINABLE, slope_limit

_ORDERS = 512  # orders of the Hermite series, enough for kinks down to 1 − c of about 0.003
_APART = np.linspace(math.log(1e-6), 0.0, 61)  # ln(1 − c)
_POINTS = 80  # over ln q*
_HALVINGS = 45
_LOG_ZERO = -690.0  # logarithm that stands for 0
_AT_ONCE = 4096  # pairs of variances that are computed at once, which limits the memory


@dataclass(frozen=True)
class PhaseDiagram:
    """The limits for all pairs of variances.

    Attributes:
        weight_variance: σ_w², ``[n_weight]``, increasing.
        bias_variance: σ_b², ``[n_bias]``, increasing.
        q: fixed point q* of the variance, ``[n_bias, n_weight]``; 0 or inf if q goes there.
        chi: χ₁, or its limit, ``[n_bias, n_weight]``.
        trainable_depth: 6 ξ_c in layers, ``[n_bias, n_weight]``; inf at criticality.
    """

    weight_variance: Array
    bias_variance: Array
    q: Array
    chi: Array
    trainable_depth: Array

    def edge(self) -> Array:
        """The smallest σ_w² with χ₁ ≥ 1 for each σ_b², ``[n_bias]``; NaN if there is none."""
        excess = self.chi - 1
        excess[np.abs(excess) < EQUAL] = 0
        first = np.argmax(excess >= 0, axis=1)
        rows = np.arange(len(excess))
        there = excess[rows, first] >= 0
        left = np.maximum(first - 1, 0)
        low, high = excess[rows, left], excess[rows, first]
        share = np.divide(low, low - high, out=np.ones_like(low), where=low != high)
        x = self.weight_variance
        return np.where(there, x[left] + share * (x[first] - x[left]), np.nan)


@np.errstate(over="ignore", invalid="ignore")  # a user's φ may grow exponentially
def phase_diagram(
    moments: Moments,
    weight_variance: Array,
    bias_variance: Array,
    start: float = 1.0,
    dropout: float = 0.0,
) -> PhaseDiagram:
    """Compute the limits for all pairs of variances.

    Args:
        moments: moments of φ.
        weight_variance: σ_w², at least 0, increasing.
        bias_variance: σ_b², at least 0, increasing.
        start: the variance to start from, above 0.
        dropout: share of units dropped, as in ``fixed_point``.

    Returns:
        The diagram. χ₁ differs from that of ``fixed_point`` by at most 10⁻⁶, and the trainable
        depth mostly by less than 1 %.
    """
    weight, bias = (v.ravel() for v in np.meshgrid(weight_variance, bias_variance))
    own = weight / (1 - dropout)  # for one input: dropout scales the remaining units up
    log_q, square, slope = _table(moments, math.log(start))
    some = np.array_split(np.arange(len(own)), len(own) // _AT_ONCE + 1)
    end = np.concatenate([_ends(log_q, square, own[i], bias[i], math.log(start)) for i in some])
    chi = own * np.exp(CubicSpline(log_q, slope)(np.clip(end, log_q[0], log_q[-1])))
    for q in (0.0, math.inf):
        gone = np.exp(end) == q
        chi[gone] = own[gone] * slope_limit(moments, q)
    contraction = np.minimum(chi, np.divide(1, chi, out=np.zeros_like(chi), where=chi > 0))
    apart = np.isfinite(end) & ((chi > 1 + EQUAL) | (dropout > 0) | bool(moments.jumps))
    if apart.any():
        share = own[apart] * np.exp(CubicSpline(log_q, square)(end[apart]) - end[apart])  # of q*
        contraction[apart] = _contraction(
            moments, end[apart], (1 - dropout) * share, dropout * share
        )
    with np.errstate(divide="ignore"):
        scale = np.where(np.abs(contraction - 1) < EQUAL, np.inf, -1 / np.log(contraction))
    shape = len(bias_variance), len(weight_variance)
    depth = (TRAINABLE * scale).reshape(shape)
    q = np.exp(end).reshape(shape)
    return PhaseDiagram(weight_variance, bias_variance, q, chi.reshape(shape), depth)


def _table(moments: Moments, start: float) -> tuple[Array, Array, Array]:
    """The grid of ln q with ln E φ² and ln E φ'², up to the largest q where both are finite."""
    log_q = np.unique(np.append(LOG_Q, start))
    q = np.exp(log_q)
    with np.errstate(divide="ignore"):
        square = np.log(moments.second_moment(q))
        slope = np.log(moments.slope_second_moment(q))
    finite = np.isfinite(np.maximum(square, slope)) | ((square == -np.inf) & (slope == -np.inf))
    upto = len(q) if finite.all() else int(finite.argmin())
    return log_q[:upto], np.maximum(square, _LOG_ZERO)[:upto], np.maximum(slope, _LOG_ZERO)[:upto]


def _ends(log_q: Array, square: Array, weight: Array, bias: Array, start: float) -> Array:
    """The limit of ln q for each pair, or ±inf; ``start`` is on the grid."""
    with np.errstate(divide="ignore"):
        growth = np.log(np.outer(weight, np.exp(square)) + bias[:, None]) - log_q
    first = min(int(np.searchsorted(log_q, start)), len(log_q) - 1)
    at_start = growth[:, first]
    stays = np.abs(at_start) < EQUAL
    end = np.full(len(weight), start)
    for direction in (1, -1):
        rows = np.flatnonzero(~stays & (np.sign(at_start) == direction))
        ahead = log_q[first::direction]
        values = growth[rows, first::direction] * direction
        turned = values <= 0
        outer = turned.argmax(axis=1)
        levels = np.abs(values[np.arange(len(rows)), outer]) < EQUAL
        gone = ~turned.any(axis=1) | (levels & (np.abs(values[:, -1]) < EQUAL))
        end[rows] = np.where(gone, direction * np.inf, ahead[outer])
        rows, outer = rows[~gone], outer[~gone]
        end[rows] = _root(log_q, square, weight[rows], bias[rows], ahead[outer - 1], ahead[outer])
    return end


def _root(
    log_q: Array, square: Array, weight: Array, bias: Array, inner: Array, outer: Array
) -> Array:
    """The zero of the growth of q between ``inner`` and ``outer``, by bisection."""
    logarithm = CubicSpline(log_q, square)
    sign = np.sign(outer - inner)
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2
        grows = np.log(weight * np.exp(logarithm(middle)) + bias) * sign > middle * sign
        inner, outer = np.where(grows, middle, inner), np.where(grows, outer, middle)
    return (inner + outer) / 2


def _contraction(moments: Moments, log_q: Array, kept: Array, lost: Array) -> Array:
    """The factor by which each layer multiplies the distance of a correlation to c*.

    With t = 1 − c, the map's fixed point has 1 = kept · (E φ² − E φφ)/(t E φ²) + lost/t.

    Args:
        moments: moments of φ.
        log_q: ln q*, ``[n]``.
        kept: share of q* that two equal inputs have in common, ``[n]``.
        lost: share of q* in which they differ because of dropout, ``[n]``.

    Returns:
        The factors, ``[n]``.
    """
    chord, slope = _series(moments, np.linspace(log_q.min() - 0.1, log_q.max() + 0.1, _POINTS))
    least, most = np.full_like(log_q, _APART[0]), np.full_like(log_q, _APART[-1])
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        together = kept * chord.ev(log_q, middle) + lost * np.exp(-middle) < 1
        least, most = np.where(together, least, middle), np.where(together, middle, most)
    return np.asarray(kept * slope.ev(log_q, (least + most) / 2))


def _series(moments: Moments, log_q: Array) -> tuple[RectBivariateSpline, RectBivariateSpline]:
    """Interpolate the Hermite series over ln q and ln(1 − c).

    Returns:
        The chord (E φ² − E φφ)/(1 − c) and the slope dE φφ/dc, both relative to E φ².
    """
    q = np.exp(log_q)
    nodes, weights = rule(np.zeros_like(q), q, moments.kinks)
    normal, value = nodes / np.sqrt(q)[:, None], moments.value(nodes) * weights
    polynomials = hermite_polynomials(normal, _ORDERS)
    powers = np.array([(value * polynomial).sum(-1) ** 2 for polynomial in polynomials])
    order = np.tile(np.arange(float(_ORDERS))[:, None], len(q))
    square = moments.second_moment(q)
    rest = np.maximum(square - powers.sum(0), 0)
    log_c = np.log1p(-np.exp(np.minimum(_APART, -1e-12)))[:, None, None]
    chord = -(powers * np.expm1(order * log_c)).sum(1)
    slope = (powers * order * np.exp((order - 1) * log_c)).sum(1)
    after, steeper = _rest(moments, q, rest, (order * powers).sum(0), log_c[..., 0])
    chord, slope = (chord + rest - after) / np.exp(_APART)[:, None], slope + steeper
    return tuple(
        RectBivariateSpline(log_q, _APART, (f / np.maximum(square, math.exp(_LOG_ZERO))).T)
        for f in (chord, slope)
    )


def _rest(
    moments: Moments, q: Array, rest: Array, steepness: Array, log_c: Array
) -> tuple[Array, Array]:
    """The remainder of the truncated series in E φφ, and in the slope dE φφ/dc."""
    if moments.jumps:
        y = -_ORDERS * log_c
        steeper = _ORDERS / 2 * np.sqrt(np.pi / y) * erfc(np.sqrt(y)) * np.exp(-log_c)
        return rest * jump_remainder(y), rest * steeper
    steep = np.maximum(q * moments.slope_second_moment(q) - steepness, 0)
    order = np.maximum(np.divide(steep, rest, out=np.ones_like(q), where=rest > 0), _ORDERS)
    return rest * np.exp(order * log_c), rest * order * np.exp((order - 1) * log_c)
