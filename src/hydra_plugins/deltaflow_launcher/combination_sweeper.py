"""Hydra's own sweeper over all combinations, whose launcher gets stacks of runs for jobs."""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from hydra_plugins.deltaflow_launcher.stack_launcher import stacking


class CombinationSweeper(BasicSweeper):
    """Every combination of the values that are given."""

    def setup(self, **given: Any) -> None:
        """Take what Hydra gives to every sweeper; Hydra's basic launcher alone gets single runs."""
        super().setup(**given)
        assert self.launcher is not None
        self.launcher = stacking(self.launcher, **given)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every run before any begins, which the launcher of stacks does anyway."""
        if type(self.launcher).__name__ == "BasicLauncher":
            super().validate_batch_is_legal(batch)
