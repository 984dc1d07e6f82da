"""Turns the errors of Hydra and OmegaConf into one message each.

Most of their messages are clear, and ours quote them. Ours add the name of the setting and the
advice if theirs lack them.
"""

import re
import traceback
import typing
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, cast

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
from deltaflow.config.hyperparameters import leaves
from deltaflow.config.schema import RunConfig

_COMPOSING = {Path(str(library.__file__)).parent for library in (hydra, omegaconf, yaml)}
_LEVELS = 100  # calls at the end of an endless recursion, some of them in the library at fault
_COMPOSABLE = "A command, and the files it names, must be such that Hydra can compose them."
_EXTRAS = {"joblib": "parallel", "submitit": "slurm", "ray": "ray"}  # our extra by Hydra's plugin
_CLEARER = {  # our message by the beginning of Hydra's
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
    """The message for an error of composition; ``None`` for any other error."""
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
    said = " ".join(text.partition("\n\n")[0].split())  # a list of search paths follows
    return f"{_COMPOSABLE} Found: {said[:400].rstrip('.')}. See --help, --hydra-help and --cfg job."


def _explain_value(error: OmegaConfBaseException) -> str:
    """The message for a setting that does not exist, or that cannot have its value."""
    reason, key = str(error).splitlines()[0].rstrip("."), error.full_key
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        name = str(key or error.key)
        advice = _suggestion(name, error.parent_node) or "See all settings with --cfg job."
        return f"An override must name a setting that exists. Found `{name}`. {advice}"
    if isinstance(error, InterpolationResolutionError):
        where = f" in `{key}`" if key else ""
        return (
            f"A reference must lead to a value. Found{where}: {reason[:300]}. See names and values "
            "with --cfg job."
        )
    wanted = _type_in_words(key) if key else None
    if wanted and isinstance(error, ValidationError):
        found = as_typed(error.value)
        return f"`{key}` must be {wanted}. Found {found}. See --cfg job for the default."
    what = f"`{key}` must be {wanted or 'another value'}." if key else _COMPOSABLE
    return f"{what} Found: {truncated(reason)}. See --cfg job."


def _type_in_words(key: str) -> str | None:
    """The type of a setting in the schema, in words; ``None`` if the schema does not have it."""
    hint: Any = RunConfig
    for name in re.findall(r"[^.\[\]]+", key):
        if is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(name)
        else:  # the items of a list, which may be null
            items = [typing.get_args(kind) for kind in (hint, *typing.get_args(hint))]
            hint = next((item[0] for item in items if len(item) == 1), None)
    return type_words(hint)


def _suggestion(name: str, parent: object) -> str | None:
    """Advice on a setting that does not exist; ``None`` if no existing one is similar."""
    if not isinstance(parent, DictConfig):
        return None
    group, _, key = name.rpartition(".")
    prefix = f"{group}." if group else ""
    siblings = [str(sibling) for sibling in parent if not str(sibling).startswith("_")]
    # There is no public way from a node to the configuration that it is in.
    whole = cast(dict[Any, Any], OmegaConf.to_container(parent._get_root()))
    own = {name: value for name, value in whole.items() if name != "hydra"}
    elsewhere = {dotted.rpartition(".")[2]: dotted for dotted, _ in leaves(own)}
    if key in elsewhere:
        return f"Did you mean `{elsewhere[key]}`?"
    taken = [name for name in _target_arguments(parent) if name not in siblings]
    if close := closest_name(key, [*siblings, *taken]):
        return f"Did you mean `{'+' if close in taken else ''}{prefix}{close}`?"
    if not group and (close := closest_name(key, elsewhere)):
        return f"Did you mean `{elsewhere[close]}`?"
    return f"`{group}` has {', '.join(siblings)}." if group and siblings else None


def _target_arguments(parent: DictConfig) -> list[str]:
    """The names of the arguments of a group's ``_target_``."""
    try:
        return argument_names(get_object(parent["_target_"])) or []
    except Exception:
        return []


def _is_about_composition(error: BaseException) -> bool:
    """Whether an error of any type was raised by Hydra, OmegaConf or PyYAML."""
    if isinstance(error, HydraException | OmegaConfBaseException | yaml.YAMLError):
        return True
    if isinstance(error, OSError | MemoryError | UnicodeError):  # these name their cause
        return False
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    n_deepest = _LEVELS if isinstance(error, RecursionError) else 1
    return any(_COMPOSING & set(file.parents) for file in files[-n_deepest:])
