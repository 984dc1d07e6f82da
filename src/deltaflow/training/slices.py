"""Optimizers and schedules of slices of the replica axis, as Lightning sees one of each."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
from lightning.pytorch.utilities.types import OptimizerConfig, OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.training.contracts import check_asked, check_rates, unending
from deltaflow.training.parts import Part, Updates, Workers
from deltaflow.training.states import (
    State,
    restore,
    restore_schedule,
    schedule_of,
    state_of,
)


class Trained(Protocol):
    """What a run is trained with."""

    optimizer: Callable[[Any], Optimizer]
    scheduler: Callable[[Optimizer], LRScheduler] | None


class Divided(Protocol):
    """A stack in parts."""

    losses: Tensor
    parts: list[Part]
    workers: Workers


def optimized_by_slices(
    stack: Divided, runs: Sequence[tuple[slice, Trained]]
) -> OptimizerConfig | OptimizerLRSchedulerConfig:
    """Each run's optimizer over its replicas, in each part one of its own.

    Args:
        stack: whose parts are given their optimizers.
        runs: what trains which replicas; together, all of them.
    """
    each = [one for own, run in runs for one in _in_pieces(own, run)]
    for part in stack.parts:
        part.updates.clear()
        for own, run in each:
            if own.start < part.own.stop and part.own.start < own.stop:
                update = part.optimized_by(own, run.optimizer)
                check_rates(update.optimizer)
                if run.scheduler is not None:
                    update.scheduler = run.scheduler(update.optimizer)
                    check_rates(update.optimizer)
    together = OptimizerOfSlices(stack)
    if all(update.scheduler is None for update in together.updates):
        return {"optimizer": together}
    schedule: Any = SchedulerOfSlices(together.updates, together)  # Lightning asks for no more
    return {"optimizer": together, "lr_scheduler": schedule}


def watches_loss(run: Trained) -> bool:
    """Whether the step size of a run follows its validation loss."""
    if run.scheduler is None:
        return False
    made = run.scheduler(run.optimizer([torch.nn.Parameter(torch.zeros(1, 1, 1))]))
    return isinstance(made, ReduceLROnPlateau)


def _in_pieces(own: slice, run: Trained) -> list[tuple[slice, Trained]]:
    """The replicas that share a step size: all of a run, or each by itself."""
    if not watches_loss(run):
        return [(own, run)]
    return [(slice(r, r + 1), run) for r in range(own.start, own.stop)]


class OptimizerOfSlices(Optimizer):
    """The optimizers of all parts, after one forward and backward pass for all.

    Args:
        stack: whose parts they move, and whose losses they may ask for.
    """

    def __init__(self, stack: Divided) -> None:
        self.stack = stack
        self.updates = [update for part in stack.parts for update in part.updates]
        self.optimizers = [update.optimizer for update in self.updates]
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        super().__init__([parameter for group in groups for parameter in group["params"]], {})
        self.param_groups = groups

    @unending
    def step(self, closure: Any = None) -> Any:
        """One pass, and an update by each optimizer.

        Raises:
            ValueError: if one does not ask for its loss exactly once, as all that can share a
                pass do.
        """
        with torch.enable_grad():
            total = closure()
        shipped = all(type(one).__module__.startswith("torch.optim.") for one in self.optimizers)
        workers = self.stack.workers if shipped else Workers()  # a user's own may draw numbers
        workers.each(self.stack.parts, self._update)
        return total

    def state_dict(self) -> dict[str, Any]:
        """That of one optimizer for all replicas."""
        return state_of(self.updates, self._every).optimizer

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.resume([(self._every, State(state_dict, None))])

    def resume(self, runs: Sequence[tuple[slice, State]]) -> None:
        """Go on from the states of runs, which together have all replicas."""
        restore(self.updates, runs)
        self.param_groups = [group for one in self.optimizers for group in one.param_groups]

    @property
    def _every(self) -> slice:
        return slice(0, self.updates[-1].own.stop)

    def _update(self, part: Part) -> None:
        part.hand_gradients_over()
        for update in part.updates:
            asked = [0]

            def loss(own: slice = update.own, asked: list[int] = asked) -> Any:
                asked[0] += 1
                return self.stack.losses[own].sum()

            update.optimizer.step(cast(Callable[[], float], loss))
            check_asked(update.optimizer, asked[0] == 1)


class SchedulerOfSlices:
    """The schedules of several optimizers, an epoch at a time.

    Args:
        updates: the optimizers with their schedules, in the order of their replicas.
        optimizer: all of these.
    """

    def __init__(self, updates: Sequence[Updates], optimizer: Optimizer) -> None:
        self.updates = list(updates)
        self.optimizer = optimizer

    def step(self) -> None:
        """Go on to the next epoch, but for schedules that wait for its validation."""
        for update in self.updates:
            if update.scheduler is not None and not update.watches_loss:
                update.scheduler.step()

    def watch(self, losses: Tensor) -> None:
        """Let schedules that watch the validation loss know that of an epoch, ``[R]``."""
        for update in self.updates:
            if isinstance(update.scheduler, ReduceLROnPlateau):
                update.scheduler.step(float(losses[update.own.start]))

    def state_dict(self) -> dict[str, Any]:
        """That of one schedule for all replicas, or those of each."""
        return schedule_of(self.updates) or {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        for update in self.updates:
            restore_schedule(update, state, update.own.start)
