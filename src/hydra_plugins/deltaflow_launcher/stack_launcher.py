"""A Hydra launcher whose jobs are stacks: runs of a sweep that are trained together.

Hydra finds its plugins in this namespace package. What they do is in ``deltaflow``, which is
imported when a sweep begins.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from deltaflow.commands.sharing import begin_second
from deltaflow.system.environment import import_without_gc


class StackLauncher(Launcher):
    """Runs that share a shape are trained as one stack.

    Args:
        launcher: starts the stacks, each as one job; ``None`` for this process, one after another.
    """

    def __init__(self, launcher: Launcher | None = None) -> None:
        self.launcher = launcher

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra gives to every launcher.

        Args:
            hydra_context: composes, and has the callbacks.
            task_function: trains a run.
            config: of the sweep.
        """
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train the runs of a sweep.

        Args:
            job_overrides: of each run.
            initial_job_idx: number of the first.

        Returns:
            What Hydra notes of each run, in their order.
        """
        second = begin_second(self.config, job_overrides) if self.launcher is None else None
        stacks = import_without_gc("deltaflow.commands.stacks")
        returned: Sequence[JobReturn] = stacks.launch(
            self.launcher,
            self.context,
            self.task,
            self.config,
            job_overrides,
            initial_job_idx,
            second,
        )
        return returned


def stacking(launcher: Launcher, **given: Any) -> Launcher:
    """A launcher that gets stacks for jobs; Hydra's basic one alone gets single runs.

    Args:
        launcher: that was chosen.
        given: what Hydra gives to every launcher.
    """
    # Hydra loads plugins as modules of their own: their classes are told apart by name.
    if type(launcher).__name__ in ("BasicLauncher", StackLauncher.__name__):
        return launcher
    outer = StackLauncher(launcher)
    outer.setup(**given)
    return outer
