"""A Hydra launcher whose jobs are stacks: runs of a sweep that are trained together.

Hydra finds its plugins in this namespace package. The implementation is in ``deltaflow``, which is
imported when a sweep begins.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from deltaflow.commands.sharing import start_second_process
from deltaflow.system.environment import import_without_gc


class StackLauncher(Launcher):
    """Trains runs as stacks if they fit together.

    Args:
        launcher: the launcher that starts each stack as a job; ``None`` for this process.
    """

    def __init__(self, launcher: Launcher | None = None) -> None:
        self.launcher = launcher

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store the arguments that Hydra gives to every launcher.

        Args:
            hydra_context: Hydra's context, with the config loader and the callbacks.
            task_function: the function that trains a run.
            config: the configuration of the sweep.
        """
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train the runs of a sweep.

        Args:
            job_overrides: the overrides of each run.
            initial_job_idx: number of the first run.

        Returns:
            Hydra's result of each run, in the order of ``job_overrides``.
        """
        second = start_second_process(self.config, job_overrides) if self.launcher is None else None
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


def as_stack_launcher(launcher: Launcher, **given: Any) -> Launcher:
    """Wrap a launcher so that its jobs are stacks; Hydra's basic launcher still gets single runs.

    Args:
        launcher: the chosen launcher.
        given: the arguments that Hydra gives to every launcher.
    """
    # Hydra imports plugins a second time, so classes are compared by name.
    if type(launcher).__name__ in ("BasicLauncher", StackLauncher.__name__):
        return launcher
    outer = StackLauncher(launcher)
    outer.setup(**given)
    return outer
