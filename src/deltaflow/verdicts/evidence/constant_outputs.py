"""What a loss can be for outputs that do not look at their inputs.

>>> from deltaflow.nn.objectives import CrossEntropy
>>> from deltaflow.nn.task import Classification
>>> balanced = torch.tensor([0, 1, 2])
>>> found = constants(CrossEntropy(Classification(("a", "b", "c"))), balanced)
>>> round(found.loss, 4)  # ln 3
1.0986
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from deltaflow.flow.kernels import rms
from deltaflow.nn.objectives import Objective

_SURE = 30.0  # a logit at which softmax and sigmoid have reached their ends
_ROUNDS = 50
_SEARCHED = 1_000  # rows that tell what outputs can reach


@dataclass(frozen=True)
class Constants:
    """What outputs give that do not look at inputs.

    Attributes:
        loss: the mean over samples for the best constant output; NaN if it cannot be found.
        delta: RMS of δ at the output where all outputs are 0, loss per unit of output.
        delta_alone: the same without what stands on the output layer.
        floor: the loss where every sample has the best outputs that there are; NaN where
            nothing stands on the output layer and the loss makes no probabilities of classes.
        has_link: whether the loss makes probabilities of outputs.
    """

    loss: float
    delta: float
    delta_alone: float
    floor: float
    has_link: bool = False


def constants(
    objective: Objective,
    target: Tensor,
    output_activation: nn.Module | None = None,
    dtype: torch.dtype = torch.float64,
) -> Constants:
    """Find them, for the targets of some samples.

    Args:
        objective: whose loss.
        target: as the data give it, without the axis of replicas.
        output_activation: what stands on the output layer.
        dtype: of the network's outputs, for a loss of one's own that holds tensors and takes no
            others; float64 for all else, as squares of large targets need it.

    Returns:
        The numbers, in the unit of the loss; all NaN for a loss of one's own that refuses such
        outputs, since a run that has trained shall not fail for it.
    """
    squash = output_activation or nn.Identity()
    for kind in (torch.float64, dtype):
        typed = target.to(kind) if target.is_floating_point() else target
        try:
            return _found(objective, typed, squash, kind)
        except Exception:  # whatever is raised by code of the user's own
            continue
    return Constants(math.nan, math.nan, math.nan, math.nan)


def _found(
    objective: Objective, target: Tensor, squash: nn.Module, dtype: torch.dtype
) -> Constants:
    return Constants(
        loss=_best(objective, target, squash, dtype),
        delta=_delta(objective, target, squash, dtype),
        delta_alone=_delta(objective, target, nn.Identity(), dtype),
        floor=_floor(objective, target, squash, dtype),
        has_link=objective.link is not None,
    )


def _losses(objective: Objective, output: Tensor, target: Tensor) -> Tensor:
    own = output.expand(1, len(target), -1).clone()  # a loss of one's own may write into it
    return objective.sample_loss(own, target[None])


def _best(objective: Objective, target: Tensor, squash: nn.Module, dtype: torch.dtype) -> float:
    """By search: the losses that are shipped are convex in a constant logit.

    Numbers are searched from their mean, in units of their standard deviation.
    """
    center, unit = torch.zeros(objective.n_outputs, dtype=dtype), 1.0
    if target.is_floating_point() and isinstance(squash, nn.Identity):
        numbers = target.reshape(len(target), -1)
        center = numbers.mean(0).expand(objective.n_outputs)
        unit = float(numbers.std(0, correction=0).max()) or 1.0
    offset = torch.zeros_like(center, requires_grad=True)
    found = _lowest(
        lambda: _losses(objective, squash(center + unit * offset), target).mean(), offset
    )
    return float(found)


def _delta(objective: Objective, target: Tensor, squash: nn.Module, dtype: torch.dtype) -> float:
    output = torch.zeros(len(target), objective.n_outputs, dtype=dtype, requires_grad=True)
    loss = _losses(objective, squash(output), target).sum()
    return float(rms(torch.autograd.grad(loss, output)[0][None]))


def _floor(objective: Objective, target: Tensor, squash: nn.Module, dtype: torch.dtype) -> float:
    """The loss of the best outputs: sure ones of a loss that has a link, else searched for."""
    sure = _sure(objective, target, dtype)
    if sure is not None:
        return float(_losses(objective, squash(sure), target).mean())
    if isinstance(squash, nn.Identity):
        return math.nan
    some = target[:_SEARCHED]
    output = torch.zeros(len(some), objective.n_outputs, dtype=dtype, requires_grad=True)
    return float(_lowest(lambda: _losses(objective, squash(output), some).sum(), output)) / len(
        some
    )


def _lowest(loss: Callable[[], Tensor], variable: Tensor) -> Tensor:
    """The lowest value of a loss, by a quasi-Newton method that changes one variable in place."""
    search = torch.optim.LBFGS([variable], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        search.zero_grad()
        value = loss()
        value.backward()
        return value

    search.step(step)
    with torch.no_grad():
        return loss()


def _sure(objective: Objective, target: Tensor, dtype: torch.dtype) -> Tensor | None:
    """Logits that say of each sample's class, as firmly as can be, that it is right."""
    if objective.link is None or target.is_floating_point():
        return None
    if objective.n_outputs == 1:
        return _SURE * (2 * target[:, None].to(dtype) - 1)
    return _SURE * (2 * functional.one_hot(target, objective.n_outputs).to(dtype) - 1)
