"""One measured step of a model: hooks that listen to its forward and backward pass.

A tape changes nothing that is computed. It reduces what it hears at once, so that no activation
lives longer than the model itself keeps it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from deltaflow.flow import kernels
from deltaflow.flow.measurement import exact
from deltaflow.watching.measuring.following import Followed, Follower, Heard, Kinds
from deltaflow.watching.measuring.heard import Call, LayerStep, call_of
from deltaflow.watching.measuring.layers import WatchedLayer, by_sample


class StepTape:
    """Listens to the layers of a model while it is entered.

    Args:
        layers: to listen to.
        model: the model that they are in.
        loss_scale: what the loss is multiplied with before it is differentiated.
        follows_all: whether functions are followed wherever they are called while the tape is
            entered, and not in the model's own ``forward`` alone.
        kinds: what was found of functions before, which is added to.

    Attributes:
        steps: of each layer that was called, in the order of the calls.
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
    ) -> None:
        self.layers = layers
        self.model = model
        self.loss_scale = loss_scale
        self.follows_all = follows_all
        self.steps: dict[WatchedLayer, LayerStep] = {}
        self._n_samples = 0
        self.follower = Follower({} if kinds is None else kinds)
        self.activations: list[tuple[str, bool]] = []
        self._hooks: list[Any] = []
        self._is_forward_over = False
        self._heard: list[Heard | None] = []

    def __enter__(self) -> "StepTape":
        for layer in self.layers:
            self._hooks.append(layer.module.register_forward_hook(partial(self._called, layer)))
        watched = {layer.module for layer in self.layers}
        for module in self.model.modules():
            if module not in watched and not [*module.children(), *module.parameters()]:
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
        self.follower.pause()
        for call, followed in self.follower.found.items():
            if not followed.is_used_twice:
                self._note_phi(call, followed)  # type: ignore[arg-type]
        self.follower.found.clear()

    def end(self) -> None:
        """Measure the update that was taken; called after it."""
        for layer, step in self.steps.items():
            values, call = step.values, step.call
            if call is not None:
                values |= call.values
            values["weight_rms"] = kernels.rms(step.before[None])
            after, before = exact(layer.weight)[None], step.before[None]
            values["update_ratio"] = kernels.update_ratio(before, after)
            if step.bias_gradient is not None:
                values["bias_grad_rms"] = kernels.rms(step.bias_gradient[None])
            if step.gradient is not None:
                self._note_gradient(layer, step)

    def _model_begins(self, module: nn.Module, inputs: Any) -> None:
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
                self.steps[layer] = LayerStep(exact(layer.weight).clone())
                self._listen_to_parameters(layer, self.steps[layer])
            if not torch.is_grad_enabled():
                return
            if layer is next((one for one, step in self.steps.items() if step.calls), layer):
                # a pass begins
                self._n_samples = fed.shape[0] if fed.dim() > 1 else 1
            call = call_of(exact(z), self._n_samples)
            self.steps[layer].calls.append(call)
            if z.requires_grad:
                z.register_hook(partial(self._delta, layer, call, fed))
        self.follower.follow(call, z)

    def _listen_to_parameters(self, layer: WatchedLayer, step: LayerStep) -> None:
        weight, bias = layer.weight, layer.module.bias
        if weight.requires_grad and weight.is_leaf:  # none of a parametrization
            accumulated = partial(self._gradient, layer, step)
            self._hooks.append(weight.register_hook(partial(self._fresh_gradient, step)))
            self._hooks.append(weight.register_post_accumulate_grad_hook(accumulated))
        if isinstance(bias, Tensor) and bias.requires_grad and bias.is_leaf:
            noted = partial(self._bias_gradient, step)
            self._hooks.append(bias.register_post_accumulate_grad_hook(noted))

    def _note_phi(self, call: Call, followed: Followed) -> None:
        values, traits = call.values, followed.traits
        self.activations.append((followed.name, traits.has_flat_part))
        values["activation_mean"], values["activation_std"], _ = kernels.moments(
            exact(followed.h)[None]
        )
        if not (traits.saturates or traits.has_flat_part):
            return
        slope = followed.slope()
        if traits.saturates:
            u = followed.u.to(slope.dtype)
            share = kernels.saturated_fraction(slope[None], u[None], traits.steepest, traits.live)
            values["saturated_fraction"] = exact(share)
        if traits.has_flat_part:
            values["inactive_fraction"] = exact(kernels.inactive_fraction(slope[None]))
            layer = next(layer for layer, step in self.steps.items() if call in step.calls)
            call.off = (layer.by_unit(slope) == 0).all(0)

    def _delta(self, layer: WatchedLayer, call: Call, fed: Tensor, grad: Tensor) -> None:
        self.stop_following()
        if call.was_differentiated:
            return
        call.was_differentiated = True
        scale = call.n_samples / self.loss_scale()
        samples = by_sample(exact(grad) * scale, call.n_samples)
        if samples is None:
            return
        delta = samples[None]
        call.values |= {"delta_rms": kernels.rms(delta), "delta_norm": kernels.delta_norm(delta)}
        if self.follower.mixes_samples or len(grad) != call.n_samples:
            return
        squares = layer.sample_gradients(exact(fed), samples.reshape(grad.shape))
        if squares is not None:
            call.values["sample_grad_rms"] = kernels.sample_grad_rms(
                squares.mean()[None], layer.fan_in, layer.fan_out
            )

    def _fresh_gradient(self, step: LayerStep, grad: Tensor) -> None:
        step.n_backward += 1
        step.fresh = torch.linalg.vector_norm(exact(grad)) / self.loss_scale()

    def _gradient(self, layer: WatchedLayer, step: LayerStep, weight: Tensor) -> None:
        if weight.grad is not None and not weight.grad.is_sparse:
            step.gradient = layer.units(exact(weight.grad)) / self.loss_scale()

    def _bias_gradient(self, step: LayerStep, bias: Tensor) -> None:
        if bias.grad is not None:
            step.bias_gradient = exact(bias.grad) / self.loss_scale()

    def _note_gradient(self, layer: WatchedLayer, step: LayerStep) -> None:
        assert step.gradient is not None
        gradient, values = step.gradient[None], step.values
        values["weight_grad_rms"] = kernels.rms(gradient)
        values["weight_grad_norm"] = kernels.frobenius(gradient)
        if "sample_grad_rms" not in values or step.n_backward != 1 or step.calls[0].n_samples < 2:
            return
        n = step.calls[0].n_samples
        second_moment = values["sample_grad_rms"].square() * layer.fan_in * layer.fan_out
        trace, signal = kernels.gradient_noise(second_moment, values["weight_grad_norm"], n)
        values["grad_noise_trace"], values["grad_signal"] = trace, signal

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
            self.follower.of_result(module, heard, result)
            self.follower.go_on()
