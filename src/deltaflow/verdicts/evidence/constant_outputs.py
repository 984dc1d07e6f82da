"""The best loss of outputs that ignore their inputs, and related numbers.

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

_SURE = 30.0  # a logit at which softmax and sigmoid are 0 or 1 up to rounding
_ROUNDS = 50  # iterations of the search
_SEARCHED = 1_000  # rows for the search of the best outputs


@dataclass(frozen=True)
class Constants:
    """Numbers for outputs that ignore the inputs.

    Attributes:
        loss: mean loss of the best constant output; NaN if it cannot be found.
        delta: RMS of δ at the output if all outputs are 0, loss per unit of output.
        delta_alone: the same without the output activation.
        floor: mean loss if each sample has its best possible output; NaN if there is no output
            activation and the loss does not turn outputs into class probabilities.
        has_link: whether the loss turns outputs into probabilities.
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
    """Compute the numbers for the targets of some samples.

    Args:
        objective: the objective with the loss.
        target: targets as in the data, without the axis of replicas.
        output_activation: the output activation; ``None`` if there is none.
        dtype: type of the network's outputs, for a user's loss that accepts no other; float64 is
            tried first, because squares of large targets need it.

    Returns:
        The numbers, in the unit of the loss; all NaN if a user's loss raises an error.
    """
    squash = output_activation or nn.Identity()
    for kind in (torch.float64, dtype):
        typed = target.to(kind) if target.is_floating_point() else target
        try:
            return _found(objective, typed, squash, kind)
        except Exception:  # a user's loss may raise anything
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
    own = output.expand(1, len(target), -1).clone()  # a user's loss may overwrite it
    return objective.sample_loss(own, target[None])


def _best(objective: Objective, target: Tensor, squash: nn.Module, dtype: torch.dtype) -> float:
    """The loss of the best constant output, by search; shipped losses are convex in it.

    For numeric targets the search starts at their mean, in units of their standard deviation.
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
    """The loss of the best outputs: extreme logits if the loss has a link, else by search."""
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
    """The minimum of a loss by L-BFGS, which changes ``variable`` in place."""
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
    """Extreme logits for the true class of each sample; ``None`` for numeric targets."""
    if objective.link is None or target.is_floating_point():
        return None
    if objective.n_outputs == 1:
        return _SURE * (2 * target[:, None].to(dtype) - 1)
    return _SURE * (2 * functional.one_hot(target, objective.n_outputs).to(dtype) - 1)
