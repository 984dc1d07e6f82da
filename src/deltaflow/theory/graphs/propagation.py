"""Propagates signals forward and gradients back through a graph, in the limit of wide layers.

    z = W h + b             E z z' = σ_w² E h h' + σ_b²,    E g g' = σ_w² E δ δ'  for g = Wᵀ δ
    u → φ(u)                E φ(u) φ(u'),                   E φ'(u) φ'(u') times that of g
    h + f(h)                fields add up, and so do the gradients of their users
    (z − mean) / deviation  a factor per sample, 1/√(q + ε), forward and back

Poole et al. 2016 (arXiv:1606.05340), eq. 3 to 5; Schoenholz et al. 2017 (arXiv:1611.01232), eq. 14
and 16; Yang & Schoenholz 2017 (arXiv:1712.08969) for residual blocks; Yang et al. 2019
(arXiv:1902.08129) for batch normalisation. The projection in the derivative of layer normalisation,
(1 − 1/N − u uᵀ/N) / deviation, removes 2/N of ‖δ‖² and is neglected.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.hermite import pair_moments
from deltaflow.theory.graphs import operations
from deltaflow.theory.graphs.batches import NormalizedBatch
from deltaflow.theory.graphs.operations import Graph, NoTheoryError, Operation
from deltaflow.theory.graphs.signals import Field, Signal, diagonal, outer


@dataclass(frozen=True)
class GraphPrediction:
    """The prediction for the linear layers of a graph, in order.

    Attributes:
        names: names of the layers.
        units: fan_out of each layer.
        preactivation_second_moment: q of each sample, ``[layer, n]``.
        input_second_moment: E h² of the layer's input, ``[layer, n]``.
        delta_square: E‖δ‖² relative to the graph's output, where it is 1 for each sample and
            uncorrelated between samples, ``[layer, n]``.
    """

    names: tuple[str, ...]
    units: tuple[int, ...]
    preactivation_second_moment: Array
    input_second_moment: Array
    delta_square: Array

    @property
    def delta_norm(self) -> Array:
        """RMS over samples of ‖δ‖, ``[layer]``."""
        return np.asarray(np.sqrt(self.delta_square.mean(-1)))

    @property
    def sample_grad_rms(self) -> Array:
        """RMS of the weight gradients of single samples, ``[layer]``."""
        square = (self.delta_square * self.input_second_moment).mean(-1)
        return np.asarray(np.sqrt(square / np.array(self.units)))


@np.errstate(over="ignore", invalid="ignore")  # signals may diverge
def propagate(graph: Graph) -> GraphPrediction:
    """Predict the profile of a graph.

    Raises:
        NoTheoryError: if there is no theory for the graph.
    """
    fields: dict[int, Field] = {}
    signals: list[Signal] = []
    slopes: dict[int, Array] = {}  # E φ'φ' between samples, or φ' of the draws of a batch
    for number, operation in enumerate(graph.operations):
        signals.append(_forward(operation, number, signals, fields, slopes))
    gradients = {number: np.zeros_like(found.covariance) for number, found in fields.items()}

    def arrive(signal: Signal, gradient: Array) -> None:
        """Add the gradient with respect to a signal to those of its fields."""
        for k, a in signal.parts.items():
            gradients[k] += outer(a, a, gradient) * gradient

    some = signals[-1].covariance
    arrive(signals[-1], np.ones_like(some) if some.ndim == 1 else np.eye(len(some)))
    for number, operation in reversed([*enumerate(graph.operations)]):
        if number not in fields:
            continue
        g = gradients[number]
        match operation:
            case operations.Linear(operand=k, weight=weight):
                arrive(signals[k], weight * g)
            case operations.Elementwise(operand=k):
                batch = _batch_behind(signals[k])
                if batch is None:
                    arrive(signals[k], slopes[number] * g)
                else:
                    (behind,) = signals[k].parts
                    given = graph.operations[behind]
                    assert isinstance(given, operations.BatchNorm)
                    arrive(signals[given.operand], batch.back(g, slopes[number]))
            case operations.BatchNorm(operand=k) if (batch := fields[number].batch) and g.any():
                arrive(signals[k], batch.back(g, np.full_like(batch.u, batch.scale)))
            case operations.Dropout(operand=k, rate=rate):
                arrive(signals[k], _without(g, rate))
    linear = operations.Linear
    layers = [(n, op) for n, op in enumerate(graph.operations) if isinstance(op, linear)]
    if not layers:
        raise NoTheoryError("Theory is of linear layers. Found none. Look at another model.")

    def rows(matrices: list[Array]) -> Array:
        return np.stack([diagonal(matrix) for matrix in matrices])

    return GraphPrediction(
        tuple(op.name for _, op in layers),
        tuple(op.units for _, op in layers),
        rows([fields[n].covariance for n, _ in layers]),
        rows([signals[op.operand].second_moment for _, op in layers]),
        rows([gradients[n] for n, _ in layers]),
    )


def _forward(
    operation: Operation,
    number: int,
    signals: list[Signal],
    fields: dict[int, Field],
    slopes: dict[int, Array],
) -> Signal:
    """The output of an operation; a new field is added to ``fields``."""
    match operation:
        case operations.Sum(operands=numbers, factors=factors):
            return reduce(
                add, (signals[k].scaled(f) for k, f in zip(numbers, factors, strict=True))
            )
        case operations.LayerNorm(operand=k, eps=eps, scale=scale, is_centred=is_centred):
            given = signals[k]
            size = given.covariance if is_centred else given.second_moment
            factor = scale / np.sqrt(diagonal(size) + eps)
            return given.scaled(factor, -factor * given.mean if is_centred else 0.0)
        case operations.Source(products=products, mean=mean):
            own = frozenset([number])
            fields[number] = Field(products - outer(mean, mean, products), mean, own)
        case operations.Linear(operand=k, weight=weight, bias=bias):
            covariance = weight * signals[k].second_moment + bias
            nothing = np.zeros(len(covariance))
            fields[number] = Field(covariance, nothing, frozenset([number]), is_gaussian=True)
        case operations.Elementwise():
            fields[number], slopes[number] = _activated(
                operation, number, signals[operation.operand]
            )
        case operations.BatchNorm(operand=k, eps=eps, scale=scale):
            given = signals[k]
            if not given.is_gaussian or given.covariance.ndim == 1:
                raise NoTheoryError(
                    "Theory knows batch normalisation of Gaussian signals, sample by sample. Found "
                    "one of other signals. Put it behind a linear layer."
                )
            batch = NormalizedBatch.of(given.covariance, eps, scale)
            covariance = scale**2 * batch.u.T @ batch.u / len(batch.u)
            origins = _origins(given) | {number}
            fields[number] = Field(covariance, np.zeros(len(covariance)), origins, batch=batch)
        case operations.Dropout(operand=k, rate=rate):
            given = signals[k]
            second_moment = _without(given.second_moment, rate)
            covariance = second_moment - outer(given.mean, given.mean, second_moment)
            fields[number] = Field(covariance, given.mean, _origins(given) | {number})
    found = fields[number]
    return Signal({number: np.ones_like(found.mean)}, fields, np.zeros_like(found.mean))


def _activated(
    operation: operations.Elementwise, number: int, given: Signal
) -> tuple[Field, Array]:
    """The output of φ, and its slopes for the way back."""
    moments, origins = operation.moments, _origins(given) | {number}
    if (batch := _batch_behind(given)) is not None:
        (factor,) = given.parts.values()
        scale = factor[0] * batch.scale
        h, slope = moments.value(scale * batch.u), scale * moments.slope(scale * batch.u)
        mean = h.mean(0)
        return Field(h.T @ h / len(h) - np.outer(mean, mean), mean, origins), slope
    if not given.is_gaussian:
        raise NoTheoryError(
            "Theory knows what φ makes of Gaussian signals, which linear layers give. Found "
            f"{moments.activation} of another one, as where a sum with what φ gave goes through φ "
            "again. Leave φ out behind the sum."
        )
    q = diagonal(given.covariance)
    mean = moments.mean(q)
    if given.covariance.ndim == 1:
        layer = moments.layer_moments(q)
        return Field(layer.second_moment - mean**2, mean, origins), layer.slope_second_moment
    second_moment, slope = pair_moments(moments, given.covariance)
    return Field(second_moment - np.outer(mean, mean), mean, origins), slope


def _batch_behind(signal: Signal) -> NormalizedBatch | None:
    """The draws of a signal that is the output of a batch normalisation; else ``None``."""
    if len(signal.parts) != 1 or signal.shift.any():
        return None
    ((behind, factor),) = signal.parts.items()
    return signal.fields[behind].batch if (factor == factor[0]).all() else None


def _origins(signal: Signal) -> frozenset[int]:
    return frozenset().union(*(signal.fields[k].origins for k in signal.parts))


def _without(second_moment: Array, rate: float) -> Array:
    """Second moments between samples after dropout, which drops different units per sample."""
    kept = 1 / (1 - rate)
    if second_moment.ndim == 1:
        return second_moment * kept
    return second_moment + np.diag(np.diag(second_moment) * (kept - 1))
