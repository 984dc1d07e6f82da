"""The hyperparameters of a run: the settings that affect its result.

They are the option chosen in each config group and all values of the configuration, by their names
on the command line. Settings of recording, diagnostics and devices are left out.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.neutral_settings import NEUTRAL

Hyperparameters = dict[str, str | float | None]
"""Finite numbers and texts by name; ``None`` for a setting that has no value or no effect."""

_NO_PART = {*NEUTRAL, "callbacks", "diagnostics", "local"}
_MAX_SIZES = 1000  # hidden layers of one width whose sizes are listed
_NO_CHOICE = _NO_PART | {"trainer", "debug"}  # groups whose values are enough


def hyperparameters(config: DictConfig, choices: Mapping[str, str | None]) -> Hyperparameters:
    """The hyperparameters of one run by name, such as ``network.depth``; options come first.

    Hidden layers are given by their sizes and by depth and width. The value of a group without an
    option is ``none``, and a list is written as on the command line.

    Raises:
        omegaconf.errors.OmegaConfBaseException: if a reference cannot be resolved.
    """
    options: Hyperparameters = {
        group: choices[group] or "none"
        for group in [*map(str, config), *choices]  # in the order of the configuration
        if group in choices and "/" not in group and group not in _NO_CHOICE
    }
    parts = OmegaConf.masked_copy(config, [str(key) for key in config if key not in _NO_PART])
    tree = cast(dict[str, Any], OmegaConf.to_container(parts, resolve=True))
    tree["network"] |= _hidden_layers(**tree["network"])
    return options | {
        name: _value(value)
        for name, value in leaves(tree)
        if name not in _NO_PART and not name.endswith(".path")  # paths depend on the machine
    }


def varied(overrides: Iterable[str], command: Sequence[str]) -> set[str]:
    """The groups and settings that vary in the sweep of a run.

    They are those with several values in its command, whose first part is the program; if there
    are none, all that the run overrides.

    >>> typed = ["train.py", "-m", "data=moons", "+data.tag=1", "network.depth=2,10"]
    >>> varied(["data=moons", "+data.tag=1", "network.depth=10"], typed)
    {'network.depth'}
    >>> sorted(varied(["data._target_=my.points", "+data.tag=1"], []))
    ['data', 'data.tag']
    """
    own = [override.key_or_group for override in _parsed(overrides)]
    return {name.removesuffix("._target_") for name in swept(command[1:]) or own}


def swept(arguments: Iterable[str]) -> list[str]:
    """The groups and settings with several values; arguments that are no overrides are ignored.

    >>> swept(["-m", "data=moons", "network.depth=2,10", "seed=range(3)"])
    ['network.depth', 'seed']
    """
    return [o.key_or_group for o in _parsed(arguments) if o.is_sweep_override()]


def leaves(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted names and the values of all settings, except those of keys that begin with _."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        elif not str(key).startswith("_"):
            yield f"{prefix}{key}", value


def _hidden_layers(
    depth: int, width: int, hidden_sizes: list[int] | None, **_: Any
) -> dict[str, Any]:
    if hidden_sizes is not None:
        alike = len(set(hidden_sizes)) == 1
        return {"depth": len(hidden_sizes), "width": hidden_sizes[0] if alike else None}
    return {
        "width": width if depth > 0 else None,
        "hidden_sizes": [width] * depth if depth <= _MAX_SIZES else None,
    }


def _parsed(arguments: Iterable[str]) -> list[Override]:
    """The overrides among some arguments."""
    parser = OverridesParser.create()
    found = []
    for argument in arguments:
        with suppress(HydraException):
            found += parser.parse_overrides([argument])
    return found


def _value(value: Any) -> str | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None  # a text among numbers would not sort
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return None if value is None else str(value)
