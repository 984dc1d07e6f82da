"""Gaussian moments of an activation φ and its derivative φ'.

φ may be any activation. φ' is computed by autograd, and kinks are found by a search.

>>> relu = Moments(nn.ReLU())
>>> relu.second_moment(np.array([3.0]))  # q / 2
array([1.5])
>>> relu.slope_second_moment(np.array([3.0]))
array([0.5])
>>> Moments(nn.Hardtanh(-1.0, 0.5)).kinks
(-1.0, 0.5)
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebfit, chebval
from torch import Tensor, nn

from deltaflow.nn.activations import SATURATED, Shipped, derivative, traits
from deltaflow.theory.expectations.gaussian import Array, expectation, rule

_POINTS = 33  # Chebyshev points of the interpolation
_WIDEST = 1e3  # range of q for which they are enough
_SAME = 1e-10
_NEAR, _STEP = 64.0, 1 / 64  # kinks are searched in equal steps up to 64, then in equal ratios
_OCTAVES, _IN_AN_OCTAVE = 38, 512  # range of that search, which covers all q
_CROSSING = np.array([-8.0, -4, -2, -1, 0, 1, 2, 4, 8])  # standard deviations around a kink
_SLIGHT = 1e-8  # changes below this share of the largest value near 0 may be rounding errors
_HALVINGS = 40
_BESIDE = 1e-7  # relative distance from a jump at which φ is evaluated for its height
Kinks = tuple[tuple[tuple[float, float], ...], tuple[float, ...]]  # jumps with heights, and kinks


@dataclass(frozen=True)
class LayerMoments:
    """The moments for one layer of the recursion, at variances q of any shape.

    Attributes:
        second_moment: E φ².
        slope_second_moment: E φ'².
    """

    second_moment: Array
    slope_second_moment: Array


class Moments:
    """Gaussian moments of one activation.

    Args:
        activation: φ, which is applied entry by entry and has no parameters.

    Attributes:
        activation: φ.
        jumps: the points where φ jumps, each with the height of the jump.
        kinks: the points where φ or φ' jumps.
    """

    def __init__(self, activation: nn.Module) -> None:
        self.activation = activation
        shipped = Shipped.of(activation)
        self.jumps, self.kinks = (
            _find_kinks(activation) if shipped is None else _shipped_kinks(shipped)
        )

    def value(self, u: Array) -> Array:
        """φ(u), entry by entry."""
        return _value(self.activation, u)

    def slope(self, u: Array) -> Array:
        """φ'(u), entry by entry."""
        return _slope(self.activation, u)

    def mean(self, q: Array) -> Array:
        """E φ(u) for u of variance q."""
        return self._of(self.value, q)

    def second_moment(self, q: Array) -> Array:
        """E φ(u)² for u of variance q."""
        return self._of(lambda u: self.value(u) ** 2, q)

    def slope_second_moment(self, q: Array) -> Array:
        """E φ'(u)² for u of variance q."""
        return self._of(lambda u: self.slope(u) ** 2, q)

    def second_moment_slope(self, q: Array) -> Array:
        """D E φ(u)² / dq, as E[(u²/q − 1) φ(u)²] / (2q), which needs no φ''."""
        variance = np.asarray(q)[..., None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._of(
                lambda u: (u**2 / variance - 1) * self.value(u) ** 2 / (2 * variance), q
            )

    def saturated_fraction(self, q: Array) -> Array:
        """Share of u of variance q in a tail with |φ'| < 0.05 max |φ'|; 0 if there is none."""
        true = traits(self.activation)
        if not true.saturates:
            return np.zeros_like(q)
        steep = SATURATED * true.steepest
        lower, upper = true.live

        def is_saturated(u: Array) -> Array:
            outside = (u < lower) | (u > upper)
            return ((np.abs(self.slope(u)) < steep) & outside).astype(np.float64)

        return self._of(is_saturated, q)

    def flat_fraction(self, q: Array) -> Array:
        """Share of u of variance q with φ' = 0."""
        return self._of(lambda u: (self.slope(u) == 0).astype(np.float64), q)

    def layer_moments(self, q: Array) -> LayerMoments:
        """The moments of one layer, for variances q of any shape.

        They are smooth functions of ln q, so for many samples they are computed at Chebyshev points
        and interpolated, with a relative error of 10⁻⁹.
        """
        least, most = q.min(), q.max()
        if q.size <= _POINTS or not 0 < most <= _WIDEST * least:
            return self._at(q)
        low, high = np.log(least), np.log(most)
        if high - low < _SAME:
            same = astuple(self._at(q.ravel()[:1]))
            return LayerMoments(*(np.broadcast_to(value, q.shape) for value in same))
        points = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
        sampled = self._at(np.exp((low + high) / 2 + (high - low) / 2 * points))
        at = (2 * np.log(q) - low - high) / (high - low)
        return LayerMoments(
            *(chebval(at, chebfit(points, v, _POINTS - 1)) for v in astuple(sampled))
        )

    def _at(self, q: Array) -> LayerMoments:
        nodes, weights = rule(np.zeros_like(q), q, self.kinks)
        squares = (f(nodes) ** 2 for f in (self.value, self.slope))
        return LayerMoments(*(np.asarray((square * weights).sum(-1)) for square in squares))

    def covariance(self, q: float, c: Array) -> Array:
        """E φ(u₁)φ(u₂) for u of variance q and correlation c."""
        return self._of_pairs(lambda u, v: self.value(u) * self.value(v), q, 1 - c)

    def decorrelation(self, q: float, t: Array) -> Array:
        """E φ² − E φ(u₁)φ(u₂) for u of variance q and correlation 1 − t, exact for small t.

        It is computed as E (φ(u₁) − φ(u₂))² / 2, without cancellation.
        """
        return self._of_pairs(lambda u, v: (self.value(u) - self.value(v)) ** 2 / 2, q, t)

    def slope_covariance(self, q: float, c: Array) -> Array:
        """E φ'(u₁)φ'(u₂), with a delta function in φ' for each jump of φ.

        It is the derivative of the covariance with respect to q·c, and infinite at c = 1 if φ has
        jumps. The δ of back-propagation ignores jumps; its factor is :meth:`slope_second_moment`.
        """
        smooth = self._of_pairs(lambda u, v: self.slope(u) * self.slope(v), q, 1 - c)
        if not self.jumps:
            return smooth
        where, height = np.transpose(self.jumps)
        height_here = height * _density(where, q)
        mean, variance = c[..., None] * where, q * (1 - np.square(c))[..., None]
        beside = expectation(self.slope, mean, variance, self.kinks) @ height_here
        with np.errstate(divide="ignore", invalid="ignore"):
            there = _density(where - mean[..., None], variance[..., None]) @ height
        return np.asarray(smooth + 2 * beside + there @ height_here)

    def _of(self, f: Callable[[Array], Array], q: Array) -> Array:
        return expectation(f, np.zeros_like(q), q, self.kinks)

    def _of_pairs(self, f: Callable[[Array, Array], Array], q: float, t: Array) -> Array:
        pairs = [self._of_pair(f, q, float(apart)) for apart in np.ravel(t)]
        return np.reshape(pairs, np.shape(t))

    def _of_pair(self, f: Callable[[Array, Array], Array], q: float, t: float) -> float:
        """Integrate over u₂ given u₁, a Gaussian with mean c·u₁, and then over u₁.

        The inner integral changes quickly where u₂ crosses a kink, so nodes of u₁ lie there too.
        """
        c, variance = 1 - t, q * t * (2 - t)
        crossed = [k / c + np.sqrt(variance) / c * _CROSSING for k in self.kinks if c]
        around = [*self.kinks, *np.ravel(crossed)]
        nodes, weights = rule(np.zeros(()), np.asarray(q), around)
        kept = weights > 0
        nodes, weights = nodes[kept], weights[kept]
        given, shares = rule(c * nodes, np.asarray(variance), self.kinks)
        return float(weights @ (f(nodes[:, None], given) * shares).sum(-1))


@cache
def _shipped_kinks(shipped: Shipped) -> Kinks:
    return _find_kinks(shipped.activation)


def _find_kinks(activation: nn.Module) -> Kinks:
    where = np.array(_jumps(lambda u: _value(activation, u)))
    aside = _BESIDE * np.maximum(1, np.abs(where))
    heights = _value(activation, where + aside) - _value(activation, where - aside)
    kinks = {*_jumps(lambda u: _slope(activation, u)), *where.tolist()}
    return tuple(zip(where.tolist(), heights.tolist(), strict=True)), tuple(sorted(kinks))


def _value(activation: nn.Module, u: Array) -> Array:
    with torch.no_grad():
        return _numbers(activation, u)


def _slope(activation: nn.Module, u: Array) -> Array:
    return _numbers(lambda z: derivative(activation, z), u)


def _density(u: Array, variance: Array | float) -> Array:
    """The density of a Gaussian with mean 0."""
    return np.asarray(np.exp(-np.square(u) / (2 * variance)) / np.sqrt(2 * np.pi * variance))


def _numbers(f: Callable[[Tensor], Tensor], u: Array) -> Array:
    """A function of tensors, applied in double precision."""
    return np.asarray(f(torch.from_numpy(np.ascontiguousarray(u, dtype=np.float64))).numpy())


@np.errstate(over="ignore", invalid="ignore")  # a user's φ may grow exponentially
def _jumps(f: Callable[[Array], Array]) -> tuple[float, ...]:
    """Find the points where a function jumps that is smooth elsewhere.

    Each step of a grid is bisected towards the half with the larger change. At a jump the change
    keeps its size; elsewhere it goes to 0 with the step.
    """
    near = np.arange(-_NEAR, _NEAR, _STEP) - _STEP / 3  # so that simple numbers are inside a step
    far = near[-1] * 2 ** (np.arange(1, _OCTAVES * _IN_AN_OCTAVE) / _IN_AN_OCTAVE)
    grid = np.concatenate([-far[::-1], near, far])
    values = f(grid)
    change, size = np.abs(np.diff(values)), np.abs(values)
    slight = _SLIGHT * np.maximum(size[1:], size[np.abs(grid) <= _NEAR].max())
    suspects = change > slight
    low, high, change = grid[:-1][suspects], grid[1:][suspects], change[suspects]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left = np.abs(f(middle) - f(low)) > np.abs(f(high) - f(middle))
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    jumped = np.abs(f(high) - f(low)) > 0.5 * change
    return tuple(sorted({_simple(x) for x in (low + high)[jumped] / 2}))


def _simple(x: float) -> float:
    """Round a number to nine digits if that changes it by rounding errors only."""
    short = float(f"{x:.9g}") if abs(x) > 1 else round(float(x), 9)
    return short if abs(x - short) < 1e-11 * max(1, abs(x)) else float(x)
