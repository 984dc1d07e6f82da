"""Hydra's own sweeper over all combinations, which composes no configuration twice."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from hydra_plugins.deltaflow_launcher.stack_launcher import StackLauncher


class CombinationSweeper(BasicSweeper):
    """Every combination of the values that are given."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every run before any begins, unless the launcher does so anyway."""
        if not isinstance(self.launcher, StackLauncher):
            super().validate_batch_is_legal(batch)
