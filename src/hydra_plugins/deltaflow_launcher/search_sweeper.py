"""A Hydra sweeper that searches: Optuna proposes trials, a batch at a time, each batch a stack."""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from hydra_plugins.deltaflow_launcher.stack_launcher import stacking


class SearchSweeper(Sweeper):
    """Trials of a search, by what earlier trials came to.

    Args:
        params: what varies, by name, for experiment files.
        settings: of :class:`deltaflow.sweep.search.storage.SearchSettings`.
    """

    def __init__(self, params: DictConfig | None = None, **settings: Any) -> None:
        self.params = params
        self.settings = settings

    def setup(self, **given: Any) -> None:
        """Take what Hydra gives to every sweeper."""
        launcher = stacking(Plugins.instance().instantiate_launcher(**given), **given)
        self.search = (given["config"], given["hydra_context"].config_loader, launcher.launch)

    def sweep(self, arguments: list[str]) -> Any:
        """Search.

        Args:
            arguments: overrides, with all their values.
        """
        from deltaflow.commands.search import search

        given = (self.params or {}).items()
        search(self.settings, [*(f"{name!s}={v}" for name, v in given), *arguments], *self.search)
