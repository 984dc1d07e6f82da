"""Updates each layer by SGD during the backward pass, as soon as its gradient is computed.

The gradients of a stack take as much memory as its weights. If a layer is updated at once, its
gradient is still in the processor's cache, and the next layer's overwrites it (Lv et al. 2023,
arXiv:2306.09782, do so to save memory). The weights are bit for bit those of ``torch.optim.SGD``.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from deltaflow.nn.backpropagation import Backpropagation, Gradients
from deltaflow.training.parts import Batch, Outputs, Part, PartObserver, Pass
from deltaflow.training.updates import Updates

_OURS = ("deltaflow.", "lightning.")  # modules of callbacks that ask for the gradients they read


class LayerwiseSGD:
    """The optimizers of a stack's parts, where they can update one layer at a time.

    They can if all parameters belong to linear layers, SGD updates them with its fused kernel and
    has no hooks, nothing is clipped, and no callback of a user may look at the gradients.

    Attributes:
        needs_gradients: whether the next training step must keep the parameters' gradients. A
            callback that reads them asks for them in ``on_train_batch_start``.
        is_used: whether the current step updates the weights in the backward pass.
    """

    def __init__(self) -> None:
        self.needs_gradients = True
        self.is_used = False
        self._parts: Sequence[Part] = ()  # those that can be updated by layer
        self._updates: dict[int, list[list[_LayerUpdate]]] = {}  # by first replica, of each layer

    def start(self, parts: Sequence[Part], callbacks: Sequence[Any], clips: bool) -> None:
        """Find out at the start of a training whether layers can be updated one by one.

        Args:
            parts: the parts of the stack, with their optimizers.
            callbacks: those of the Trainer.
            clips: whether gradients are clipped.
        """
        foreign = any(not type(one).__module__.startswith(_OURS) for one in callbacks)
        possible = not (clips or foreign) and all(map(_has_sgd_alone, parts))
        self._parts = parts if possible else ()
        self.needs_gradients = True  # the first step of the optimizers makes their momentum

    def training_pass(self, with_gradients: bool, observer: PartObserver | None) -> Pass:
        """What is done with each part in the next training step.

        Args:
            with_gradients: whether the parts compute their gradients.
            observer: observes the step.
        """
        if self.begin_step():
            return partial(self.evaluate, observer=observer)
        if with_gradients:
            return partial(Part.evaluate_with_gradients, observer=observer)
        return Part.evaluate

    def begin_step(self) -> bool:
        """Decide whether this step updates the weights in the backward pass."""
        updates = [update for part in self._parts for update in part.updates]
        ready = all(
            _momenta(one, 0) for one in updates if one.optimizer.param_groups[0]["momentum"]
        )
        was_used = self.is_used
        self.is_used = len(updates) > 0 and ready and not self.needs_gradients
        if self.is_used and not was_used:
            self._updates = {}  # the steps before may have made momentum
            for part in self._parts:  # gradients take as much memory as the weights
                _release_gradients(part)
        self.needs_gradients = False
        return self.is_used

    def evaluate(
        self, part: Part, batch: Batch, step: int, training: bool, observer: PartObserver | None
    ) -> Outputs:
        """Evaluate the batch, as :meth:`Part.evaluate` does, and update the part."""
        if (first := part.replicas.start) not in self._updates:
            layers = range(len(part.network.layers))
            self._updates[first] = [
                [_LayerUpdate(u, n, part) for u in part.updates] for n in layers
            ]
        update = partial(_update, self._updates[first])
        if observer is None:
            return part.evaluate_with_gradients(batch, step, training, update)
        outputs = part.evaluate_with_gradients(
            batch, step, training, observer=observer, in_buffers=True
        )
        for layer, linear in enumerate(part.network.layers):
            update(layer, (cast(Tensor, linear.weight.grad), cast(Tensor, linear.bias.grad)))
        observer.after_update(part)
        return outputs


class _LayerUpdate:
    """What an optimizer updates in a layer: weight and bias, with their momentum.

    Attributes:
        group: the settings, which a schedule may change.
    """

    def __init__(self, update: Updates, layer: int, part: Part) -> None:
        self.views: list[Tensor] = [*update.views[2 * layer : 2 * layer + 2]]
        self.group = update.optimizer.param_groups[0]
        self.momenta = _momenta(update, layer) if self.group["momentum"] else []
        self._within = None if update.replicas == part.replicas else update.within
        self._gradients: Gradients | None = None  # of the whole part, in the last step
        self._own: list[Tensor] = []

    def select(self, gradients: Gradients) -> list[Tensor]:
        """The updated replicas' gradients; the same tensors as long as the part's are the same."""
        if gradients is not self._gradients:
            whole = self._within is None
            self._own = [*gradients] if whole else [one[self._within] for one in gradients]
            self._gradients = gradients
        return self._own


def _update(layers: Sequence[Sequence[_LayerUpdate]], layer: int, gradients: Gradients) -> None:
    for update in layers[layer]:
        group = update.group
        # What SGD calls in the end; the functions around it take longer than the update.
        torch._fused_sgd_(
            update.views,
            update.select(gradients),
            update.momenta,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            is_first_step=False,
        )


def _release_gradients(part: Part) -> None:
    cast(Backpropagation, part.backpropagation).release_gradients()
    for update in part.updates:
        update.given.clear()
        for view in update.views:
            view.grad = None


def _has_sgd_alone(part: Part) -> bool:
    only_linear = len(part.parameters) == 2 * len(part.network.layers)
    fused = [_is_fused_sgd(update.optimizer) for update in part.updates]
    return part.backpropagation is not None and only_linear and len(fused) > 0 and all(fused)


def _is_fused_sgd(optimizer: Optimizer) -> bool:
    groups = optimizer.param_groups
    one = type(optimizer) is SGD and len(groups) == 1 and bool(groups[0]["fused"])
    # There is no public way to ask for hooks.
    hooks = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    return one and not hooks and not isinstance(groups[0]["lr"], Tensor)


def _momenta(update: Updates, layer: int) -> list[Tensor]:
    """The momentum of a layer's weight and bias; empty before the first step."""
    views = update.views[2 * layer : 2 * layer + 2]
    found = [update.optimizer.state.get(view, {}).get("momentum_buffer") for view in views]
    return [momentum for momentum in found if momentum is not None]
