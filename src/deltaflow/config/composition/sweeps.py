"""Composes the runs of a sweep as Hydra does, but calls Hydra once per option, not once per run.

If an option changes nothing outside its group, the configuration of a run with two such options can
be combined from those of two runs with one each. Both conditions are checked: that nothing else
changes, and that the first combined configuration equals Hydra's.
"""

import copy
from collections.abc import Sequence
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.composition.value_overrides import compose_by_choices

_Choices = tuple[str, ...]
_MAX_KEPT = 200  # configurations that are kept for `compose`, each about 0.3 MB


class SweepComposer:
    """Composes runs as Hydra's ``load_sweep_config`` does."""

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        self.loader = loader
        self.sweep = sweep
        self._composed: dict[_Choices, DictConfig] = {}  # by overrides that choose options
        self._waiting: dict[_Choices, DictConfig] = {}  # results of `look`, by all overrides
        self._combines: bool | None = None  # whether options can be combined; None if not known

    def __getstate__(self) -> dict[str, object]:
        """The state for another process, without what has been composed here."""
        return vars(self) | {"_composed": {}, "_waiting": {}, "_combines": None}

    def look(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a run, only to read; arguments and errors as in :meth:`compose`."""
        config = self.compose(overrides)
        if len(self._waiting) < _MAX_KEPT:
            self._waiting[tuple(overrides)] = config
        return config

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Compose the configuration of a run, which the caller may change.

        Raises:
            hydra.errors.HydraException: for overrides that the command line would refuse.
        """
        if (looked_at := self._waiting.pop(tuple(overrides), None)) is not None:
            return looked_at
        config = compose_by_choices(overrides, self._load, self._of_choices)
        OmegaConf.copy_cache(from_config=self.sweep, to_config=config)
        return config

    def _load(self, overrides: Sequence[str]) -> DictConfig:
        return self.loader.load_sweep_config(self.sweep, list(overrides))

    def _load_once(self, choices: _Choices) -> DictConfig:
        if choices not in self._composed:
            self._composed[choices] = self._load(choices)
        return self._composed[choices]

    def _of_choices(self, overrides: Sequence[str]) -> DictConfig:
        choices = tuple(overrides)
        if choices not in self._composed and self._composed and self._combines is not False:
            try:
                combined = self._combined(choices, *next(iter(self._composed.items())))
            except Exception:  # a run with one of the options alone may be impossible
                combined, self._combines = None, False
            if combined is not None:
                self._composed[choices] = combined
        return self._load_once(choices)

    def _combined(
        self, choices: _Choices, others: _Choices, composed: DictConfig
    ) -> DictConfig | None:
        """Combine a configuration from others; ``None`` if that is not possible.

        Args:
            choices: overrides that choose options, of the run to compose.
            others: those of the first run that was composed.
            composed: the configuration of that run.
        """
        changed = [k for k, (a, b) in enumerate(zip(choices, others, strict=False)) if a != b]
        if len(choices) != len(others) or len(changed) < 2:
            return None
        config = copy.deepcopy(composed)
        options = config.hydra.runtime.choices
        for place in changed:
            group, _, option = choices[place].partition("=")
            if group not in options or not option.isidentifier() or _names(choices, group) > 1:
                return None
            one = self._load_once((*others[:place], choices[place], *others[place + 1 :]))
            if _outside(one, group) != _outside(composed, group):
                self._combines = False
                return None
            config[group] = copy.deepcopy(one[group])
            options[group] = one.hydra.runtime.choices[group]
        if self._combines is None:
            whole = self._load(choices)
            self._combines = _outside(whole) == _outside(config)
            return whole
        return config


def _names(choices: _Choices, group: str) -> int:
    """Number of overrides that name a group in any form."""
    return sum(one.lstrip("+~").partition("=")[0].partition("@")[0] == group for one in choices)


def _outside(config: DictConfig, group: str | None = None) -> dict[str, Any]:
    """A configuration without one group, and without the fields that list overrides."""
    tree = cast(dict[str, Any], OmegaConf.to_container(config))
    if group is not None:
        tree.pop(group, None)
        tree["hydra"]["runtime"]["choices"].pop(group, None)
    tree["hydra"]["overrides"].pop("task")
    tree["hydra"]["job"].pop("override_dirname")
    return tree
