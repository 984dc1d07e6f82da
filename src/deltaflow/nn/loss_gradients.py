"""Losses whose gradient by the network's outputs is computed by a formula.

For the losses of :mod:`deltaflow.nn.objectives` it takes a fraction of the time of autograd, which
computes that of other losses.

>>> from deltaflow.nn.task import Classification
>>> by_formula = formula(CrossEntropy(Classification(("a", "b", "c"))))
>>> loss, gradient = by_formula(torch.zeros(1, 1, 3), torch.tensor([[2]]))
>>> loss, gradient  # ln 3, and softmax(output) - onehot(target)
(tensor([[1.0986]]), tensor([[[ 0.3333,  0.3333, -0.6667]]]))
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from deltaflow.nn.objectives import (
    BinaryCrossEntropy,
    CrossEntropy,
    MeanSquaredError,
    Objective,
    check_outputs,
    log_probabilities,
)
from deltaflow.nn.stacking import JoinedObjective

LossAndGradient = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def formula(objective: Objective) -> LossAndGradient | None:
    """The function that computes a loss and its gradient; ``None`` if there is no formula.

    Args:
        objective: an objective with methods of its own for the loss, for the weights of classes or
            for the encoding of targets has none, whether of a subclass or set on the instance.

    Returns:
        It takes outputs, ``[R, B, n_outputs]``, and targets, and returns the loss of each sample,
        ``[R, B]``, and the gradient of the batch mean by the outputs, in their shape and type. It
        must be called without a graph.
    """
    if isinstance(objective, JoinedObjective):
        each = [formula(one) for one in objective.objectives]
        known = [one for one in each if one is not None]
        return partial(_joined, known, objective.sizes) if len(known) == len(each) else None
    made = _FORMULAS.get(_function(objective.sample_loss))
    if made is None or (
        (_function(objective.weighted), _function(objective.encode))
        != (Objective.weighted, Objective.encode)
    ):
        return None
    return partial(made, objective)


def _function(method: Any) -> Any:
    return getattr(method, "__func__", None)


def _cross_entropy(
    objective: CrossEntropy, output: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    check_outputs(output, (*target.shape, objective.n_outputs), target)
    log_probability, chosen = log_probabilities(output), target.unsqueeze(0)
    loss = -log_probability.gather(0, chosen).squeeze(0)
    gradient = log_probability.exp_()
    gradient.scatter_add_(0, chosen, gradient.new_full(chosen.shape, -1.0))
    return _weighted(objective, loss, gradient.movedim(0, -1).contiguous(), target)


def _binary_cross_entropy(
    objective: BinaryCrossEntropy, output: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    encoded = objective.encode(output, target)
    loss = functional.binary_cross_entropy_with_logits(output, encoded, reduction="none").mean(-1)
    return _weighted(objective, loss, output.sigmoid().sub_(encoded) / output.shape[-1], target)


def _squared_error(
    objective: MeanSquaredError, output: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    error = output - objective.encode(output, target)
    gradient = (error * (2 / output.shape[-1])).to(output.dtype)
    return error.square().mean(-1), gradient / output.shape[1]


def _weighted(
    objective: Objective, loss: Tensor, gradient: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Weight each sample, and divide the gradient by the number of samples."""
    share = 1 / loss.shape[1]
    if objective.weights is None:
        return loss, gradient.mul_(share)
    weights = objective.weighted(torch.full_like(loss, share), target).unsqueeze(-1)
    return objective.weighted(loss, target), gradient.mul_(weights)


def _joined(
    each: list[LossAndGradient], sizes: list[int], output: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    pieces = zip(each, output.split(sizes), target.split(sizes), strict=True)
    losses, gradients = zip(*(by_formula(*piece) for by_formula, *piece in pieces), strict=True)
    return torch.cat(losses), torch.cat(gradients)


_FORMULAS: dict[Any, Callable[..., tuple[Tensor, Tensor]]] = {
    CrossEntropy.sample_loss: _cross_entropy,
    BinaryCrossEntropy.sample_loss: _binary_cross_entropy,
    MeanSquaredError.sample_loss: _squared_error,
}
