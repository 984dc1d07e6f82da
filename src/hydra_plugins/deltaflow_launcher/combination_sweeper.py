"""Hydra's basic sweeper with a launcher whose jobs are stacks of runs."""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from hydra_plugins.deltaflow_launcher.stack_launcher import as_stack_launcher


class CombinationSweeper(BasicSweeper):
    """Trains every combination of the given values."""

    def setup(self, **given: Any) -> None:
        """Store the arguments that Hydra gives to every sweeper, and wrap the launcher."""
        super().setup(**given)
        assert self.launcher is not None
        self.launcher = as_stack_launcher(self.launcher, **given)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose all runs to check them; the launcher of stacks does so itself."""
        if type(self.launcher).__name__ == "BasicLauncher":
            super().validate_batch_is_legal(batch)
