"""Combines optimizers and schedules of ranges of replicas into one of each for Lightning."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
from lightning.pytorch.utilities.types import OptimizerConfig, OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from deltaflow.training.contracts import (
    check_closure_called,
    check_step_sizes,
    without_stop_iteration,
)
from deltaflow.training.layerwise_sgd import LayerwiseSGD
from deltaflow.training.parts import Part
from deltaflow.training.states import (
    State,
    restore,
    restore_schedule,
    schedule_of,
    state_of,
)
from deltaflow.training.updates import Updates
from deltaflow.training.workers import Workers


class OptimizedRun(Protocol):
    """A run's optimizer and schedule."""

    optimizer: Callable[[Any], Optimizer]
    scheduler: Callable[[Optimizer], LRScheduler] | None


class PartedStack(Protocol):
    """A stack that is divided into parts."""

    losses: Tensor
    parts: list[Part]
    workers: Workers
    layerwise: LayerwiseSGD


def optimizers_of_slices(
    stack: PartedStack, runs: Sequence[tuple[slice, OptimizedRun]]
) -> OptimizerConfig | OptimizerLRSchedulerConfig:
    """Make an optimizer for each part and run, or for each replica if it watches its own loss.

    Args:
        stack: the stack; the optimizers are added to its parts.
        runs: slices of the stack and their optimizers; together they cover all replicas.

    Returns:
        One optimizer, and one schedule if there is any, for Lightning.

    Raises:
        ValueError: if a step size is negative or not finite.
    """
    each = [one for replicas, run in runs for one in _step_size_slices(replicas, run)]
    for part in stack.parts:
        part.updates.clear()
        for replicas, run in each:
            if replicas.start < part.replicas.stop and part.replicas.start < replicas.stop:
                update = part.add_optimizer(replicas, run.optimizer)
                check_step_sizes(update.optimizer)
                if run.scheduler is not None:
                    update.scheduler = run.scheduler(update.optimizer)
                    check_step_sizes(update.optimizer)
    together = OptimizerOfSlices(stack)
    if all(update.scheduler is None for update in together.updates):
        return {"optimizer": together}
    schedule: Any = SchedulerOfSlices(together.updates, together)  # Lightning needs no LRScheduler
    return {"optimizer": together, "lr_scheduler": schedule}


def watches_loss(run: OptimizedRun) -> bool:
    """Whether the step size of a run follows its validation loss."""
    if run.scheduler is None:
        return False
    made = run.scheduler(run.optimizer([torch.nn.Parameter(torch.zeros(1, 1, 1))]))
    return isinstance(made, ReduceLROnPlateau)


def _step_size_slices(replicas: slice, run: OptimizedRun) -> list[tuple[slice, OptimizedRun]]:
    """The slices that share a step size: the whole run, or each replica."""
    if not watches_loss(run):
        return [(replicas, run)]
    return [(slice(r, r + 1), run) for r in range(replicas.start, replicas.stop)]


class OptimizerOfSlices(Optimizer):
    """Lets the optimizers of all parts share one forward and backward pass.

    Args:
        stack: the stack, whose parts have their optimizers.
    """

    def __init__(self, stack: PartedStack) -> None:
        self.stack = stack
        self.updates = [update for part in stack.parts for update in part.updates]
        self.optimizers = [update.optimizer for update in self.updates]
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        super().__init__([parameter for group in groups for parameter in group["params"]], {})
        self.param_groups = groups

    @without_stop_iteration
    def step(self, closure: Any = None) -> Any:
        """Call the closure once, and let each optimizer take a step.

        Raises:
            ValueError: if an optimizer does not evaluate its loss exactly once.
        """
        with torch.enable_grad():
            total = closure()
        if self.stack.layerwise.is_used:
            return total
        modules = (type(optimizer).__module__ for optimizer in self.optimizers)
        from_pytorch = all(module.startswith("torch.optim.") for module in modules)
        # An optimizer of a user may draw random numbers, so it is not called from several threads.
        workers = self.stack.workers if from_pytorch else Workers()
        workers.each(self.stack.parts, self._update)
        return total

    def state_dict(self) -> dict[str, Any]:
        """The state in the form of one optimizer over all replicas."""
        return state_of(self.updates, self._all_replicas).optimizer

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state from :meth:`state_dict`."""
        self.resume([(self._all_replicas, State(state_dict, None))])

    def resume(self, runs: Sequence[tuple[slice, State]]) -> None:
        """Restore the states of runs, which together cover all replicas."""
        restore(self.updates, runs)
        self.param_groups = [group for one in self.optimizers for group in one.param_groups]

    @property
    def _all_replicas(self) -> slice:
        return slice(0, self.updates[-1].replicas.stop)

    def _update(self, part: Part) -> None:
        part.set_gradients()
        for update in part.updates:
            n_calls = [0]

            def loss(replicas: slice = update.replicas, n_calls: list[int] = n_calls) -> Any:
                n_calls[0] += 1
                return self.stack.losses[replicas].sum()

            update.optimizer.step(cast(Callable[[], float], loss))
            check_closure_called(update.optimizer, n_calls[0] == 1)


class SchedulerOfSlices:
    """Steps the schedules of several optimizers once per epoch.

    Args:
        updates: the optimizers with their schedules, in the order of their replicas.
        optimizer: the optimizer that Lightning knows, which combines them.
    """

    def __init__(self, updates: Sequence[Updates], optimizer: Optimizer) -> None:
        self.updates = list(updates)
        self.optimizer = optimizer

    def step(self) -> None:
        """Step every schedule, except those that watch the validation loss."""
        for update in self.updates:
            if update.scheduler is not None and not update.watches_loss:
                update.scheduler.step()

    def watch(self, losses: Tensor) -> None:
        """Step the schedules that watch the validation loss with its value, ``[R]``."""
        for update in self.updates:
            if isinstance(update.scheduler, ReduceLROnPlateau):
                update.scheduler.step(float(losses[update.replicas.start]))

    def state_dict(self) -> dict[str, Any]:
        """The state of a schedule of all replicas, or a list by replica."""
        return schedule_of(self.updates) or {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state from :meth:`state_dict`."""
        for update in self.updates:
            restore_schedule(update, state, update.replicas.start)
