"""The scatter of networks of finite width around mean-field theory, and its centre.

A layer of N units takes means over N numbers, so ln q and ln ‖δ‖² of one network fluctuate with a
variance of O(1/N) per layer. The mean of a logarithm is below the logarithm of a mean: E ln‖δ_l‖ is
below ½ ln E‖δ_l‖², for ReLU by ¼ Σ 5/N over the layers between. This module computes the first
order in depth over width (Hanin & Nica 2020, arXiv:1812.05994; Roberts, Yaida & Hanin 2022,
arXiv:2106.10165) of ln S_l, where S is the mean of ‖δ‖² over the samples of a batch.

Going forward, with f(ln q) the variance map and η the noise of one layer,

    δln q_{l+1} = f' δln q_l + η_l,                    Var η = σ_w⁴ Var φ² / (N q²)

and going back, with ζ the noise of N units,

    ln S_l − ln S_{l+1} = ln χ_l(q_l) + ζ_l,           N Var ζ = E φ'⁴ (1 + 2ρ²) / (E φ'²)² − 1.

For two samples, the moments are those of Gaussians with correlation c, and ρ is the correlation of
their δ. Both are computed from Hermite series. Orthogonal weights preserve lengths, which removes
the fluctuation of lengths, a term of order 2, from every series.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from deltaflow.nn.initializers import Initializer, Orthogonal
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.hermite import HermiteSeries
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.recursion import variances

_TINY = 1e-12  # variance that stands for 0


@dataclass(frozen=True)
class FiniteWidth:
    """The distribution over networks of ln(δ norm of a hidden layer / that of the last one).

    Attributes:
        shift: mean, minus the logarithm of the mean-field profile, ``[depth]``.
        deviation: standard deviation, ``[depth]``.
    """

    shift: Array
    deviation: Array


@dataclass(frozen=True)
class _Layer:
    """The terms of one hidden layer. Matrices are over pairs of samples, ``[n, n]``.

    Attributes:
        units: number of units, N.
        growth: f', the derivative of the next layer's ln q with respect to this one's.
        bend: f''.
        slope: d ln χ / d ln q.
        curve: χ⁻¹ d²χ / (d ln q)².
        noise: Cov η.
        cross: Cov(η, ζ).
        fourth: E φ'²φ'² / (E φ'²)².
        free: the same without the part that orthogonal weights keep from fluctuating.
        kept: E φ'φ' / E φ'², the factor by which E δ·δ changes relative to E‖δ‖².
        loose: variance of ‖Wᵀδ‖² relative to that for independent weights; 0 if lengths are kept.
        tilt: mean shift of ln χ if signals lie on a sphere; 0 for independent weights.
        turn: this layer's term in E (z·δ)² / (q ‖δ‖²) − 1.
        turned: share of the next layer's term that carries over to this layer.
        lean: N times the change of ln χ per unit of the next layer's term.
        correlation: c.
        q_noise: Cov δln q.
        q_shift: E δln q.
    """

    units: int
    growth: float
    bend: float
    slope: float
    curve: float
    noise: Array
    cross: Array
    fourth: Array
    free: Array
    kept: Array
    loose: float
    tilt: float
    turn: float
    turned: float
    lean: float
    correlation: Array
    q_noise: Array
    q_shift: float


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # fast-growing φ; φ' = 0; no weights
def finite_width(
    sizes: Sequence[int],
    moments: Moments,
    initializer: Initializer,
    products: Array,
    dropout: float = 0.0,
) -> FiniteWidth:
    """The scatter of networks around the mean-field profile, and its centre.

    All samples are assumed to have the mean size. δ at the output is assumed to be that of an
    undecided softmax: ρ² = 1/(k − 1) for two samples out of k classes, and z·δ is random. If
    fluctuations of q grow from layer to layer, as for GELU near its edge of chaos, or if the depth
    is near the width, the centre is accurate to about 10 %, or only in its sign.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        moments: moments of φ.
        initializer: initializer of the weights, which are independent unless it is orthogonal.
        products: x·x' / n_features of the samples of a batch, ``[n, n]``.
        dropout: share of hidden units dropped.

    Returns:
        The scatter; NaN where the signal or δ is 0.
    """
    layers = _forwards(sizes, moments, initializer, products, dropout)
    depth, n = len(layers), len(products)
    shift, variance = np.zeros((2, depth))
    if not depth:
        return FiniteWidth(shift, variance)
    weights = np.full((n, n), n**-2.0)
    alike = weights * np.where(np.eye(n), 1, 1 / max(sizes[-1] - 1, 1))
    _, weights, alike = _back(layers[-1], weights, alike)
    mean = spread = response = memory = 0.0
    turn = layers[-1].turn
    for at in reversed(range(depth - 1)):
        layer = layers[at]
        share = weights.sum(1)

        def common(m: Array, weights: Array = weights) -> float:
            return float((weights * m).sum())

        def single(m: Array, share: Array = share) -> float:
            return float(share @ np.diag(m))

        added, after, alike_after = _back(layer, weights, alike)
        shape = 1 / max(added, _TINY)  # of the gamma distribution of a sum of squares
        apart = single(layer.q_noise) - common(layer.q_noise)
        second = layer.curve * single(layer.q_noise) - layer.slope**2 * common(layer.q_noise)
        mean += layer.slope * layer.q_shift + layer.tilt + layer.lean * turn / layer.units
        mean += second / 2 + layer.slope * layer.growth * response * apart
        mean += response * (single(layer.cross) - common(layer.cross))
        mean -= np.log(shape) - digamma(shape)
        spread += polygamma(1, shape) + 2 * response * common(layer.cross)
        spread += response**2 * common(layer.noise)
        if layer.loose < 1:  # orthogonal weights keep lengths, and so z·δ
            pull = layer.lean / layer.units
            angle = 2 * (1 + turn) ** 2 * float((alike * layers[at + 1].correlation ** 2).sum())
            spread += 2 * pull * memory + pull**2 * angle
            memory = (pull * angle + memory) * layer.turned
        response = layer.slope + layer.growth * response
        shift[at], variance[at] = mean, spread + response**2 * common(layer.q_noise)
        turn = layer.turn + layer.turned * turn
        weights, alike = after, alike_after
    return FiniteWidth(shift / 2, np.sqrt(np.maximum(variance, 0)) / 2)


def _forwards(
    sizes: Sequence[int],
    moments: Moments,
    initializer: Initializer,
    products: Array,
    dropout: float,
) -> list[_Layer]:
    """The terms of each hidden layer, input to output."""
    weight, bias = variances(sizes, initializer)
    own = np.eye(len(products), dtype=bool)
    square = weight[0] * np.diag(products) + bias[0]
    correlation = (weight[0] * products + bias[0]) / np.sqrt(np.outer(square, square))
    q, q_noise, q_shift = float(square.mean()), np.zeros(own.shape), 0.0
    masked = np.where(own, 1 / (1 - dropout), 1.0)  # dropout drops different units per sample
    layers = []
    for before, units, after, sigma, shift in zip(
        sizes, sizes[1:], sizes[2:], weight[1:], bias[1:], strict=False
    ):
        correlation[own] = 1.0
        of = HermiteSeries(moments, q, correlation)
        sphere = units / max(before, units) if isinstance(initializer, Orthogonal) else 0.0
        fixed = units / max(after, units) if isinstance(initializer, Orthogonal) else 0.0
        sigma /= 1 - dropout
        value, slope = of.square, of.slope_square
        following = sigma * value[0] + shift
        by = sigma / following
        noise = masked * of.pairs("φ²", "φ²") - value[0] ** 2
        noise -= sphere * value[2] ** 2 * correlation**2
        cross = masked * of.pairs("φ²", "φ'²") / slope[0] - value[0]
        cross -= sphere * value[2] * slope[2] / slope[0] * correlation**2
        fourth = masked * of.pairs("φ'²", "φ'²") / slope[0] ** 2
        growth, leaning = by * value[2] / math.sqrt(2), slope[2] / slope[0] / math.sqrt(2)
        weight_share = 1 - shift / following
        layer = _Layer(
            units=units,
            growth=growth,
            bend=by * _second(value) - growth**2,
            slope=leaning,
            curve=_second(slope) / slope[0],
            noise=by**2 * noise / units,
            cross=by * cross / units,
            fourth=fourth,
            free=fourth - sphere * (slope[2] / slope[0] * correlation) ** 2,
            kept=np.where(own, 1, 1 - dropout) * of.pairs("φ'", "φ'") / slope[0],
            loose=1 - fixed,
            tilt=-sphere * slope[4] / slope[0] * math.sqrt(1.5) / units,
            turn=2 * leaning,
            turned=weight_share * value[2] ** 2 / (2 * q * value[0] * slope[0]),
            lean=weight_share * (of.both / (1 - dropout) / (value[0] * slope[0]) - fixed),
            correlation=correlation,
            q_noise=q_noise,
            q_shift=q_shift,
        )
        layers.append(layer)
        q_shift = growth * q_shift + layer.bend * float(np.diag(q_noise).mean()) / 2
        q_shift -= float(np.diag(layer.noise).mean()) / 2
        q_shift -= sphere * by * value[4] * math.sqrt(1.5) / units
        q_noise = layer.noise + growth**2 * q_noise
        correlation = (sigma * (1 - dropout) * of.pairs("φ", "φ") + shift) / following
        q = following
    return layers


def _second(series: Array) -> float:
    """d² E f / (d ln q)²."""
    return float(math.sqrt(1.5) * series[4] + series[2] / math.sqrt(2))


def _back(layer: _Layer, weights: Array, alike: Array) -> tuple[float, Array, Array]:
    """Go back one layer: Var ζ of the mean over samples, and the two matrices behind it.

    Args:
        layer: the layer.
        weights: E ‖δ‖²‖δ'‖² for each pair of samples, normalised to sum 1.
        alike: E (δ·δ')², in the same unit.
    """
    four, kept = layer.fourth, layer.kept**2
    added = (layer.free - 1) * weights + 2 * (four - 1 + layer.loose) * alike
    more = four * (weights + 2 * alike) - kept * alike
    more -= (1 - layer.loose) * kept * (weights + alike)
    after, total = weights + added / layer.units, 1 + added.sum() / layer.units
    return float(total - 1), after / total, (kept * alike + more / layer.units) / total
