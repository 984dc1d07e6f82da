"""Theory of fully connected networks with a normalisation before each φ.

    z_l = W_l h_{l−1} + b_l,  h_l = φ(normalised z_l)

With layer normalisation the input of φ has variance 1 in every layer, so a network is at its fixed
point from the second layer on: q* = σ_w² E φ(z)² + σ_b² and χ = σ_w² E φ'(z)² / q*, where z is
standard Gaussian. It equals a network without normalisation with σ_w² / q* and σ_b² / q* at q = 1.

With batch normalisation gradients explode for any σ_w (Yang et al. 2019, arXiv:1902.08129); χ
depends on φ and on the size of the batch.

>>> from torch import nn
>>> point = normalized_fixed_point("layer", Moments(nn.ReLU()), sigma_w=3.0, sigma_b=0.0)
>>> round(point.q, 6), round(point.chi, 6)
(4.5, 1.0)
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deltaflow.nn.initializers import Initializer
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.fixed_points.fixed_point import FixedPoint, fixed_point_at
from deltaflow.theory.graphs import Graph, operations, propagate
from deltaflow.theory.graphs.operations import Operation
from deltaflow.theory.recursion import Prediction, variances

_NORMALIZATIONS = {"layer": operations.LayerNorm, "batch": operations.BatchNorm}
_DEEP = 16  # layers after which a batch has reached its fixed point


def predict_normalized(
    normalization: str,
    sizes: Sequence[int],
    moments: Moments,
    initializer: Initializer,
    inputs: Array,
    dropout: float = 0.0,
) -> Prediction:
    """The mean-field prediction for one network and one batch, or several batches at once.

    Args:
        normalization: ``layer`` or ``batch``.
        sizes: units of the input, of each hidden layer and of the output.
        moments: moments of φ.
        initializer: initializer, whose variances depend on each layer's size.
        inputs: mean(x²) over a sample's features, ``[..., n_samples]``; with batch normalisation
            x·x' / n_features of one batch, ``[n_samples, n_samples]``.
        dropout: share of hidden units dropped.

    Returns:
        Profiles ``[..., L]``, or ``[..., depth]`` of hidden layers.
    """
    is_batch, layers = normalization == "batch", variances(sizes, initializer)
    given = inputs if is_batch else np.ravel(inputs)
    found = propagate(_chain(normalization, sizes, moments, layers, given, dropout))
    shape = (-1, *(inputs.shape[1:] if is_batch else inputs.shape))

    def means(values: Array) -> Array:
        return np.moveaxis(values.reshape(shape).mean(-1), 0, -1)

    square, q = means(found.delta_square), means(found.preactivation_second_moment)
    units = np.sqrt(np.array(sizes[1:]))
    gradient = np.sqrt(means(found.delta_square * found.input_second_moment)) / units
    with np.errstate(divide="ignore", invalid="ignore"):
        return Prediction(
            q,
            np.sqrt(square[..., :-1] / square[..., -2:-1]),
            gradient[..., :-1] / gradient[..., -2:-1],
            square[..., :-1] / square[..., 1:],
        )


def normalized_fixed_point(
    normalization: str,
    moments: Moments,
    sigma_w: float,
    sigma_b: float,
    dropout: float = 0.0,
    n_samples: int = 1,
) -> FixedPoint:
    """The limit of signals in a deep network.

    Args:
        normalization: ``layer`` or ``batch``.
        moments: moments of φ.
        sigma_w: σ_w.
        sigma_b: σ_b.
        dropout: share of units dropped.
        n_samples: number of samples of a batch, for batch normalisation.

    Returns:
        The fixed point. With batch normalisation c is NaN, because the samples of a batch depend on
        each other, and ξ_c is the number of layers in which E‖δ‖² changes by e.
    """
    own, bias = sigma_w**2 / (1 - dropout), sigma_b**2
    if normalization == "layer":
        q = own * float(moments.second_moment(np.ones(1))[0]) + bias
        if not q > 0:
            return FixedPoint(0.0, False, 0.0, math.nan, 0.0, 0.0)
        return replace(fixed_point_at(moments, sigma_w**2 / q, 1.0, dropout), q=q, xi_q=0.0)
    layers = [sigma_w**2] * (_DEEP + 1), [bias] * (_DEEP + 1)
    sizes = [1] * (_DEEP + 2)
    found = propagate(_chain("batch", sizes, moments, layers, np.eye(n_samples), dropout))
    square = found.delta_square.mean(-1)
    chi = float((square[1] / square[_DEEP // 2]) ** (1 / (_DEEP // 2 - 1)))
    q = float(found.preactivation_second_moment[_DEEP // 2].mean())
    return FixedPoint(q, False, chi, math.nan, math.nan, 1 / abs(math.log(chi)))


def _chain(
    normalization: str,
    sizes: Sequence[int],
    moments: Moments,
    layers: tuple[Sequence[float], Sequence[float]],
    products: Array,
    dropout: float,
) -> Graph:
    """Build the graph of a network with σ_w² and σ_b² of each layer in ``layers``."""
    made: list[Operation] = [operations.Source(products, np.zeros(len(products)))]

    def then(operation: Operation) -> int:
        made.append(operation)
        return len(made) - 1

    last = 0
    for number, (weight, bias, units) in enumerate(zip(*layers, sizes[1:], strict=True)):
        if number:
            last = then(_NORMALIZATIONS[normalization](last))
            last = then(operations.Elementwise(last, moments))
            last = then(operations.Dropout(last, dropout)) if dropout else last
        last = then(operations.Linear(last, weight, bias, units))
    return Graph(made)
