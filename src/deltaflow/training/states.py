"""What optimizers and schedules remember, run by run, however replicas are divided among them.

A run's state is kept as one optimizer over all its replicas would keep it, so it can go on alone,
in parts, or in any stack.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from deltaflow.training.parts import Updates

_EACH = "each"  # holds the states of schedules of single replicas


@dataclass(frozen=True)
class State:
    """What an optimizer and its schedule remember, as PyTorch has it.

    Attributes:
        optimizer: its ``state_dict``.
        scheduler: that of the schedule; ``None`` without one.
    """

    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None


def state_of(updates: Iterable[Updates], own: slice) -> State:
    """The state of some replicas.

    Args:
        updates: of a stack, in its order.
        own: the replicas.
    """
    found = [update for update in updates if _overlap(update.own, own)]
    pieces = [_cut(one.optimizer.state_dict(), one.own, own) for one in found]
    return State(_joined(pieces), schedule_of(found))


def schedule_of(updates: Sequence[Updates]) -> dict[str, Any] | None:
    """What the schedule of a run remembers; where it watches the loss, that of each replica."""
    states = [one.scheduler.state_dict() for one in updates if one.scheduler is not None]
    if not states:
        return None
    return {_EACH: states} if updates[0].watches_loss else states[0]


def restore_schedule(update: Updates, state: dict[str, Any], number: int) -> None:
    """Let a schedule go on.

    Args:
        update: whose schedule it is.
        state: of the run's, as :func:`schedule_of` gives it.
        number: of the first replica of the update, in its run.
    """
    if update.scheduler is None:
        return
    if update.watches_loss:
        state = state[_EACH][number]
        for group, rate in zip(update.optimizer.param_groups, state["_last_lr"], strict=True):
            group["lr"] = rate
    update.scheduler.load_state_dict(deepcopy(state))  # which another part goes on from, too


def restore(updates: Iterable[Updates], runs: Sequence[tuple[slice, State]]) -> None:
    """Let optimizers and schedules go on.

    Args:
        updates: of a stack.
        runs: the states of its replicas, in its order.
    """
    for update in updates:
        known = [(own, state) for own, state in runs if _overlap(own, update.own)]
        pieces = [_cut(state.optimizer, own, update.own) for own, state in known]
        update.optimizer.load_state_dict(_joined(pieces))
        _lay_out(update.optimizer)
        own, first = known[0]
        if first.scheduler is not None:
            restore_schedule(update, first.scheduler, update.own.start - own.start)


def _lay_out(optimizer: Optimizer) -> None:
    """Lay moments out in memory as their weights are: the fused kernels take them to be."""
    for weight, remembered in optimizer.state.items():
        for name, value in remembered.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                remembered[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def _overlap(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _cut(state: dict[str, Any], own: slice, wanted: slice) -> dict[str, Any]:
    """Of the state of some replicas, that of the wanted ones among them."""
    n = own.stop - own.start
    within = slice(max(wanted.start - own.start, 0), min(wanted.stop - own.start, n))

    def cut(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        by_replica = value.ndim > 0 and len(value) == n
        return (value[within] if by_replica else value).clone()  # a count of steps is one's own

    cuts = {
        number: {name: cut(value) for name, value in parameter.items()}
        for number, parameter in state["state"].items()
    }
    return {"state": cuts, "param_groups": state["param_groups"]}


def _joined(pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The states of neighbours as that of one; what has no replicas is the first one's."""
    if len(pieces) == 1:
        return pieces[0]

    def join(values: Sequence[Any]) -> Any:
        by_replica = isinstance(values[0], Tensor) and values[0].ndim > 0
        return torch.cat(list(values)) if by_replica else values[0]

    first = pieces[0]
    joined = {
        number: {
            name: join([piece["state"][number][name] for piece in pieces]) for name in parameter
        }
        for number, parameter in first["state"].items()
    }
    return {"state": joined, "param_groups": first["param_groups"]}
