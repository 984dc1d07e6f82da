"""A search, from what was typed to its last trial."""

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
    """Train as many trials as were asked for, and say after each batch which is best.

    Args:
        settings: of ``hydra.sweeper``.
        overrides: as typed, with all their values.
        sweep: configuration of the sweep.
        loader: Hydra's.
        launch: trains runs.

    Raises:
        ValueError: for settings that no search can have, or if no trial of a batch has a result.
    """
    space, fixed = search_space(overrides, sweep, loader)
    going = Search(SearchSettings(**settings), space, sweep)
    out = console()
    for batch in going.batches():
        going.train(batch, fixed, launch)
        record = going.record
        said = f"{record.n_completed + record.n_failed} of {record.n_trials} trials"
        if record.best_trial is not None:
            own = " ".join(f"{name}={value}" for name, value in record.best_overrides.items())
            said += f"; best {record.best_value:.4g}, trial {record.best_trial}: {own}"
        say(out, "Search", printable(said))
        if going.has_stopped:
            return
