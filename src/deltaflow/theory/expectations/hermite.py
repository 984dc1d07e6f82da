"""Expectations over pairs of Gaussian numbers by Hermite series, for all correlations at once.

    E f(u₁) g(u₂) = Σ f_n g_n cⁿ,  f_n = E f(√q z) He_n(z)/√n!

Daniely et al. 2016 (arXiv:1602.05897), section 4.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import erfc

from deltaflow.theory.expectations.gaussian import Array, rule
from deltaflow.theory.expectations.moments import Moments

_ORDERS = 128
_ANGLES = np.linspace(0, math.pi, 65)  # arccos c, in which expectations are smooth despite kinks
_TINY = 1e-12


def hermite_polynomials(z: Array, n_orders: int) -> Iterator[Array]:
    """He_n(z)/√n! for n = 0, 1, …, which are orthonormal under the standard Gaussian."""
    before, polynomial = np.zeros_like(z), np.ones_like(z)
    for n in range(n_orders):
        yield polynomial
        following = (z * polynomial - math.sqrt(n) * before) / math.sqrt(n + 1)
        before, polynomial = polynomial, following


def jump_remainder(y: Array) -> Array:
    """The remainder of the series of a function with jumps after N orders, relative to c = 1.

    The terms fall as n^(−3/2), and their sum is approximated by an integral.

    Args:
        y: −N ln c, at least 0.
    """
    return np.asarray(np.exp(-y) - np.sqrt(np.pi * y) * erfc(np.sqrt(y)))


def pair_moments(moments: Moments, covariance: Array) -> tuple[Array, Array]:
    """E φ(u_a)φ(u_b) and E φ'(u_a)φ'(u_b) of Gaussian u_a, u_b with different variances.

    Args:
        moments: moments of φ.
        covariance: covariance of u, ``[n, n]``.

    Returns:
        Both expectations, ``[n, n]`` each, exact on the diagonal.
    """
    q = np.diag(covariance).copy()
    nodes, weights = rule(np.zeros_like(q), q, moments.kinks)
    scale = np.sqrt(np.where(q > 0, q, 1.0))
    z = nodes / scale[:, None]
    functions = [moments.value(nodes), moments.slope(nodes)]
    columns = [
        [(f * weights * polynomial).sum(-1) for f in functions]
        for polynomial in hermite_polynomials(z, _ORDERS)
    ]
    correlation = np.clip(covariance / np.outer(scale, scale), -1, 1)
    total, power = np.zeros((2, *covariance.shape)), np.ones_like(covariance)
    for coefficients in np.array(columns):
        total += coefficients[:, :, None] * coefficients[:, None, :] * power
        power = power * correlation
    for one, f in zip(total, functions, strict=True):
        np.fill_diagonal(one, (f**2 * weights).sum(-1))
    return total[0], total[1]


class HermiteSeries:
    """Hermite series of φ², φ'², φ and φ', for u of variance q.

    Args:
        moments: moments of φ.
        q: variance, above 0.
        correlation: correlation c of each pair, of any shape.

    Attributes:
        square: coefficients of φ².
        slope_square: coefficients of φ'².
        both: E φ²φ'².
    """

    def __init__(self, moments: Moments, q: float, correlation: Array) -> None:
        nodes, weights = rule(np.zeros(()), np.asarray(q), moments.kinks)
        z, value, slope = nodes / math.sqrt(q), moments.value(nodes), moments.slope(nodes)
        functions = {"φ²": value**2, "φ'²": slope**2, "φ": value, "φ'": slope}
        stacked = np.array(list(functions.values())) * weights
        columns = [stacked @ polynomial for polynomial in hermite_polynomials(z, _ORDERS)]
        self._coefficients = dict(zip(functions, np.array(columns).T, strict=True))
        self._whole = {
            (f, g): float((functions[f] * functions[g]) @ weights)
            for f, g in itertools.combinations_with_replacement(functions, 2)
        }
        self._angle = np.arccos(np.clip(correlation, -1, 1))
        self.square, self.slope_square = self._coefficients["φ²"], self._coefficients["φ'²"]
        self.both = self._whole["φ²", "φ'²"]

    def pairs(self, f: str, g: str) -> Array:
        """E f(u₁) g(u₂) of all pairs; the remainder of the series is that of a jump.

        Args:
            f: ``φ²``, ``φ'²``, ``φ`` or ``φ'``.
            g: the same for u₂.
        """
        powers = self._coefficients[f] * self._coefficients[g]
        if not self._angle.any():
            return np.full(self._angle.shape, self._whole[f, g])
        c = np.cos(_ANGLES)
        y = -_ORDERS * np.log(np.maximum(c, _TINY))
        beyond = np.where(c > 0, jump_remainder(y), 0)
        total = np.polynomial.polynomial.polyval(c, powers)
        total += max(self._whole[f, g] - powers.sum(), 0) * beyond
        if not np.isfinite(total).all():  # signals have diverged
            return np.full(self._angle.shape, np.nan)
        return np.asarray(CubicSpline(_ANGLES, total)(self._angle))
