"""Hydra's own sweeper over all combinations, whose launcher gets stacks of runs for jobs."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.deltaflow_launcher.stack_launcher import StackLauncher


class CombinationSweeper(BasicSweeper):
    """Every combination of the values that are given."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra gives to every sweeper; Hydra's basic launcher alone gets single runs.

        Args:
            hydra_context: composes, and has the callbacks.
            task_function: trains a run.
            config: of the sweep.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        # Hydra loads plugins as modules of their own: their classes are told apart by name.
        chosen = str(config.hydra.launcher._target_).rpartition(".")[2]
        self.stacks = chosen != "BasicLauncher"
        if chosen not in ("BasicLauncher", "StackLauncher"):
            self.launcher = StackLauncher(self.launcher)
            self.launcher.setup(
                hydra_context=hydra_context, task_function=task_function, config=config
            )

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every run before any begins, which the launcher of stacks does anyway."""
        if not self.stacks:
            super().validate_batch_is_legal(batch)
