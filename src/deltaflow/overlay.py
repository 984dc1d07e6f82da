"""Theory beside measurement: what a step should show, in the columns of the layers table.

Only the first step can be predicted, when weights are what the initializer drew. δ and the
weight gradient of a sample are predicted up to their scale, which the loss sets, so they are
aligned with what was measured at the last hidden layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deltaflow.flow import Quantities, Tape, exact
from deltaflow.initializers import Initializer
from deltaflow.mean_field import Moments, predict


class Theory:
    """What mean-field theory says of a network that has not been trained.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        activation: φ.
        initializer: of weights and biases.
        dropout: share of hidden units dropped.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: nn.Module,
        initializer: Initializer,
        dropout: float = 0.0,
    ) -> None:
        self.sizes = tuple(sizes)
        self.moments = Moments(activation)
        self.initializer = initializer
        self.dropout = dropout

    def beside(self, tape: Tape, measured: Quantities) -> Quantities:
        """Predictions for the samples of a step, aligned with what was measured.

        Args:
            tape: of the step's forward pass, with the batch of each replica.
            measured: of the same step.

        Returns:
            The columns ``predicted_…``, ``[R]`` for each layer; ``None`` for the output
            layer where it has no prediction.
        """
        second_moment = exact(tape.layers[0].fed).square().mean(-1).cpu().numpy()
        found = predict(self.sizes, self.moments, self.initializer, second_moment, self.dropout)
        like = exact(tape.layers[0].z)

        def tensors(profile: object) -> list[Tensor]:
            return list(torch.as_tensor(profile, dtype=like.dtype, device=like.device).unbind(-1))

        return {
            "predicted_preactivation_second_moment": [*tensors(found.preactivation_second_moment)],
            "predicted_delta_norm": _aligned(tensors(found.delta_norm), measured["delta_norm"]),
            "predicted_delta_norm_spread": [*tensors(found.log_delta_norm_deviation), None],
            "predicted_sample_grad_rms": _aligned(
                tensors(found.sample_grad_rms), measured["sample_grad_rms"]
            ),
        }


def _aligned(profile: list[Tensor], measured: Sequence[Tensor | None]) -> list[Tensor | None]:
    """A profile relative to the last hidden layer, times what was measured there."""
    if not profile or (last := measured[len(profile) - 1]) is None:
        return [None] * (len(profile) + 1)
    return [*(ratio * last for ratio in profile), None]
