"""Whether an optimizer treats the replicas of a stack independently, found out by trying it."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from deltaflow.system.errors import UserError

_SIZES = (3, 4, 2)  # units of the trial network's layers
_STEPS = 3
_TOLERANCE = 1e-6  # relative difference of a parameter: the order of sums may differ


def couples_replicas(optimizer: Callable[[Iterable[Parameter]], Optimizer]) -> bool:
    """Whether the gradient of one replica changes the parameters of another.

    Two replicas are trained for a few steps, several times. The targets of the second replica
    are scaled by 1, by 1000 and by NaN; the parameters of the first must always come out equal.

    Args:
        optimizer: makes an optimizer from parameters whose dimension 0 is the replica.

    Returns:
        Whether replicas are coupled. ``False`` if the optimizer raises an error, which it will
        raise again in training, or if its result is random or not finite.
    """
    try:
        alone, again, *others = (
            _trained_parameters(optimizer, s) for s in (1.0, 1.0, 1000.0, math.nan)
        )
    except Exception:  # code of the user may raise any
        return False
    # If the optimizer is random or diverges, the trial cannot show whether it couples replicas.
    if not torch.equal(alone, again) or not alone.isfinite().all():
        return False
    return not all(torch.allclose(alone, other, rtol=_TOLERANCE) for other in others)


def require_independent_replicas(
    optimizer: Callable[[Iterable[Parameter]], Optimizer], name: str
) -> None:
    """Refuse an optimizer that couples replicas (``ValueError``).

    Args:
        optimizer: makes an optimizer from parameters whose dimension 0 is the replica.
        name: name of its class, for the message.
    """
    if couples_replicas(optimizer):
        raise UserError(
            f"With several seeds or folds the optimizer must update entry by entry. Found {name}, "
            "in which one network's gradient changes another's update. Use `n_seeds=1`, or an "
            "optimizer such as sgd or adam."
        )


def shares_a_pass(optimizer: Callable[[Iterable[Parameter]], Optimizer]) -> bool:
    """Whether an optimizer can share a forward and backward pass with other optimizers.

    It can if it evaluates the loss once per step, does not couple replicas and is deterministic.

    Args:
        optimizer: makes an optimizer from parameters whose dimension 0 is the replica.
    """
    losses: list[float] = []
    try:
        same = torch.equal(*(_trained_parameters(optimizer, 1.0, losses) for _ in range(2)))
    except Exception:
        return False
    return same and len(losses) == 2 * _STEPS and not couples_replicas(optimizer)


def require_a_pass_a_step(shares: bool) -> None:
    """Refuse step sizes that follow losses, unless the optimizer :func:`shares_a_pass`."""
    if not shares:
        raise UserError(
            "With several seeds or folds, each step size follows its own validation loss if the "
            "optimizer asks for the loss once a step. Found one that does not. Use `n_seeds=1`, "
            "or an optimizer such as sgd or adam."
        )


def _trained_parameters(
    optimizer: Callable[[Iterable[Parameter]], Optimizer],
    scale: float,
    losses: list[float] | None = None,
) -> Tensor:
    """Train two replicas for a few steps.

    Args:
        optimizer: makes the optimizer that is tried.
        scale: factor of the second replica's targets.
        losses: a list to which each evaluated loss is appended.

    Returns:
        The parameters of the first replica, flattened.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(0)  # torch.manual_seed would seed graphics cards, too
        parameters = list(_parameters())
        targets = [torch.randn_like(parameter) for parameter in parameters]
        for target in targets:
            target[1] *= scale
        made = optimizer(parameters)
        for _ in range(_STEPS):
            made.step(partial(_loss, made, parameters, targets, [] if losses is None else losses))
        return torch.cat([parameter[0].detach().flatten() for parameter in parameters])


def _loss(
    made: Optimizer, parameters: list[Parameter], targets: list[Tensor], losses: list[float]
) -> float:
    made.zero_grad()
    pairs = zip(parameters, targets, strict=True)
    loss = torch.stack([((p - target).square() + p.sin()).sum() for p, target in pairs]).sum()
    loss.backward()
    losses.append(float(loss.detach()))
    return losses[-1]


def _parameters() -> Iterator[Parameter]:
    for fan_in, fan_out in pairwise(_SIZES):
        yield Parameter(torch.randn(2, fan_in, fan_out))
        yield Parameter(torch.randn(2, fan_out))
