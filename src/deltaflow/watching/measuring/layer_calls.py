"""What was heard of a layer in a measured step, and of each of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.measurement import exact
from deltaflow.watching.measuring.layers import WatchedLayer, by_sample
from deltaflow.watching.measuring.reductions import Number, Values, length, moments, ratio


@dataclass(eq=False)
class Call:
    """What was heard of one call of a layer.

    Attributes:
        layer: the layer.
        values: columns of the layers table.
        n_samples: B of the pass.
        off: which units were off at all positions of all samples.
        response: RMS over units of the deviation over samples, as a share of the RMS.
        was_differentiated: whether the loss asked what its output does to it.
    """

    layer: WatchedLayer
    values: Values
    n_samples: int
    off: Tensor | None = None
    response: Number | None = None
    was_differentiated: bool = False


@dataclass(eq=False)
class LayerStep:
    """What was heard of one layer in a step.

    Attributes:
        before: its weight before the step.
        calls: before the first backward pass was over.
        values: columns of the layers table.
        n_backward: backward passes that brought a gradient.
        earlier: norm of the gradient that was there before.
        gradient: what was there after the last one, a row for each unit; at the first step alone.
    """

    before: Tensor
    calls: list[Call] = field(default_factory=list)
    values: Values = field(default_factory=dict)
    n_backward: int = 0
    earlier: Number = 0.0
    gradient: Tensor | None = None

    @property
    def call(self) -> Call | None:
        """The one that the loss depends on; ``None`` if there are several, as of a shared layer.

        A pass of which no loss was made, as one that evaluates, does not count.
        """
        counted = [call for call in self.calls if call.was_differentiated] or self.calls
        return counted[0] if len(counted) == 1 else None

    def note_gradients(self, layer: WatchedLayer, loss_scale: float, is_kept: bool) -> None:
        """Note what a backward pass left in ``grad``.

        Args:
            layer: the layer.
            loss_scale: what the loss was multiplied with.
            is_kept: whether the gradient is needed entry by entry.
        """
        self.n_backward += 1
        weight, bias = layer.weight, layer.bias
        if bias is not None and is_trained(bias) and bias.grad is not None:
            rms = length(bias.grad) / max(bias.numel(), 1) ** 0.5
            self.values["bias_grad_rms"] = rms / loss_scale
        if not is_trained(weight) or weight.grad is None or weight.grad.is_sparse:
            return
        norm = length(weight.grad) / loss_scale
        self.values["weight_grad_norm"] = norm
        self.values["weight_grad_rms"] = norm / max(weight.numel(), 1) ** 0.5
        if is_kept:
            self.gradient = layer.units(weight.grad.detach().clone())

    def noise(self, layer: WatchedLayer, values: Mapping[str, float]) -> dict[str, float]:
        """The gradient's noise, where its single samples are known."""
        if not {"weight_grad_norm", "sample_grad_rms"} <= {*values} or self.n_backward != 1:
            return {}
        n, rms = self.calls[0].n_samples, values["sample_grad_rms"]
        if n < 2:
            return {}
        second_moment = rms * rms * layer.fan_in * layer.fan_out
        trace, signal = kernels.gradient_noise(second_moment, values["weight_grad_norm"], n)
        return {"grad_noise_trace": trace, "grad_signal": signal}


def is_trained(parameter: Tensor) -> bool:
    """Whether a gradient is gathered in it."""
    return parameter.requires_grad and parameter.is_leaf


def call_of(layer: WatchedLayer, z: Tensor, n_samples: int) -> Call:
    """What a layer's output says by itself.

    Args:
        layer: that it is of.
        z: samples first.
        n_samples: B.
    """
    mean, std, second_moment = moments(z)
    values: Values = {
        "preactivation_mean": mean,
        "preactivation_std": std,
        "preactivation_second_moment": second_moment,
    }
    return Call(layer, values, n_samples)


def response_of(z: Tensor, n_samples: int) -> Number | None:
    """RMS over units of the deviation over samples, as a share of the RMS.

    Args:
        z: samples first.
        n_samples: B.

    Returns:
        ``None`` for one sample, or where it is not known which entry is of which.
    """
    samples = by_sample(z, n_samples)
    if samples is None or len(samples) < 2:
        return None
    samples = exact(samples)
    return ratio(length(samples - samples.mean(0)), length(samples))
