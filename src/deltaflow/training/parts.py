"""A stack in parts: pieces of the replica axis that stay in a processor's cache for a whole pass.

Each part is a network whose parameters are views of the stack's, with gradients and optimizers of
its own, so parts can be trained by several threads. The threads meet once a pass, and not in
every product, where each would wait for the slowest.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.nn.backpropagation import Backpropagation
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.nn.stacking import objective_of, piece
from deltaflow.training.contracts import check_shape, check_slope, check_type

_IN_CACHE = 6 * 2**20  # bytes of weights and activations; of less, a call costs more than its work
_AT_ONCE = 2  # a multiple of as many parts, so that 2 threads end together

Result = TypeVar("Result")
Batch = tuple[Tensor, Tensor]
Outputs = dict[str, Tensor]


@dataclass
class Updates:
    """An optimizer, and what it moves.

    Attributes:
        own: the replicas of the stack that it moves.
        optimizer: over views of a part's parameters, or over these themselves.
        within: the same replicas, counted in the part.
        views: the parameters that it moves; their gradients are set before each step.
        scheduler: of its step size.
        given: the part's gradients that those of the views are slices of.
    """

    own: slice
    optimizer: Optimizer
    within: slice
    views: list[nn.Parameter]
    scheduler: LRScheduler | None = None
    given: dict[int, Tensor | None] = field(default_factory=dict)

    @property
    def watches_loss(self) -> bool:
        """Whether the step size follows the validation loss."""
        return isinstance(self.scheduler, ReduceLROnPlateau)


@dataclass
class Part:
    """Some of the replicas of a stack, and what trains them.

    Attributes:
        own: its replicas in the stack.
        network: theirs; the stack's own if there is one part.
        objective: theirs.
        backpropagation: what computes their gradients, unless autograd does.
        updates: what moves them, once optimizers are there.
    """

    own: slice
    network: FullyConnected
    objective: Objective
    backpropagation: Backpropagation | None = None
    updates: list[Updates] = field(default_factory=list)

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """Those of the network, which a walk through its modules takes time to find."""
        return list(self.network.parameters())

    def evaluate(self, batch: Batch, step: int, training: bool) -> Outputs:
        """Loss and prediction of each sample.

        Args:
            batch: of the stack.
            step: of the training, which decides what is dropped.
            training: whether anything is.
        """
        if self.network.training != training:
            self.network.train(training)
        return self._judge(self.network(batch[0][self.own], step), batch[1][self.own])

    def descend(self, batch: Batch, step: int, training: bool) -> Outputs:
        """The same, and the gradient of each replica's mean loss, for its own parameters."""
        if self.backpropagation is None:
            for parameter in self.parameters:
                parameter.grad = None
            outputs = self.evaluate(batch, step, training)
            outputs["sample_loss"].mean(1).sum().backward()
        else:
            if self.network.training != training:
                self.network.train(training)
            z = self.backpropagation.forward(batch[0][self.own], step).detach().requires_grad_()
            output = z.clone()  # which a loss may overwrite, and a metric may keep
            if self.network.output_activation is not None:
                output = self.network.output_activation(output)
            outputs = self._judge(output, batch[1][self.own])
            outputs["sample_loss"].mean(1).sum().backward()
            self.backpropagation.backward(cast(Tensor, z.grad))
        return outputs | {"sample_loss": outputs["sample_loss"].detach()}

    def _judge(self, output: Tensor, target: Tensor) -> Outputs:
        sample_loss = self.objective.sample_loss(output, target)
        prediction = self.objective.predict(output.detach())
        check_shape("sample_loss", sample_loss, target.shape[:2])
        check_shape("predict", prediction, target.shape)
        check_type(sample_loss)
        if torch.is_grad_enabled():
            check_slope(sample_loss)
        return {"sample_loss": sample_loss, "prediction": prediction, "target": target}

    def optimized_by(self, own: slice, make: Callable[[list[nn.Parameter]], Optimizer]) -> Updates:
        """Give some of its replicas an optimizer.

        Args:
            own: the replicas of the stack that are meant; those outside the part are left out.
            make: of the parameters.
        """
        own = slice(max(own.start, self.own.start), min(own.stop, self.own.stop))
        within = slice(own.start - self.own.start, own.stop - self.own.start)
        views = list(self.parameters)
        if own != self.own:
            views = [nn.Parameter(view.data[within]) for view in views]
        self.updates.append(Updates(own, hastened(make(views)), within, views))
        return self.updates[-1]

    def hand_gradients_over(self) -> None:
        """Let each optimizer have its slice of the gradients, which may be there already."""
        gradients = [parameter.grad for parameter in self.parameters]
        for update in self.updates:
            for i, (view, gradient) in enumerate(zip(update.views, gradients, strict=True)):
                there = view.grad is not None and update.given.get(i) is gradient
                if view.grad is not gradient and not there:
                    update.given[i] = gradient
                    view.grad = None if gradient is None else gradient[update.within]


