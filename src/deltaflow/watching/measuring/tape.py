"""Measures one step of a model by hooks on its forward and backward pass.

The hooks do not change what is computed. Tensors are reduced to numbers at once, so that no
activation is kept longer than by the model itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Variable

from deltaflow.watching.measuring.layer_calls import (
    LayerCall,
    LayerStep,
    is_trained,
    layer_call,
    response,
)
from deltaflow.watching.measuring.output_tracking import (
    FollowingFunction,
    OutputTracker,
    PendingCall,
)
from deltaflow.watching.measuring.reductions import (
    fetched,
    length,
    plain,
    precise_enough,
    ratio,
)
from deltaflow.watching.measuring.scalar_functions import ScalarFunctions
from deltaflow.watching.measuring.watched_layers import WatchedLayer, by_sample, watched_layers


class StepTape:
    """Measures the layers of a model while the context is entered.

    Args:
        layers: the layers to measure; layers that the model has added are appended.
        model: the model.
        loss_scale: returns the factor that the loss is multiplied by before the backward pass.
        tracks_all: whether all functions called within the context are tracked, instead of those in
            the model's ``forward`` only.
        functions: functions that were examined before; new ones are added.
        last: the layer that gives the outputs; ``None`` at the first step, when it is not known
            and gradients are kept.

    Attributes:
        steps: the measurements of each layer that was called, in the order of the calls.
        numbers: columns of the layers table of each layer; empty before the end of the step.
        tracker: finds the function behind each layer.
        activations: name of each function that was found behind a layer, and whether it has a flat
            part.
    """

    def __init__(
        self,
        layers: list[WatchedLayer],
        model: nn.Module,
        loss_scale: Callable[[], float],
        tracks_all: bool,
        functions: ScalarFunctions,
        last: WatchedLayer | None,
    ) -> None:
        self.layers = layers
        self.model = model
        self.loss_scale = loss_scale
        self.tracks_all = tracks_all
        self.last = last
        self.steps: dict[WatchedLayer, LayerStep] = {}
        self.numbers: dict[WatchedLayer, dict[str, float]] = {}
        self._n_samples = 0
        self.tracker = OutputTracker(functions)
        self.activations: list[tuple[str, bool]] = []
        self._hooks: list[Any] = []
        self._is_forward_over = self._is_backward_begun = False
        self._pending: list[PendingCall | None] = []
        self._reached: list[WatchedLayer] = []  # by the present backward pass

    def __enter__(self) -> "StepTape":
        for layer in self.layers:
            self._add_hook(layer)
        watched = {layer.module for layer in self.layers}
        for module in self.model.modules():
            if module not in watched and _is_function(module):
                self._hooks.append(module.register_forward_pre_hook(self._before_function))
                self._hooks.append(module.register_forward_hook(self._after_function))
        if self.tracks_all:
            self.tracker.begin()
        else:
            self._hooks.append(self.model.register_forward_pre_hook(self._model_begins))
            ends = self.model.register_forward_hook(self._model_ends, always_call=True)
            self._hooks.append(ends)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_tracking()
        if self.tracks_all:
            self.tracker.end()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def stop_tracking(self) -> None:
        """End the measurement of the forward pass."""
        if self._is_forward_over:
            return
        self._is_forward_over = True
        self.tracker.stop()
        for call, followed in self.tracker.found.items():
            if not followed.is_used_twice:
                self._note_phi(call, followed)

    def end(self) -> None:
        """Measure the update; call it after the optimizer's step."""
        for layer, step in self.steps.items():
            values, call = step.values, step.call
            if call is not None:
                values |= call.values
            before = plain(step.before)
            size, moved = length(before), length(plain(layer.weight).to(before) - before)
            values["weight_rms"] = size / max(before.numel(), 1) ** 0.5
            values["update_ratio"] = ratio(moved, size)
        numbers = fetched([step.values for step in self.steps.values()])
        self.numbers = dict(zip(self.steps, numbers, strict=True))
        for layer, columns in self.numbers.items():
            columns |= self.steps[layer].noise(layer, columns)

    def _add_hook(self, layer: WatchedLayer) -> None:
        self._hooks.append(layer.module.register_forward_hook(partial(self._on_call, layer)))

    def _model_begins(self, module: nn.Module, inputs: Any) -> None:
        known = {layer.module for layer in self.layers}
        for layer in watched_layers(self.model):
            if layer.module not in known:  # added since the start, such as a new head
                self.layers.append(layer)
                self._add_hook(layer)
        self.tracker.begin()

    def _model_ends(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        self.tracker.end()

    def _on_call(self, layer: WatchedLayer, module: nn.Module, inputs: Any, z: Any) -> None:
        """Measure a call of a layer."""
        usable = isinstance(z, Tensor) and inputs and isinstance(inputs[0], Tensor)
        if self._is_forward_over or not usable:
            return
        with self.tracker.disabled():
            h = inputs[0].detach()
            if layer not in self.steps:
                self.steps[layer] = LayerStep(layer.weight.detach().clone())
                self._add_gradient_hook(layer)
            if not torch.is_grad_enabled() or not z.numel():  # an empty batch has no samples
                return
            if layer is next((one for one, step in self.steps.items() if step.calls), layer):
                # a pass begins
                self._n_samples = h.shape[0] if h.dim() > 1 else 1
            call = layer_call(layer, z, self._n_samples)
            if self.last in (None, layer):
                call.response = response(z, self._n_samples)
            self.steps[layer].calls.append(call)
            if z.requires_grad:
                z.register_hook(partial(self._delta, call, h))
        self.tracker.track(call, z)

    def _add_gradient_hook(self, layer: WatchedLayer) -> None:
        for parameter in (layer.weight, layer.bias):
            if parameter is not None and is_trained(parameter):
                hook = partial(self._gradient, layer)
                self._hooks.append(parameter.register_post_accumulate_grad_hook(hook))
                return

    def _note_phi(self, call: LayerCall, followed: FollowingFunction) -> None:
        call.values |= followed.values
        call.off = followed.off
        self.activations.append((followed.name, followed.function.traits.has_flat_part))

    def _delta(self, call: LayerCall, h: Tensor, grad: Tensor) -> None:
        if not self._is_backward_begun:
            self._begin_backward()
        if call.was_differentiated:
            return
        call.was_differentiated = True
        layer, n = call.layer, call.n_samples
        samples = by_sample(precise_enough(grad), n)
        if samples is None:
            return
        scale, entries = n / self.loss_scale(), max(samples.numel(), 1)
        whole = scale * length(samples)
        call.values |= {"delta_rms": whole / entries**0.5, "delta_norm": whole / n**0.5}
        if self.tracker.mixes_samples or len(grad) != n:
            return
        lengths = layer.sample_gradients(plain(h).to(samples), samples.reshape(grad.shape))
        if lengths is not None:
            whole = scale * length(lengths)
            call.values["sample_grad_rms"] = whole / (n * layer.fan_in * layer.fan_out) ** 0.5

    def _begin_backward(self) -> None:
        self._is_backward_begun = True
        self.stop_tracking()
        for layer, step in self.steps.items():
            if is_trained(layer.weight) and layer.weight.grad is not None:
                step.earlier = length(layer.weight.grad)

    def _gradient(self, layer: WatchedLayer, parameter: Tensor) -> None:
        """Note that a backward pass has reached a layer; gradients are read at its end."""
        if not self._reached:
            Variable._execution_engine.queue_callback(self._backward_is_over)
        self._reached.append(layer)

    def _backward_is_over(self) -> None:
        scale = self.loss_scale()
        for layer in self._reached:
            self.steps[layer].record_gradients(layer, scale, is_kept=self.last is None)
        self._reached = []

    def _before_function(self, module: nn.Module, inputs: Any) -> None:
        pending = None
        if not self._is_forward_over and len(inputs) == 1 and isinstance(inputs[0], Tensor):
            pending = self.tracker.before_module(module, inputs[0])
        self._pending.append(pending)
        if pending is not None:
            self.tracker.pause()

    def _after_function(self, module: nn.Module, inputs: Any, result: Any) -> None:
        pending = self._pending.pop() if self._pending else None
        if pending is not None:
            with self.tracker.disabled():
                self.tracker.after_module(pending, result)
            self.tracker.resume()


def _is_function(module: nn.Module) -> bool:
    """Whether a module is a user's function; PyTorch's own call a function that is tracked."""
    is_own = not type(module).__module__.startswith("torch.nn.modules.")
    return is_own and not [*module.children(), *module.parameters()]
