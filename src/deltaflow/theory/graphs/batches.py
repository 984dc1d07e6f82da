"""Batch normalisation in the limit of wide layers (Yang et al. 2019, arXiv:1902.08129).

The pre-activations of a unit over a batch are Gaussian, and they are divided by their standard
deviation. Quadrature over all samples would be too slow, so expectations are means over fixed
draws, whose mean and covariance are exact. The error of other moments is about 1 % per layer.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from deltaflow.theory.expectations.gaussian import Array

_DRAWS = 4096


@dataclass(frozen=True, eq=False)
class NormalizedBatch:
    """Draws of a unit over a normalised batch.

    Attributes:
        u: normalised draws, ``[draws, n]``.
        deviation: standard deviation that each draw was divided by, ``[draws, 1]``.
        scale: γ, which multiplies ``u``.
    """

    u: Array
    deviation: Array
    scale: float

    @classmethod
    def of(cls, covariance: Array, eps: float, scale: float) -> "NormalizedBatch":
        """Normalise draws of Gaussian pre-activations.

        Args:
            covariance: covariance between samples, ``[n, n]``.
            eps: ε, which is added to the variance.
            scale: γ.
        """
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        z = _draws(len(covariance)) @ root.T
        centred = z - z.mean(-1, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(-1, keepdims=True) + eps)
        return cls(centred / deviation, deviation, scale)

    def back(self, gradient: Array, slope: Array) -> Array:
        """Propagate the second moments of gradients between samples back through the normalisation.

        The derivative of u with respect to z is (1 − 1/n − u uᵀ/n) / deviation. Its products are
        multiplied out, so that no draw needs its own matrix.

        Args:
            gradient: second moments of the gradients with respect to φ(u), ``[n, n]``.
            slope: derivative of φ(u) with respect to u, ``[draws, n]``.

        Returns:
            Second moments of the gradients with respect to z, ``[n, n]``.
        """
        n, u, s = len(gradient), self.u, slope / self.deviation
        # For each draw the product of slopes, gradient and slopes, multiplied by 1 and by u.
        by_ones, by_u = s * (s @ gradient), s * ((s * u) @ gradient)
        mean, mixed, own = (each.mean(-1, keepdims=True) for each in (by_ones, by_u, by_u * u))
        once = (by_ones - mean / 2 - mixed * u).sum(0) + u.T @ (by_u - own * u / 2)
        found: Array = (gradient * (s.T @ s) - (once + once.T) / n) / len(u)
        # For a batch of two only ε leaves a gradient, and rounding errors can be larger.
        np.fill_diagonal(found, np.maximum(np.diagonal(found), 0))
        return found


@cache
def _draws(n: int) -> Array:
    """Draws of n independent Gaussian numbers, exactly of mean 0, covariance 1; ``[draws, n]``."""
    half = np.random.default_rng(0).standard_normal((max(_DRAWS // 2, 4 * n), n))
    whole = np.linalg.cholesky(half.T @ half / len(half))
    half = np.linalg.solve(whole, half.T).T
    return np.concatenate([half, -half])
