"""Runs a hyperparameter search."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from deltaflow.sweep.search.space import search_space
from deltaflow.sweep.search.storage import SearchSettings
from deltaflow.sweep.search.study import Launch, Search
from deltaflow.system.escaping import printable
from deltaflow.terminal.screen import console, say


def search(
    settings: Mapping[str, Any],
    overrides: Sequence[str],
    sweep: DictConfig,
    loader: ConfigLoader,
    launch: Launch,
) -> None:
    """Train the trials of a search, and print the best one after each batch.

    Args:
        settings: the settings of ``hydra.sweeper``.
        overrides: the overrides as typed.
        sweep: the configuration of the sweep.
        loader: Hydra's config loader.
        launch: a function that trains runs.

    Raises:
        ValueError: if a setting is not valid, or no trial of a batch has a result.
    """
    space, fixed = search_space(overrides, sweep, loader)
    current = Search(SearchSettings(**settings), space, sweep)
    out = console()
    for batch in current.batches():
        current.train(batch, fixed, launch)
        record = current.record
        said = f"{record.n_completed + record.n_failed} of {record.n_trials} trials"
        if record.best_trial is not None:
            own = " ".join(f"{name}={value}" for name, value in record.best_overrides.items())
            said += f"; best {record.best_value:.4g}, trial {record.best_trial}: {own}"
        say(out, "Search", printable(said))
        if current.has_stopped:
            return
