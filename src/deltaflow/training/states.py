"""The states of optimizers and schedules, saved and restored per run.

One run may have several optimizers, each for some of its replicas. Its state is saved in the form
of one optimizer over all its replicas, so the run can be resumed by itself or in any stack.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from deltaflow.training.updates import Updates

_EACH = "each"  # the key of a list of schedule states, one per replica


@dataclass(frozen=True)
class State:
    """The states of an optimizer and its schedule.

    Attributes:
        optimizer: ``state_dict`` of the optimizer.
        scheduler: ``state_dict`` of the schedule; ``None`` if there is no schedule.
    """

    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None


def state_of(updates: Iterable[Updates], replicas: slice) -> State:
    """Collect the state of some replicas of a stack.

    Args:
        updates: all optimizers of the stack, in the order of their replicas.
        replicas: the replicas, as a slice of the stack.
    """
    found = [update for update in updates if _overlap(update.replicas, replicas)]
    pieces = [_select_replicas(one.optimizer.state_dict(), one.replicas, replicas) for one in found]
    return State(_join_states(pieces), schedule_of(found))


def schedule_of(updates: Sequence[Updates]) -> dict[str, Any] | None:
    """The state of a run's schedule; a list by replica if the schedule watches the loss."""
    states = [one.scheduler.state_dict() for one in updates if one.scheduler is not None]
    if not states:
        return None
    return {_EACH: states} if updates[0].watches_loss else states[0]


def restore_schedule(update: Updates, state: dict[str, Any], number: int) -> None:
    """Restore the schedule of one optimizer.

    Args:
        update: the optimizer with its schedule.
        state: the state of the run's schedule, from :func:`schedule_of`.
        number: index within the run of the first replica of ``update``.
    """
    if update.scheduler is None:
        return
    if update.watches_loss:
        state = state[_EACH][number]
        for group, rate in zip(update.optimizer.param_groups, state["_last_lr"], strict=True):
            group["lr"] = rate
    update.scheduler.load_state_dict(deepcopy(state))  # other optimizers are restored from it, too


def restore(updates: Iterable[Updates], runs: Sequence[tuple[slice, State]]) -> None:
    """Restore the optimizers and schedules of a stack.

    Args:
        updates: all optimizers of the stack.
        runs: the replicas of each run, as a slice of the stack, with the run's state.
    """
    for update in updates:
        known = [
            (replicas, state) for replicas, state in runs if _overlap(replicas, update.replicas)
        ]
        pieces = [
            _select_replicas(state.optimizer, replicas, update.replicas)
            for replicas, state in known
        ]
        update.optimizer.load_state_dict(_join_states(pieces))
        match_memory_layouts(update.optimizer)
        replicas, first = known[0]
        if first.scheduler is not None:
            restore_schedule(update, first.scheduler, update.replicas.start - replicas.start)


def match_memory_layouts(optimizer: Optimizer) -> None:
    """Give moments the memory layout of their weights.

    Fused kernels compute nonsense without an error if the layouts differ, as they may after a
    checkpoint of an earlier version has been loaded.
    """
    for weight, remembered in optimizer.state.items():
        for name, value in remembered.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                remembered[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def _overlap(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _select_replicas(state: dict[str, Any], replicas: slice, wanted: slice) -> dict[str, Any]:
    """Select a part of the replicas in a state.

    Args:
        state: ``state_dict`` of an optimizer of ``replicas``.
        replicas: the replicas that the state holds, as a slice of the stack.
        wanted: the replicas to select; those outside ``replicas`` are ignored.
    """
    n = replicas.stop - replicas.start
    selected = slice(max(wanted.start - replicas.start, 0), min(wanted.stop - replicas.start, n))

    def cut(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        by_replica = value.ndim > 0 and len(value) == n
        return value[selected] if by_replica else value

    cuts = {
        number: {name: cut(value) for name, value in parameter.items()}
        for number, parameter in state["state"].items()
    }
    return {"state": cuts, "param_groups": state["param_groups"]}


def _join_states(pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the states of adjacent replicas, in memory of their own.

    Values without a replica axis come from the first.
    """

    def join(values: Sequence[Any]) -> Any:
        if not isinstance(values[0], Tensor):
            return values[0]
        by_replica = values[0].ndim > 0 and len(values) > 1
        return torch.cat(list(values)) if by_replica else values[0].clone()

    first = pieces[0]
    joined = {
        number: {
            name: join([piece["state"][number][name] for piece in pieces]) for name in parameter
        }
        for number, parameter in first["state"].items()
    }
    return {"state": joined, "param_groups": first["param_groups"]}
