"""What Hydra and OmegaConf say about a configuration, as one message.

Most of their messages are clear, and stand in ours as what was found. Only where they do not say
what to do, or name no setting, ours says more.
"""

import re
import traceback
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import hydra
import omegaconf
import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    ValidationError,
)

from deltaflow.config.arguments import argument_names, as_typed, closest_name, truncated, type_words
from deltaflow.config.schema import RunConfig

_COMPOSING = {Path(str(library.__file__)).parent for library in (hydra, omegaconf, yaml)}
_LEVELS = 100  # of calls, in which a library that calls itself without end shows up
_COMPOSABLE = "A command, and the files it names, must be such that Hydra can compose them."
_EXTRAS = {"joblib": "parallel", "submitit": "slurm", "ray": "ray"}  # by plugin
_CLEARER = {  # how Hydra's message begins: the whole of ours
    r"Config group override must be|argument of type 'int' is not iterable": (
        "A config group must be given one of its options. Found null, a number or a list of "
        "numbers. Use a name, such as `logger=none`; --help lists them."
    ),
    r"Multiple values for (?P<group>\S+?)\.": (
        "A group that has an option already takes another one without a plus. "
        "Found `+{group}=…`. Use `{group}=…`."
    ),
    r"In '(?P<file>.*?)': Could not override '(?P<group>\w+)@": (
        "An option must belong to a config group, and a file that sets several groups must say "
        "that it speaks of all of them. Found `{group}` in {file}.yaml. Correct the name, or begin "
        "the file with `# @package _global_`."
    ),
    r"BasicSweeper does not support sweep type : INTERVAL_SWEEP": (
        "A sweep over combinations must be given the values of each setting. Found "
        "`interval(…)`, which has none. List them, or use `range(start,stop,step)`; "
        "`hydra/sweeper=optuna` searches intervals."
    ),
}


def explain_composition(error: BaseException) -> str | None:
    """The message for what Hydra could not compose; ``None`` if that is not the trouble."""
    if not _is_about_composition(error):
        return None
    text = str(error)
    if isinstance(error, RecursionError):
        return (
            "A configuration must end, and be nested less deeply than Python can follow. Found one "
            "that is not. Look for a file whose defaults list leads back to it, an anchor (&) that "
            "contains itself (*), or brackets within brackets."
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        close = closest_name(option, error.options)
        advice = f"Did you mean `{group}={close}`?" if close else "See --help."
        found = truncated(option)
        return f"`{group}` must be one of {', '.join(error.options)}. Found `{found}`. {advice}"
    if isinstance(error, OverrideParseException):
        return (
            f"An override must read key=value. Found `{truncated(error.override)}`. Put values "
            "with spaces or any of , = ~ ( ) into quotes, and letters beyond ASCII: 'key=\"a, b\"'."
        )
    cause = error.__cause__ or error.__context__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        where = re.match(r"In '(.*?)'", text)
        if where is None:
            return _explain_value(cause)
        return (
            f"{_explain_value(cause)} It stands in {where[1]}.yaml, which must begin with "
            "`# @package _global_` if it speaks of several groups."
        )
    if launcher := re.match(r"Unknown plugin class : 'hydra_plugins\.hydra_([a-z]+)", text):
        return (
            f"`hydra/launcher` needs the package hydra-{launcher[1]}-launcher. Found none. Install "
            f"it with `pip install 'deltaflow[{_EXTRAS.get(launcher[1], launcher[1])}]'`."
        )
    for pattern, message in _CLEARER.items():
        if match := re.match(pattern, text):
            return message.format(**match.groupdict())
    if isinstance(error, OmegaConfBaseException):
        return _explain_value(error)
    said = " ".join(text.partition("\n\n")[0].split())  # what follows lists where Hydra looked
    return f"{_COMPOSABLE} Found: {said[:400].rstrip('.')}. See --help, --hydra-help and --cfg job."


def _explain_value(error: OmegaConfBaseException) -> str:
    """The message for a setting that is not there, or that cannot have its value."""
    reason, key = str(error).splitlines()[0].rstrip("."), error.full_key
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        name = str(key or error.key)
        advice = _meant(name, error.parent_node) or "See all settings with --cfg job."
        return f"An override must name a setting that exists. Found `{name}`. {advice}"
    if isinstance(error, InterpolationResolutionError):
        where = f" in `{key}`" if key else ""
        return (
            f"A reference must lead to a value. Found{where}: {reason[:300]}. See names and values "
            "with --cfg job."
        )
    wanted = _wanted(key) if key else None
    if wanted and isinstance(error, ValidationError):
        found = as_typed(error.value)
        return f"`{key}` must be {wanted}. Found {found}. See --cfg job for the default."
    what = f"`{key}` must be {wanted or 'another value'}." if key else _COMPOSABLE
    return f"{what} Found: {truncated(reason)}. See --cfg job."


def _wanted(key: str) -> str | None:
    """What the schema says of a setting's type, in words; ``None`` for what it does not know."""
    hint: Any = RunConfig
    for name in re.findall(r"[^.\[\]]+", key):
        if is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(name)
        else:  # of a list, which may be null
            items = [typing.get_args(kind) for kind in (hint, *typing.get_args(hint))]
            hint = next((item[0] for item in items if len(item) == 1), None)
    return type_words(hint)


def _meant(name: str, parent: object) -> str | None:
    """What to type instead of a setting that does not exist."""
    if not isinstance(parent, DictConfig):
        return None
    group, _, key = name.rpartition(".")
    prefix = f"{group}." if group else ""
    siblings = [str(sibling) for sibling in parent if not str(sibling).startswith("_")]
    # There is no public way from a node to the configuration that it is in.
    whole = OmegaConf.to_container(parent._get_root())
    elsewhere = {dotted.rpartition(".")[2]: dotted for dotted in _leaves(whole)}
    if key in elsewhere:
        return f"Did you mean `{elsewhere[key]}`?"
    taken = [name for name in _taken(parent) if name not in siblings]
    if close := closest_name(key, [*siblings, *taken]):
        return f"Did you mean `{'+' if close in taken else ''}{prefix}{close}`?"
    if not group and (close := closest_name(key, elsewhere)):
        return f"Did you mean `{elsewhere[close]}`?"
    return f"`{group}` has {', '.join(siblings)}." if group and siblings else None


def _taken(parent: DictConfig) -> list[str]:
    """The arguments of what a group names as its ``_target_``, whether set there or not."""
    try:
        return argument_names(get_object(parent["_target_"])) or []
    except Exception:
        return []


def _leaves(tree: Any, prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings but Hydra's."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and f"{prefix}{name}" != "hydra":
            yield from _leaves(value, f"{prefix}{name}.")
        elif not str(name).startswith("_"):
            yield f"{prefix}{name}"


def _is_about_composition(error: BaseException) -> bool:
    """Whether Hydra, OmegaConf or YAML has raised an error, of whatever type."""
    if isinstance(error, HydraException | OmegaConfBaseException | yaml.YAMLError):
        return True
    if isinstance(error, OSError | MemoryError | UnicodeError):  # which say what it was about
        return False
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    n_deepest = _LEVELS if isinstance(error, RecursionError) else 1  # `re` may be what is deepest
    return any(_COMPOSING & set(file.parents) for file in files[-n_deepest:])
