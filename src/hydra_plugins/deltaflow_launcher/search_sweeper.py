"""A Hydra sweeper that searches: Optuna proposes batches of trials, and each batch is a launch."""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from hydra_plugins.deltaflow_launcher.stack_launcher import as_stack_launcher


class SearchSweeper(Sweeper):
    """Trains the trials of a search.

    Args:
        params: values to search by setting, from experiment files.
        settings: arguments of :class:`deltaflow.sweep.search.storage.SearchSettings`.
    """

    def __init__(self, params: DictConfig | None = None, **settings: Any) -> None:
        self.params = params
        self.settings = settings

    def setup(self, **given: Any) -> None:
        """Store the arguments that Hydra gives to every sweeper."""
        launcher = as_stack_launcher(Plugins.instance().instantiate_launcher(**given), **given)
        self.search = (given["config"], given["hydra_context"].config_loader, launcher.launch)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search.

        Args:
            arguments: the overrides as typed.
        """
        from deltaflow.commands.search import search

        given = (self.params or {}).items()
        search(self.settings, [*(f"{name!s}={v}" for name, v in given), *arguments], *self.search)
