"""The prediction for a given network at initialisation, layer by layer.

Symbols are those of the papers: q_l is the second moment of pre-activations, σ_w² = fan_in · Var W
and σ_b² = Var b of a layer, χ_l the factor from E‖δ_{l+1}‖² to E‖δ_l‖². Each sample has its own
q_1 = σ_w² mean(x²) + σ_b², and so its own profile; profiles are averaged at the end.

    q_{l+1} = σ_w² E φ(√q_l z)² + σ_b²              Poole et al. 2016 (arXiv:1606.05340), eq. 3
    χ_l = σ_w² E φ'(√q_l z)²,  σ_w² of layer l + 1
    E‖δ_l‖² = χ_l E‖δ_{l+1}‖²                       Schoenholz et al. 2017, eq. 14
    E g_l² = E δ_l² · E h_{l−1}²                    of one sample's weight gradient

Sources: arXiv:1606.05340, arXiv:1611.01232.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deltaflow.nn.initializers import Initializer
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments


@dataclass(frozen=True)
class Prediction:
    """Profiles of a network at initialisation; the last axis is the layer, input to output.

    Attributes:
        preactivation_second_moment: q_l of layers 1 to L, the mean over samples, ``[..., L]``.
        delta_norm: δ norm of the hidden layers, relative to the last, ``[..., depth]``.
        sample_grad_rms: RMS weight gradient of a sample in the hidden layers, relative to the last,
            ``[..., depth]``; NaN if that is 0.
        chi: χ_l of the hidden layers, the mean over samples, ``[..., depth]``; that of the last
            is the factor from the output layer.
    """

    preactivation_second_moment: Array
    delta_norm: Array
    sample_grad_rms: Array
    chi: Array


@np.errstate(over="ignore", invalid="ignore")  # fast-growing φ; φ' = 0
def predict(
    sizes: Sequence[int],
    moments: Moments,
    initializer: Initializer,
    input_second_moment: Array,
    dropout: float = 0.0,
) -> Prediction:
    """The mean-field prediction for one network and one batch, or several batches at once.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        moments: moments of φ.
        initializer: initializer, whose variances depend on each layer's size.
        input_second_moment: mean(x²) over a sample's features, ``[..., n_samples]``.
        dropout: share of hidden units dropped; the others are scaled up, which multiplies
            second moments of h and δ alike (Schoenholz et al. 2017, section 3.2).

    Returns:
        Profiles ``[..., L]``, or ``[..., depth]`` of hidden layers.
    """
    weight, bias = variances(sizes, initializer)
    inputs = [np.asarray(input_second_moment, dtype=np.float64)]
    q = [weight[0] * inputs[0] + bias[0]]
    chi = []
    for sigma, shift in zip(weight[1:], bias[1:], strict=True):
        layer = moments.layer_moments(q[-1])
        sigma /= 1 - dropout
        inputs.append(layer.second_moment / (1 - dropout))
        q.append(sigma * layer.second_moment + shift)
        chi.append(sigma * layer.slope_second_moment)
    delta, gradient = _backwards(sizes, chi, inputs)
    return Prediction(
        preactivation_second_moment=_means(q),
        delta_norm=delta,
        sample_grad_rms=gradient,
        chi=_means(chi, inputs[0].shape[:-1]),
    )


def variances(sizes: Sequence[int], initializer: Initializer) -> tuple[list[float], list[float]]:
    """σ_w² and σ_b² of each layer: fan_in times the variance of a weight, and that of a bias."""
    layers = list(itertools.pairwise(sizes))
    weight = [fan_in * initializer.weight_variance(fan_in, fan_out) for fan_in, fan_out in layers]
    return weight, [initializer.bias_variance(fan_in) for fan_in, _ in layers]


def typical_variances(sizes: Sequence[int], initializer: Initializer) -> tuple[float, float]:
    """σ_w² and σ_b² of a typical layer between hidden layers.

    Args:
        sizes: units of the input, of each hidden layer and of the output; at least one hidden.
        initializer: initializer of the layers.

    Returns:
        The geometric mean of σ_w², because δ depends on its product over layers, and the mean of
        σ_b². With one hidden layer, those of a second hidden layer of the same size.
    """
    hidden = list(sizes[1:-1])
    weight, bias = variances(hidden if len(hidden) > 1 else hidden * 2, initializer)
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(weight).mean())), float(np.mean(bias))


def _backwards(
    sizes: Sequence[int], chi: Sequence[Array], inputs: Sequence[Array]
) -> tuple[Array, Array]:
    """δ norm and per-sample gradient RMS of the hidden layers, relative to the last."""
    batches, depth = inputs[0].shape[:-1], len(chi)
    square = np.ones_like(inputs[0])
    delta, gradient = np.empty((2, *batches, depth))
    for layer in reversed(range(depth)):
        if layer < depth - 1:
            square = square * chi[layer]
        delta[..., layer] = np.sqrt(square.mean(-1))
        gradient[..., layer] = np.sqrt((square * inputs[layer]).mean(-1) / sizes[layer + 1])
    last = gradient[..., -1:]
    return delta, np.divide(gradient, last, out=np.full_like(gradient, np.nan), where=last > 0)


def _means(layers: Iterable[Array], batches: tuple[int, ...] = ()) -> Array:
    """Means over samples, ``[..., layer]``."""
    means = [samples.mean(-1) for samples in layers]
    return np.stack(means, axis=-1) if means else np.empty((*batches, 0))
