"""All predictions for one network, and for the measurements of its first step.

Only the first step can be predicted, when weights are as initialized. The predictions of δ and of a
sample's weight gradient have no scale, which depends on the loss, so they are scaled to the
measurement at the last hidden layer.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.flow.measurement import Quantities, exact
from deltaflow.nn.activations import Shipped
from deltaflow.nn.initializers import Initializer
from deltaflow.theory.caching import cached_by_key
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.finite_width import FiniteWidth, finite_width
from deltaflow.theory.fixed_points.fixed_point import FixedPoint, basins, fixed_point
from deltaflow.theory.normalized import normalized_fixed_point, predict_normalized
from deltaflow.theory.recursion import Prediction, predict, typical_variances, variances

_SAMPLES = 64  # samples whose correlations represent a batch


class Theory:
    """Mean-field theory of an untrained network.

    The fixed point, the phase and the depth scales are those for the network's typical σ_w² and
    σ_b², from :func:`deltaflow.theory.typical_variances`.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        activation: φ.
        initializer: initializer of weights and biases.
        dropout: share of hidden units dropped.
        normalization: normalisation before each φ: ``layer``, ``batch`` or ``None``.
        batch: for batch normalisation, x·x' / n_features of the samples of a batch, ``[n, n]``.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: nn.Module,
        initializer: Initializer,
        dropout: float = 0.0,
        normalization: str | None = None,
        batch: Array | None = None,
    ) -> None:
        self.sizes = tuple(sizes)
        self.moments = Moments(activation)
        self.initializer = initializer
        self.dropout = dropout
        self.normalization = normalization
        self.batch = batch

    @property
    def key(self) -> Hashable | None:
        """A key that is equal for networks with equal predictions; ``None`` with a user's class."""
        phi = Shipped.of(self.moments.activation)
        if phi is None or not type(self.initializer).__module__.startswith("deltaflow."):
            return None
        batch = None if self.batch is None else (self.batch.shape, self.batch.tobytes())
        own = self.initializer, self.dropout, self.normalization, batch
        return self.sizes, phi, *own

    @property
    def without_normalization(self) -> "Theory":
        """The theory of the network without its normalisation."""
        return Theory(self.sizes, self.moments.activation, self.initializer, self.dropout)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.sizes) - 2

    @cached_by_key
    def predict(self, input_second_moment: Array) -> Prediction:
        """The prediction layer by layer.

        Args:
            input_second_moment: mean(x²) over each sample's features, ``[..., n_samples]``. With
                batch normalisation ``batch`` is used instead.
        """
        of = self.sizes, self.moments, self.initializer
        if self.normalization is None:
            return predict(*of, input_second_moment, self.dropout)
        inputs = input_second_moment if self.batch is None else self.batch
        found = predict_normalized(self.normalization, *of, inputs, self.dropout)
        if self.batch is None:
            return found
        batches = input_second_moment.shape[:-1]
        return Prediction(*(np.tile(v, (*batches, 1)) for v in vars(found).values()))

    @cached_by_key
    def finite_width(self, products: Array) -> FiniteWidth:
        """The scatter of networks of this width around the prediction, and its centre.

        Args:
            products: x·x' / n_features of the samples of a batch, ``[n, n]``.
        """
        return finite_width(self.sizes, self.moments, self.initializer, products, self.dropout)

    def typical_variances(self) -> tuple[float, float]:
        """σ_w² and σ_b² of a typical layer between hidden layers."""
        return typical_variances(self.sizes, self.initializer)

    def initial_variances(self, input_second_moment: Array) -> list[tuple[float, float]]:
        """The variance of pre-activations in layer 1, for groups of samples with the same limit.

        A q of 0, as for weights of 0, is replaced by 1.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            For each group its share of the samples and its mean q, the largest group first.
        """
        (first,), (shift,) = variances(self.sizes[:2], self.initializer)
        q = first * np.ravel(input_second_moment) + shift
        q[q == 0] = 1.0
        weight, bias = map(math.sqrt, self.typical_variances())
        ends = basins(self.moments, weight, bias, q, self.dropout)
        groups = [(float(np.mean(ends == end)), float(q[ends == end].mean())) for end in set(ends)]
        return sorted(groups, reverse=True)

    def limits(self, input_second_moment: Array) -> list[tuple[float, FixedPoint]]:
        """The limits of signals in an infinitely deep network of typical layers.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            The limits, each with its share of the samples, the largest first. The network must have
            a hidden layer.
        """
        weight, bias = map(math.sqrt, self.typical_variances())
        if self.normalization is not None:
            n_samples = 1 if self.batch is None else len(self.batch)
            ends = self.normalization, self.moments, weight, bias, self.dropout, n_samples
            return [(1.0, normalized_fixed_point(*ends))]
        return [
            (share, fixed_point(self.moments, weight, bias, start, self.dropout))
            for share, start in self.initial_variances(input_second_moment)
        ]

    def summary_fields(self, input_second_moment: Array) -> dict[str, float | str | None] | None:
        """The fields of ``theory`` in a run's summary; ``None`` without a hidden layer.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            The fields for the limit of most samples; ``None`` for numbers that are not finite.
        """
        if not self.depth:
            return None
        weight, bias = self.typical_variances()
        (_, point), *_ = self.limits(input_second_moment)
        return {
            "depth": self.depth,
            "activation": repr(self.moments.activation),
            "dropout": self.dropout,
            "normalization": self.normalization,
            "weight_variance": weight,
            "bias_variance": bias,
            "phase": point.phase,
            **{
                name: value if math.isfinite(value := getattr(point, name)) else None
                for name in ("q", "chi", "c", "trainable_depth")
            },
        }

    def predict_step(self, inputs: Tensor, measured: Quantities, rows: Tensor) -> Quantities:
        """Predict a step, scaled to its measurement at the last hidden layer.

        Args:
            inputs: the batch of each replica, ``[R, B, n_features]``.
            measured: the measured quantities of the step.
            rows: training samples, ``[n, n_features]``, whose correlations represent those of all
                replicas' batches.

        Returns:
            The columns ``predicted_…``, ``[R]`` for each layer; ``None`` for the output layer if it
            has no prediction.
        """
        like = exact(inputs)
        found = self.predict(like.square().mean(-1).cpu().numpy())

        def tensors(profile: Array) -> list[Tensor]:
            return list(torch.as_tensor(profile, dtype=like.dtype, device=like.device).unbind(-1))

        norm, spread = found.delta_norm, np.full_like(found.delta_norm, np.nan)
        if self.normalization is None:
            some = exact(rows[: min(inputs.shape[1], _SAMPLES)]).cpu().numpy()
            finite = self.finite_width(some @ some.T / some.shape[-1])
            norm = norm * np.exp(np.nan_to_num(finite.shift))
            spread[:] = finite.deviation
        return {
            "predicted_preactivation_second_moment": [*tensors(found.preactivation_second_moment)],
            "predicted_delta_norm": _aligned(tensors(norm), measured["delta_norm"]),
            "predicted_delta_norm_spread": (
                [None] * len(self.sizes[1:]) if self.normalization else [*tensors(spread), None]
            ),
            "predicted_sample_grad_rms": _aligned(
                tensors(found.sample_grad_rms),
                measured.get("sample_grad_rms", [None] * len(self.sizes[1:])),
            ),
        }


def _aligned(profile: list[Tensor], measured: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Multiply a profile relative to the last hidden layer by the measurement there."""
    if not profile or (last := measured[len(profile) - 1]) is None:
        return [None] * (len(profile) + 1)
    return [*(ratio * last for ratio in profile), None]
