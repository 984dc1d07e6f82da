"""Divides a stack into parts of a size that the processor's cache bears.

Each part is a network whose parameters are views of the stack's, with its own gradients and
optimizers. So threads wait for each other once per pass, not in every matrix product.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, starmap
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from deltaflow.nn import loss_gradients
from deltaflow.nn.backpropagation import Backpropagation, Buffers, LayerUpdate
from deltaflow.nn.loss_gradients import LossAndGradient
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.nn.stacking import network_slice, objective_slice
from deltaflow.training.contracts import check_gradient, check_shape, check_type
from deltaflow.training.updates import Parameters, Updates, fused

_WHOLE_BYTES = 6 * 2**20  # weights and activations of a stack that is not divided
_PART_BYTES = 16 * 2**20  # of a part; threads wait for Python in smaller ones, for memory in larger
_MULTIPLE = 2  # of the number of parts, so that 2 threads end together

Batch = tuple[Tensor, Tensor]
Outputs = dict[str, Tensor]


@dataclass
class Part:
    """A range of a stack's replicas, with their network, objective and optimizers.

    Attributes:
        replicas: the replicas, as a slice of the stack.
        network: the network of these replicas; the stack's network if there is only one part.
        objective: the objective of these replicas.
        backpropagation: computes the gradients; ``None`` for autograd.
        updates: the optimizers; empty until they are made.
    """

    replicas: slice
    network: FullyConnected
    objective: Objective
    backpropagation: Backpropagation | None = None
    updates: list[Updates] = field(default_factory=list)

    @cached_property
    def parameters(self) -> Parameters:
        """The network's parameters, cached because collecting them takes time."""
        return list(self.network.parameters())

    def evaluate(self, batch: Batch, step: int, training: bool) -> Outputs:
        """Compute the loss and the prediction of each sample.

        Args:
            batch: inputs and targets of the whole stack, ``[R, B, …]`` each.
            step: number of the training step, which determines the units that dropout drops.
            training: whether the network is in training mode.
        """
        if self.network.training != training:
            self.network.train(training)
        return self._outputs(self.network(batch[0][self.replicas], step), batch[1][self.replicas])

    def evaluate_with_gradients(
        self,
        batch: Batch,
        step: int,
        training: bool,
        update: LayerUpdate | None = None,
        observer: "PartObserver | None" = None,
        in_buffers: bool = False,
    ) -> Outputs:
        """Evaluate the batch, and set the gradient of the mean loss of each replica.

        Args:
            batch: inputs and targets of the whole stack, ``[R, B, …]`` each.
            step: number of the training step.
            training: whether the network is in training mode.
            update: called with each layer's gradients, which are then not set; it needs
                ``backpropagation``.
            observer: observes the gradients, if they are set.
            in_buffers: whether the gradients that are set may be overwritten by the next part's.
        """
        if self.backpropagation is None:
            for parameter in self.parameters:
                parameter.grad = None
            outputs = self.evaluate(batch, step, training)
            outputs["sample_loss"].mean(1).sum().backward()
        else:
            if self.network.training != training:
                self.network.train(training)
            z = self.backpropagation.forward(batch[0][self.replicas], step)
            outputs, gradient = self._outputs_with_gradient(z, batch[1][self.replicas])
            self.backpropagation.backward(gradient, update, in_buffers)
        if observer is not None:
            observer.after_backward(self)
        return outputs | {"sample_loss": outputs["sample_loss"].detach()}

    def _outputs_with_gradient(self, z: Tensor, target: Tensor) -> tuple[Outputs, Tensor]:
        """The outputs, and the gradient of the mean loss of each replica by z."""
        z = z.clone()  # a loss may overwrite it, and a metric may keep it
        by_formula = self._loss_formula
        if by_formula is not None and self.network.output_activation is None:
            with torch.no_grad():
                sample_loss, gradient = by_formula(z, target)
                return self._checked(sample_loss, z, target), gradient
        z.requires_grad_()
        output = z.clone()
        if self.network.output_activation is not None:
            output = self.network.output_activation(output)
        outputs = self._outputs(output, target)
        outputs["sample_loss"].mean(1).sum().backward()
        return outputs, cast(Tensor, z.grad)

    @cached_property
    def _loss_formula(self) -> LossAndGradient | None:
        return loss_gradients.formula(self.objective)

    def _outputs(self, output: Tensor, target: Tensor) -> Outputs:
        outputs = self._checked(self.objective.sample_loss(output, target), output, target)
        if torch.is_grad_enabled():
            check_gradient(outputs["sample_loss"])
        return outputs

    def _checked(self, sample_loss: Tensor, output: Tensor, target: Tensor) -> Outputs:
        prediction = self.objective.predict(output.detach())
        check_shape("sample_loss", sample_loss, target.shape[:2])
        check_shape("predict", prediction, target.shape)
        check_type(sample_loss)
        return {"sample_loss": sample_loss, "prediction": prediction, "target": target}

    def add_optimizer(self, replicas: slice, make: Callable[[Parameters], Optimizer]) -> Updates:
        """Add an optimizer of some replicas.

        Args:
            replicas: the replicas, as a slice of the stack; those outside the part are ignored.
            make: makes the optimizer from parameters.
        """
        first, end = self.replicas.start, self.replicas.stop
        replicas = slice(max(replicas.start, first), min(replicas.stop, end))
        within = slice(replicas.start - first, replicas.stop - first)
        views = list(self.parameters)
        if replicas != self.replicas:
            views = [nn.Parameter(view.data[within]) for view in views]
        self.updates.append(Updates(replicas, fused(make(views)), within, views))
        return self.updates[-1]

    def set_gradients(self) -> None:
        """Set the gradients of each optimizer's views to slices of the part's gradients."""
        gradients = [parameter.grad for parameter in self.parameters]
        for update in self.updates:
            for i, (view, gradient) in enumerate(zip(update.views, gradients, strict=True)):
                there = view.grad is not None and update.given.get(i) is gradient
                if view.grad is not gradient and not there:
                    update.given[i] = gradient
                    view.grad = None if gradient is None else gradient[update.within]


