"""Whether an optimizer keeps the replicas of a stack apart, found out by trying it."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

_SIZES = (3, 4, 2)  # of the layers of two replicas
_STEPS = 3
_TOLERANCE = 1e-6  # of a parameter, for what is computed in another order


def couples_replicas(optimizer: Callable[[Iterable[Parameter]], Optimizer]) -> bool:
    """Whether one replica's gradient changes what another replica's parameters become.

    Two replicas take a few steps, the second one towards far values, then where its gradient is
    not finite. The first must come to the same parameters each time.

    Args:
        optimizer: makes one of parameters, those of each layer with the replicas as dimension 0.

    Returns:
        Whether it does; ``False`` if it cannot be tried, for it will fail in training as well.
    """
    try:
        alone, again, *others = (_trained(optimizer, s) for s in (1.0, 1.0, 1000.0, math.nan))
    except Exception:  # code of the user's own raises any
        return False
    # It draws numbers of its own, or steps too far for any number: nothing can be said.
    if not torch.equal(alone, again) or not alone.isfinite().all():
        return False
    return not all(torch.allclose(alone, other, rtol=_TOLERANCE) for other in others)


def shares_a_pass(optimizer: Callable[[Iterable[Parameter]], Optimizer]) -> bool:
    """Whether one forward and backward pass can serve an optimizer and others beside it.

    So it is if it asks for the loss once a step, keeps replicas apart, and does the same again.

    Args:
        optimizer: makes one of parameters, those of each layer with the replicas as dimension 0.
    """
    asked: list[float] = []
    try:
        same = torch.equal(*(_trained(optimizer, 1.0, asked) for _ in range(2)))
    except Exception:
        return False
    return same and len(asked) == 2 * _STEPS and not couples_replicas(optimizer)


def _trained(
    optimizer: Callable[[Iterable[Parameter]], Optimizer],
    scale: float,
    asked: list[float] | None = None,
) -> Tensor:
    """The first replica's parameters after some steps towards targets, the second's scaled.

    Args:
        optimizer: to try.
        scale: of the second replica's targets.
        asked: gets the loss each time that the optimizer asks for it.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(0)  # and not a graphics card's
        parameters = list(_parameters())
        targets = [torch.randn_like(parameter) for parameter in parameters]
        for target in targets:
            target[1] *= scale
        made = optimizer(parameters)
        for _ in range(_STEPS):
            made.step(partial(_loss, made, parameters, targets, [] if asked is None else asked))
        return torch.cat([parameter[0].detach().flatten() for parameter in parameters])


def _loss(
    made: Optimizer, parameters: list[Parameter], targets: list[Tensor], asked: list[float]
) -> float:
    made.zero_grad()
    pairs = zip(parameters, targets, strict=True)
    loss = torch.stack([((p - target).square() + p.sin()).sum() for p, target in pairs]).sum()
    loss.backward()
    asked.append(float(loss.detach()))
    return asked[-1]


def _parameters() -> Iterator[Parameter]:
    for fan_in, fan_out in pairwise(_SIZES):
        yield Parameter(torch.randn(2, fan_in, fan_out))
        yield Parameter(torch.randn(2, fan_out))
