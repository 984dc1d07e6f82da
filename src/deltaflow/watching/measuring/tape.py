"""One measured step of a model: hooks that listen to its forward and backward pass.

A tape changes nothing that is computed. It reduces what it hears at once, so that no activation
lives longer than the model itself keeps it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Variable

from deltaflow.watching.measuring.functions import Kinds
from deltaflow.watching.measuring.layer_calls import (
    Call,
    LayerStep,
    call_of,
    is_trained,
    response_of,
)
from deltaflow.watching.measuring.layers import WatchedLayer, by_sample, watched_layers
from deltaflow.watching.measuring.output_tracking import Followed, Follower, Heard
from deltaflow.watching.measuring.reductions import (
    fetched,
    length,
    plain,
    precise_enough,
    ratio,
)


class StepTape:
    """Listens to the layers of a model while it is entered.

    Args:
        layers: to listen to.
        model: the model that they are in.
        loss_scale: what the loss is multiplied with before it is differentiated.
        follows_all: whether functions are followed wherever they are called while the tape is
            entered, and not in the model's own ``forward`` alone.
        kinds: what was found of functions before, which is added to.
        last: the layer that gives the outputs; ``None`` at the first step, where it is not known,
            and gradients are kept.

    Attributes:
        steps: of each layer that was called, in the order of the calls.
        numbers: columns of the layers table of each, once the step is over.
        follower: what follows each layer.
        activations: the function that follows each layer for which one was found: its name, and
            whether it has a flat part.
    """

    def __init__(
        self,
        layers: list[WatchedLayer],
        model: nn.Module,
        loss_scale: Callable[[], float] = lambda: 1.0,
        follows_all: bool = False,
        kinds: Kinds | None = None,
        last: WatchedLayer | None = None,
    ) -> None:
        self.layers = layers
        self.model = model
        self.loss_scale = loss_scale
        self.follows_all = follows_all
        self.last = last
        self.steps: dict[WatchedLayer, LayerStep] = {}
        self.numbers: dict[WatchedLayer, dict[str, float]] = {}
        self._n_samples = 0
        self.follower = Follower({} if kinds is None else kinds)
        self.activations: list[tuple[str, bool]] = []
        self._hooks: list[Any] = []
        self._is_forward_over = self._is_backward_begun = False
        self._heard: list[Heard | None] = []
        self._reached: list[WatchedLayer] = []  # by the backward pass under way

    def __enter__(self) -> "StepTape":
        for layer in self.layers:
            self._listen_to(layer)
        watched = {layer.module for layer in self.layers}
        for module in self.model.modules():
            if module not in watched and _is_function(module):
                self._hooks.append(module.register_forward_pre_hook(self._before_function))
                self._hooks.append(module.register_forward_hook(self._after_function))
        if self.follows_all:
            self.follower.begin()
        else:
            self._hooks.append(self.model.register_forward_pre_hook(self._model_begins))
            ends = self.model.register_forward_hook(self._model_ends, always_call=True)
            self._hooks.append(ends)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_following()
        if self.follows_all:
            self.follower.end()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def stop_following(self) -> None:
        """Note what follows the layers; called when the forward pass is over."""
        if self._is_forward_over:
            return
        self._is_forward_over = True
        self.follower.stop()
        for call, followed in self.follower.found.items():
            if not followed.is_used_twice:
                self._note_phi(call, followed)

    def end(self) -> None:
        """Measure the update that was taken; called after it."""
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

    def _listen_to(self, layer: WatchedLayer) -> None:
        self._hooks.append(layer.module.register_forward_hook(partial(self._called, layer)))

    def _model_begins(self, module: nn.Module, inputs: Any) -> None:
        known = {layer.module for layer in self.layers}
        for layer in watched_layers(self.model):
            if layer.module not in known:  # put in since, as a new head
                self.layers.append(layer)
                self._listen_to(layer)
        self.follower.begin()

    def _model_ends(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        self.follower.end()

    def _called(self, layer: WatchedLayer, module: nn.Module, inputs: Any, z: Any) -> None:
        """A watched layer was called."""
        usable = isinstance(z, Tensor) and inputs and isinstance(inputs[0], Tensor)
        if self._is_forward_over or not usable:
            return
        with self.follower.deaf():
            fed = inputs[0].detach()
            if layer not in self.steps:
                self.steps[layer] = LayerStep(layer.weight.detach().clone())
                self._listen_to_parameters(layer)
            if not torch.is_grad_enabled():
                return
            if layer is next((one for one, step in self.steps.items() if step.calls), layer):
                # a pass begins
                self._n_samples = fed.shape[0] if fed.dim() > 1 else 1
            call = call_of(layer, z, self._n_samples)
            if self.last in (None, layer):
                call.response = response_of(z, self._n_samples)
            self.steps[layer].calls.append(call)
            if z.requires_grad:
                z.register_hook(partial(self._delta, call, fed))
        self.follower.follow(call, z)

    def _listen_to_parameters(self, layer: WatchedLayer) -> None:
        for parameter in (layer.weight, layer.bias):
            if parameter is not None and is_trained(parameter):
                hook = partial(self._gradient, layer)
                self._hooks.append(parameter.register_post_accumulate_grad_hook(hook))
                return

    def _note_phi(self, call: Call, followed: Followed) -> None:
        call.values |= followed.values
        call.off = followed.off
        self.activations.append((followed.name, followed.kind.traits.has_flat_part))

    def _delta(self, call: Call, fed: Tensor, grad: Tensor) -> None:
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
        if self.follower.mixes_samples or len(grad) != n:
            return
        lengths = layer.sample_gradients(plain(fed).to(samples), samples.reshape(grad.shape))
        if lengths is not None:
            whole = scale * length(lengths)
            call.values["sample_grad_rms"] = whole / (n * layer.fan_in * layer.fan_out) ** 0.5

    def _begin_backward(self) -> None:
        self._is_backward_begun = True
        self.stop_following()
        for layer, step in self.steps.items():
            if is_trained(layer.weight) and layer.weight.grad is not None:
                step.earlier = length(layer.weight.grad)

    def _gradient(self, layer: WatchedLayer, parameter: Tensor) -> None:
        """A backward pass has reached a layer, whose gradients are read when it is over."""
        if not self._reached:
            Variable._execution_engine.queue_callback(self._backward_is_over)
        self._reached.append(layer)

    def _backward_is_over(self) -> None:
        scale = self.loss_scale()
        for layer in self._reached:
            self.steps[layer].note_gradients(layer, scale, is_kept=self.last is None)
        self._reached = []

    def _before_function(self, module: nn.Module, inputs: Any) -> None:
        heard = None
        if not self._is_forward_over and len(inputs) == 1 and isinstance(inputs[0], Tensor):
            heard = self.follower.of_module(module, inputs[0])
        self._heard.append(heard)
        if heard is not None:
            self.follower.pause()

    def _after_function(self, module: nn.Module, inputs: Any, result: Any) -> None:
        heard = self._heard.pop() if self._heard else None
        if heard is not None:
            with self.follower.deaf():
                self.follower.of_result(heard, result)
            self.follower.go_on()


def _is_function(module: nn.Module) -> bool:
    """Whether it is somebody's own function; PyTorch's modules call one of PyTorch's each."""
    is_own = not type(module).__module__.startswith("torch.nn.modules.")
    return is_own and not [*module.children(), *module.parameters()]