class PartObserver(Protocol):
    """Observes a training step of each part, in the thread that computes the part."""

    def after_backward(self, part: Part) -> None:
        """Observe the gradients of a part, before they are clipped and the weights are updated."""

    def after_update(self, part: Part) -> None:
        """Observe the updated weights of a part."""


Pass = Callable[[Part, Batch, int, bool], Outputs]
"""Evaluates a batch of the whole stack with a part, at the step with a number, training or not."""


def number_of_parts(network: FullyConnected, batch_size: int) -> int:
    """The number of parts into which a stack is divided.

    Args:
        network: the network of all replicas.
        batch_size: samples per step.
    """
    values = network.n_parameters + batch_size * sum(network.sizes)
    n_bytes = network.n_replicas * values * network.layers[0].weight.element_size()
    if n_bytes <= _WHOLE_BYTES:
        return 1
    pairs = math.ceil(n_bytes / (_MULTIPLE * _PART_BYTES))
    return min(_MULTIPLE * pairs, network.n_replicas)


def split_into_parts(
    network: FullyConnected, objective: Objective, n_parts: int = 1, by_formula: bool = False
) -> list[Part]:
    """Divide a stack into parts of about the same number of replicas.

    Args:
        network: the network of all replicas.
        objective: the objective of all replicas.
        n_parts: number of parts.
        by_formula: whether :class:`Backpropagation` computes the gradients, instead of autograd.
    """
    if n_parts == 1:
        parts = [Part(slice(0, network.n_replicas), network, objective)]
    else:
        ends = [network.n_replicas * i // n_parts for i in range(n_parts + 1)]
        parts = [
            Part(own, network_slice(network, own), objective_slice(objective, own))
            for own in starmap(slice, pairwise(ends))
        ]
    buffers = Buffers()
    for part in parts if by_formula else []:
        part.backpropagation = Backpropagation(part.network, buffers)
    return parts


def joined_outputs(outputs: Sequence[Outputs]) -> Outputs:
    """Join the outputs of all parts along the replica axis."""
    if len(outputs) == 1:
        return outputs[0]
    return {name: torch.cat([one[name] for one in outputs]) for name in outputs[0]}


def are_broken(outputs: Outputs) -> Tensor:
    """Whether a replica's mean loss is not finite, ``[R]``."""
    return ~outputs["sample_loss"].mean(1).isfinite()


def clip(part: Part, limit: float | Tensor) -> None:
    """Clip the gradient norm of each replica of a part in place, all layers together.

    Args:
        part: the part whose gradients are clipped.
        limit: the largest norm; for each replica of the stack if they differ, with infinity for no
            clipping.
    """
    gradients = [p.grad for p in part.parameters if p.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    if isinstance(limit, Tensor):
        own = limit[part.replicas]
        factors = torch.where(own.isinf(), 1.0, (own / (norms + 1e-6)).clamp(max=1))
    else:
        factors = (limit / (norms + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))
