"""Overrides that give a setting a value, applied to what Hydra has composed without them.

Hydra takes a tenth of a second to compose, which is most of what a small run needs. Values decide
nothing but themselves: two runs with the same options differ in what the overrides give them. So
it composes once for each choice of options.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache

from hydra._internal.config_loader_impl import get_overrides_dirname  # as Hydra names a run
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

Compose = Callable[[Sequence[str]], DictConfig]


def compose_by_choices(
    overrides: Sequence[str], compose: Compose, by_choices: Compose
) -> DictConfig:
    """The configuration that Hydra composes from overrides, the caller's to change.

    Args:
        overrides: as on the command line, of one run.
        compose: asks Hydra.
        by_choices: asks Hydra too, and may return what it has returned before.

    Raises:
        hydra.errors.HydraException: for overrides that the command line would refuse.
    """
    try:
        parsed = [_parsed(override) for override in overrides]
        values = [one for one in parsed if _is_value(one)]
        rest = [one for one in parsed if not _is_value(one)]
        if any(_touches(other, value) for other in rest for value in values):
            return compose(overrides)
        config = copy.deepcopy(by_choices([str(one.input_line) for one in rest]))
        for one in values:
            OmegaConf.update(config, one.key_or_group, one.value(), merge=True)
    except Exception:  # Hydra says it better
        return compose(overrides)
    job, own = config.hydra.job, [one for one in parsed if not one.is_hydra_override()]
    config.hydra.overrides.task = [one.input_line for one in own]
    job.override_dirname = get_overrides_dirname(own, **job.config.override_dirname)
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