class Workers:
    """Does things for all parts of a stack, by several threads if there are any."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def at_work(self, number: int) -> Iterator[None]:
        """Have so many threads."""
        if number < 2:
            yield
            return
        with ThreadPoolExecutor(number) as self._pool:
            try:
                yield
            finally:
                self._pool = None

    def each(self, parts: Sequence[Part], do: Callable[[Part], Result]) -> list[Result]:
        """What a function gives for each part, with gradients if the caller has them."""
        if self._pool is None or len(parts) == 1:
            return [do(part) for part in parts]
        with_gradients = torch.is_grad_enabled()

        def one(part: Part) -> Result:
            with torch.set_grad_enabled(with_gradients):
                return do(part)

        return list(self._pool.map(one, parts))


def number_of_parts(network: FullyConnected, batch_size: int) -> int:
    """In how many parts a stack is trained.

    Args:
        network: all replicas.
        batch_size: samples a step.
    """
    values = network.n_parameters + batch_size * sum(network.sizes)
    itemsize = network.layers[0].weight.element_size()
    parts = math.ceil(network.n_replicas * values * itemsize / _IN_CACHE)
    return 1 if parts == 1 else min(-(-parts // _AT_ONCE) * _AT_ONCE, network.n_replicas)


def divided(
    network: FullyConnected, objective: Objective, n_parts: int = 1, by_hand: bool = False
) -> list[Part]:
    """The parts of a stack, alike in size.

    Args:
        network: all replicas.
        objective: theirs.
        n_parts: how many.
        by_hand: whether gradients come from :class:`Backpropagation`, rather than from autograd.
    """
    n_replicas = network.n_replicas
    if n_parts == 1:
        parts = [Part(slice(0, n_replicas), network, objective)]
    else:
        ends = [n_replicas * i // n_parts for i in range(n_parts + 1)]
        slices = [slice(*pair) for pair in pairwise(ends)]
        parts = [Part(own, piece(network, own), objective_of(objective, own)) for own in slices]
    for part in parts if by_hand else []:
        part.backpropagation = Backpropagation(part.network)
    return parts


def hastened(optimizer: Optimizer) -> Optimizer:
    """The same optimizer, by PyTorch's kernel that makes one pass over its tensors."""
    for group in optimizer.param_groups if type(optimizer) in (Adam, AdamW, SGD) else []:
        if group["fused"] is group["foreach"] is None and not group["differentiable"]:
            group["fused"] = True
    return optimizer


def joined(outputs: Sequence[Outputs]) -> Outputs:
    """What all parts gave, as of one."""
    if len(outputs) == 1:
        return outputs[0]
    return {name: torch.cat([one[name] for one in outputs]) for name in outputs[0]}


def clip(network: FullyConnected, limit: float | Tensor) -> None:
    """Cut the gradient of each replica to a norm, all layers together.

    Args:
        network: with gradients, which are changed.
        limit: of the norm; of each replica, ``[R]``, if it differs, infinite for none.
    """
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factors = (limit / (norms + 1e-6)).clamp(max=1)
    if isinstance(limit, Tensor):
        factors = torch.where(limit.isinf(), 1.0, factors)
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))
