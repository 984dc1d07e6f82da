"""The measurements of a layer in one step, and of each of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.measurement import exact
from deltaflow.watching.measuring.reductions import Number, Values, length, moments, ratio
from deltaflow.watching.measuring.watched_layers import WatchedLayer, by_sample


@dataclass(eq=False)
class LayerCall:
    """The measurements of one call of a layer.

    Attributes:
        layer: the layer.
        values: columns of the layers table.
        n_samples: number of samples in the forward pass.
        off: whether each unit was off at all positions of all samples, ``[units]``; ``None`` if
            it is not known.
        response: RMS deviation of the output over samples, relative to its RMS.
        was_differentiated: whether a backward pass has reached the output.
    """

    layer: WatchedLayer
    values: Values
    n_samples: int
    off: Tensor | None = None
    response: Number | None = None
    was_differentiated: bool = False


@dataclass(eq=False)
class LayerStep:
    """The measurements of one layer in a step.

    Attributes:
        before: the weight before the step.
        calls: the calls before the end of the first backward pass.
        values: columns of the layers table.
        n_backward: number of backward passes that gave a gradient.
        earlier: norm of the gradient before the first of these.
        gradient: the gradient after the last of these, ``[units, fan_in]``; ``None`` except at the
            first step.
    """

    before: Tensor
    calls: list[LayerCall] = field(default_factory=list)
    values: Values = field(default_factory=dict)
    n_backward: int = 0
    earlier: Number = 0.0
    gradient: Tensor | None = None

    @property
    def call(self) -> LayerCall | None:
        """The call that the loss depends on; ``None`` if there are several, as in a shared layer.

        Calls in a forward pass without a loss, as for an evaluation, do not count.
        """
        counted = [call for call in self.calls if call.was_differentiated] or self.calls
        return counted[0] if len(counted) == 1 else None

    def record_gradients(self, layer: WatchedLayer, loss_scale: float, is_kept: bool) -> None:
        """Measure the gradients after a backward pass.

        Args:
            layer: the layer.
            loss_scale: factor that the loss was multiplied by.
            is_kept: whether to keep the whole gradient.
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
        """The columns of gradient noise; empty if per-sample gradients are not known."""
        if not {"weight_grad_norm", "sample_grad_rms"} <= {*values} or self.n_backward != 1:
            return {}
        n, rms = self.calls[0].n_samples, values["sample_grad_rms"]
        if n < 2:
            return {}
        second_moment = rms * rms * layer.fan_in * layer.fan_out
        trace, signal = kernels.gradient_noise(second_moment, values["weight_grad_norm"], n)
        return {"grad_noise_trace": trace, "grad_signal": signal}


def is_trained(parameter: Tensor) -> bool:
    """Whether PyTorch accumulates a gradient in a parameter."""
    return parameter.requires_grad and parameter.is_leaf


def layer_call(layer: WatchedLayer, z: Tensor, n_samples: int) -> LayerCall:
    """Measure the output of a layer.

    Args:
        layer: the layer.
        z: its output, ``[B, …]``.
        n_samples: number of samples, B.
    """
    mean, std, second_moment = moments(z)
    values: Values = {
        "preactivation_mean": mean,
        "preactivation_std": std,
        "preactivation_second_moment": second_moment,
    }
    return LayerCall(layer, values, n_samples)


def response(z: Tensor, n_samples: int) -> Number | None:
    """RMS deviation of a layer's output from its mean over samples, relative to its RMS.

    Args:
        z: the output, ``[B, …]``.
        n_samples: number of samples, B.

    Returns:
        The ratio; ``None`` for one sample, or if entries cannot be assigned to samples.
    """
    samples = by_sample(z, n_samples)
    if samples is None or len(samples) < 2:
        return None
    samples = exact(samples)
    return ratio(length(samples - samples.mean(0)), length(samples))
