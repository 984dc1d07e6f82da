"""The hyperparameters of a run: what one may vary to get another result.

They are not listed anywhere. They are the option chosen in each config group and the values
that the configuration gives to the parts of a run, whatever these are, by their names on the
command line. What only watches a run or says where it is computed is none.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.neutral_settings import NEUTRAL

Hyperparameters = dict[str, str | float | None]
"""Values by name: finite numbers, which sort, texts, or ``None`` for what is not in use."""

_NO_PART = {*NEUTRAL, "callbacks", "diagnostics", "local"}
_TOLD_LAYERS = 1000  # more of them are told by depth and width alone
_NO_CHOICE = _NO_PART | {"trainer", "debug"}  # their values say it all


def hyperparameters(config: DictConfig, choices: Mapping[str, str | None]) -> Hyperparameters:
    """The hyperparameters of one run, options before values, as ``activation``, ``network.depth``.

    Hidden layers are given by their sizes and by depth and width. A group without an option is
    «none», and a list is as on the command line.

    Raises:
        omegaconf.errors.OmegaConfBaseException: if a reference leads nowhere.
    """
    options: Hyperparameters = {
        group: choices[group] or "none"
        for group in [*map(str, config), *choices]  # in the order of the configuration
        if group in choices and "/" not in group and group not in _NO_CHOICE
    }
    parts = OmegaConf.masked_copy(config, [str(key) for key in config if key not in _NO_PART])
    tree = cast(dict[str, Any], OmegaConf.to_container(parts, resolve=True))
    tree["network"] |= _hidden_layers(**tree["network"])
    return options | {name: value for name, value in _leaves(tree) if name not in _NO_PART}


def varied(overrides: Iterable[str], command: Sequence[str]) -> set[str]:
    """The groups and settings that set a run apart.

    They are those that its command, the program first, gives several values; if there are none,
    those that the run overrides.

    >>> typed = ["train.py", "-m", "data=moons", "+data.tag=1", "network.depth=2,10"]
    >>> varied(["data=moons", "+data.tag=1", "network.depth=10"], typed)
    {'network.depth'}
    >>> sorted(varied(["data._target_=my.points", "+data.tag=1"], []))
    ['data', 'data.tag']
    """
    own = [override.key_or_group for override in _parsed(overrides)]
    return {name.removesuffix("._target_") for name in swept(command[1:]) or own}


def swept(arguments: Iterable[str]) -> list[str]:
    """The groups and settings that are given several values, in arguments of any kind.

    >>> swept(["-m", "data=moons", "network.depth=2,10", "seed=range(3)"])
    ['network.depth', 'seed']
    """
    return [o.key_or_group for o in _parsed(arguments) if o.is_sweep_override()]


def _hidden_layers(
    depth: int, width: int, hidden_sizes: list[int] | None, **_: Any
) -> dict[str, Any]:
    if hidden_sizes is not None:
        alike = len(set(hidden_sizes)) == 1
        return {"depth": len(hidden_sizes), "width": hidden_sizes[0] if alike else None}
    return {
        "width": width if depth > 0 else None,
        "hidden_sizes": [width] * depth if depth <= _TOLD_LAYERS else None,
    }


def _parsed(arguments: Iterable[str]) -> list[Override]:
    """Those of the arguments that are overrides."""
    parser = OverridesParser.create()
    found = []
    for argument in arguments:
        with suppress(HydraException):
            found += parser.parse_overrides([argument])
    return found


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str | float | None]]:
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if str(key).startswith("_") or key == "path":
            continue  # what makes a part, and where a machine keeps its data
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, _value(value)


def _value(value: Any) -> str | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None  # a text among numbers would not sort
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return None if value is None else str(value)
