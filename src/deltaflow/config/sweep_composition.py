"""Compose the runs of a sweep: Hydra does it once for each choice of options, not for each value.

Values decide nothing but themselves: two runs with the same options differ in what the overrides
give them. Hydra takes a tenth of a second for a run, which is most of what a small one needs.
"""

import copy
from collections.abc import Sequence
from functools import cache

from hydra._internal.config_loader_impl import get_overrides_dirname  # as Hydra names a run
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf


class SweepComposer:
    """Composes runs as ``load_sweep_config`` does.

    Args:
        loader: Hydra's.
        sweep: configuration of the sweep.
    """

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        self.loader = loader
        self.sweep = sweep
        self._composed: dict[tuple[str, ...], DictConfig] = {}  # by what all but the values are

    def __getstate__(self) -> dict[str, object]:
        """What another process needs to compose: not what has been composed here."""
        return vars(self) | {"_composed": {}}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a run.

        Args:
            overrides: of the run.

        Raises:
            hydra.errors.HydraException: for overrides that the command line would refuse.
        """
        parsed = [_parsed(override) for override in overrides]
        values = [one for one in parsed if _is_value(one)]
        rest = [one for one in parsed if not _is_value(one)]
        if any(_touches(other, value) for other in rest for value in values):
            return self.loader.load_sweep_config(self.sweep, list(overrides))
        key = tuple(one.key_or_group if _is_value(one) else str(one.input_line) for one in parsed)
        if (kept := self._composed.get(key)) is None:
            self._composed[key] = self.loader.load_sweep_config(self.sweep, list(overrides))
            return copy.deepcopy(self._composed[key])
        config = copy.deepcopy(kept)
        try:
            for one in values:
                OmegaConf.update(config, one.key_or_group, one.value(), merge=True)
        except Exception:  # Hydra says it better
            return self.loader.load_sweep_config(self.sweep, list(overrides))
        job, own = config.hydra.job, [one for one in parsed if not one.is_hydra_override()]
        config.hydra.overrides.task = [one.input_line for one in own]
        job.override_dirname = get_overrides_dirname(own, **job.config.override_dirname)
        OmegaConf.copy_cache(from_config=self.sweep, to_config=config)
        return config


@cache
def _parsed(override: str) -> Override:
    (parsed,) = OverridesParser.create().parse_overrides([override])
    return parsed


def _is_value(override: Override) -> bool:
    """Whether an override gives a setting one value, and chooses no option of a group."""
    return (
        override.type == OverrideType.CHANGE
        and override.package is None
        and not override.is_hydra_override()
        and ("." in override.key_or_group or override.key_or_group in ("seed", "n_seeds"))
        and isinstance(override.value(), int | float | str | None)
    )


def _touches(other: Override, value: Override) -> bool:
    """Whether the order of two overrides may matter."""
    return f"{value.key_or_group}.".startswith(f"{other.key_or_group}.") and (
        "." in other.key_or_group or other.type != OverrideType.CHANGE
    )
