"""Applies overrides that set a value to a configuration that Hydra composed without them.

Hydra takes 0.1 s to compose, which is most of the time of a small run. Two runs with the same
options differ only in the values of their overrides, so Hydra composes once for each choice of
options.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache

from hydra._internal.config_loader_impl import get_overrides_dirname  # not public
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

Compose = Callable[[Sequence[str]], DictConfig]


def compose_by_choices(
    overrides: Sequence[str], compose: Compose, by_choices: Compose
) -> DictConfig:
    """The configuration that Hydra composes from overrides; the caller may change it.

    Args:
        overrides: overrides of one run, as on the command line.
        compose: calls Hydra.
        by_choices: calls Hydra, or returns an earlier result for the same overrides.

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
    except Exception:  # Hydra raises an error with a better message
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
    """Whether an override sets a value, and does not choose an option of a group."""
    return (
        override.type == OverrideType.CHANGE
        and override.package is None
        and not override.is_hydra_override()
        and ("." in override.key_or_group or override.key_or_group in ("seed", "n_seeds"))
        and isinstance(override.value(), int | float | str | None)
    )


def _touches(other: Override, value: Override) -> bool:
    """Whether the order of two overrides may affect the result."""
    return f"{value.key_or_group}.".startswith(f"{other.key_or_group}.") and (
        "." in other.key_or_group or other.type != OverrideType.CHANGE
    )
