"""What theory says of one network as it is configured, and of its first step as it is measured.

Only the first step can be predicted, when weights are what the initializer drew. δ and the
weight gradient of a sample are predicted up to their scale, which the loss sets, so they are
aligned with what was measured at the last hidden layer.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.flow.measurement import Quantities, exact
from deltaflow.flow.tape import Tape
from deltaflow.nn.activations import Shipped
from deltaflow.nn.initializers import Initializer
from deltaflow.theory.caching import cached_by_key
from deltaflow.theory.finite_width import FiniteWidth, finite_width
from deltaflow.theory.fixed_points import FixedPoint, basins, fixed_point
from deltaflow.theory.gaussian import Array
from deltaflow.theory.moments import Moments
from deltaflow.theory.normalized import normalized_fixed_point, predict_normalized
from deltaflow.theory.recursion import Prediction, predict, typical_variances, variances

_SAMPLES = 64  # of a batch, whose correlations stand for all


class Theory:
    """What mean-field theory says of a network that has not been trained.

    A deep network's end, its phase and its scales are those of σ_w² and σ_b² that are
    typical of it: :func:`deltaflow.theory.typical_variances`.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        activation: φ.
        initializer: of weights and biases.
        dropout: share of hidden units dropped.
        normalization: in front of each φ: ``layer``, ``batch`` or ``None``.
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
        """Equal for networks that are the same to theory; ``None`` with parts of the user's own."""
        phi = Shipped.of(self.moments.activation)
        if phi is None or not type(self.initializer).__module__.startswith("deltaflow."):
            return None
        batch = None if self.batch is None else (self.batch.shape, self.batch.tobytes())
        own = self.initializer, self.dropout, self.normalization, batch
        return self.sizes, phi, *own

    @property
    def plain(self) -> "Theory":
        """The same of the network without its normalisation."""
        return Theory(self.sizes, self.moments.activation, self.initializer, self.dropout)

    @property
    def depth(self) -> int:
        """How many hidden layers there are."""
        return len(self.sizes) - 2

    @cached_by_key
    def predict(self, input_second_moment: Array) -> Prediction:
        """The prediction layer by layer.

        Args:
            input_second_moment: mean(x²) over each sample's features, ``[..., n_samples]``. Under
                batch normalisation the prediction is of ``batch``, the same for all.
        """
        of = self.sizes, self.moments, self.initializer
        if self.normalization is None:
            return predict(*of, input_second_moment, self.dropout)
        fed = input_second_moment if self.batch is None else self.batch
        found = predict_normalized(self.normalization, *of, fed, self.dropout)
        if self.batch is None:
            return found
        batches = input_second_moment.shape[:-1]
        return Prediction(*(np.tile(v, (*batches, 1)) for v in vars(found).values()))

    @cached_by_key
    def finite_width(self, products: Array) -> FiniteWidth:
        """How networks of this width scatter around the prediction, and where their centre lies.

        Args:
            products: x·x' / n_features of the samples of a batch, ``[n, n]``.
        """
        return finite_width(self.sizes, self.moments, self.initializer, products, self.dropout)

    def typical_variances(self) -> tuple[float, float]:
        """σ_w² and σ_b² that stand for all layers between hidden layers."""
        return typical_variances(self.sizes, self.initializer)

    def starts(self, input_second_moment: Array) -> list[tuple[float, float]]:
        """Where the variance of pre-activations begins in layer 1, and for what share of samples.

        Samples that end differently count apart, the largest group first. A q of 0, as with
        all weights 0, counts as 1.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            Pairs of a share and the mean q of layer 1 of these samples.
        """
        (first,), (shift,) = variances(self.sizes[:2], self.initializer)
        q = first * np.ravel(input_second_moment) + shift
        q[q == 0] = 1.0
        weight, bias = map(math.sqrt, self.typical_variances())
        ends = basins(self.moments, weight, bias, q, self.dropout)
        groups = [(float(np.mean(ends == end)), float(q[ends == end].mean())) for end in set(ends)]
        return sorted(groups, reverse=True)

    def limits(self, input_second_moment: Array) -> list[tuple[float, FixedPoint]]:
        """Where signals would end, were there more and more layers like the typical one.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            The ends, each with its share of the samples, the largest first; only for a network
            with a hidden layer.
        """
        weight, bias = map(math.sqrt, self.typical_variances())
        if self.normalization is not None:
            n_samples = 1 if self.batch is None else len(self.batch)
            ends = self.normalization, self.moments, weight, bias, self.dropout, n_samples
            return [(1.0, normalized_fixed_point(*ends))]
        return [
            (share, fixed_point(self.moments, weight, bias, start, self.dropout))
            for share, start in self.starts(input_second_moment)
        ]

    def fields(self, input_second_moment: Array) -> dict[str, float | str | None] | None:
        """What a run's summary says of it; ``None`` for a network without a hidden layer.

        Args:
            input_second_moment: mean(x²) over each sample's features.

        Returns:
            As in the summary's field ``theory``, of the end of most samples; ``None`` for what
            is not a finite number.
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

    def predict_step(self, tape: Tape, measured: Quantities, rows: Tensor) -> Quantities:
        """Predictions for the samples of a step, aligned with what was measured.

        Args:
            tape: of the step's forward pass, with the batch of each replica.
            measured: of the same step.
            rows: training samples, ``[n, n_features]``, the same whatever the replica: how the
                samples of a batch resemble each other is taken from as many of them.

        Returns:
            The columns ``predicted_…``, ``[R]`` for each layer; ``None`` for the output
            layer where it has no prediction.
        """
        fed = exact(tape.layers[0].fed)
        found = self.predict(fed.square().mean(-1).cpu().numpy())
        like = exact(tape.layers[0].z)

        def tensors(profile: Array) -> list[Tensor]:
            return list(torch.as_tensor(profile, dtype=like.dtype, device=like.device).unbind(-1))

        norm, spread = found.delta_norm, np.full_like(found.delta_norm, np.nan)
        if self.normalization is None:
            some = exact(rows[: min(fed.shape[1], _SAMPLES)]).cpu().numpy()
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
    """A profile relative to the last hidden layer, times what was measured there."""
    if not profile or (last := measured[len(profile) - 1]) is None:
        return [None] * (len(profile) + 1)
    return [*(ratio * last for ratio in profile), None]
