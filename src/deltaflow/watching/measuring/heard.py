"""What was heard of a layer in a measured step, and of each of its calls."""

from dataclasses import dataclass, field

from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.watching.measuring.layers import by_sample

Values = dict[str, Tensor]
"""Columns of the layers table of one layer, ``[1]`` each; those that do not apply are left out."""


@dataclass(eq=False)
class Call:
    """What was heard of one call of a layer.

    Attributes:
        values: columns of the layers table.
        n_samples: B of the pass.
        off: units that were off at all positions of all samples.
        response: RMS over units of the deviation over samples, as a share of the RMS.
        was_differentiated: whether the loss asked what its output does to it.
    """

    values: Values
    n_samples: int
    off: Tensor | None = None
    response: Tensor | None = None
    was_differentiated: bool = False


@dataclass(eq=False)
class LayerStep:
    """What was heard of one layer in a step.

    Attributes:
        before: its weight before the step.
        calls: before the first backward pass was over.
        values: columns of the layers table, once the step is over.
        fresh: norm of the gradient that this step's last backward pass brought.
        n_backward: backward passes that brought one.
        gradient: the gradient after it, with what had been there, a row for each unit.
        bias_gradient: that of the bias.
    """

    before: Tensor
    calls: list[Call] = field(default_factory=list)
    values: Values = field(default_factory=dict)
    fresh: Tensor | None = None
    n_backward: int = 0
    gradient: Tensor | None = None
    bias_gradient: Tensor | None = None

    @property
    def call(self) -> Call | None:
        """The one that the loss depends on; ``None`` if there are several, as of a shared layer.

        A pass of which no loss was made, as one that evaluates, does not count.
        """
        counted = [call for call in self.calls if call.was_differentiated] or self.calls
        return counted[0] if len(counted) == 1 else None


def call_of(z: Tensor, n_samples: int) -> Call:
    """What a layer's output says by itself.

    Args:
        z: in double precision, samples first.
        n_samples: B.
    """
    mean, std, second_moment = kernels.moments(z[None])
    values = {
        "preactivation_mean": mean,
        "preactivation_std": std,
        "preactivation_second_moment": second_moment,
    }
    samples = by_sample(z, n_samples)
    response = None
    if samples is not None and len(samples) > 1:
        response = (samples.var(0, correction=0).mean() / second_moment[0]).sqrt()
    return Call(values, n_samples, response=response)
