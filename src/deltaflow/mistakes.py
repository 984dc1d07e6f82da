"""What Hydra and OmegaConf have to say about a configuration, in our own three beats."""

import re
from collections.abc import Iterator

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)
from yaml import MarkedYAMLError

from deltaflow.options import config_directory
from deltaflow.signatures import argument_names, nearest, shown

_LAUNCHERS = (  # plugin, option, extra
    ("joblib", "joblib", "parallel"), ("submitit", "submitit_local", "slurm"), ("ray", "ray", "ray")
)  # fmt: skip
_HYDRAS_WORDS = {  # as Hydra begins its message: the whole of ours, with what it found
    r"Config group override must be": (
        "A config group must be given one of its options. Found null or a number. "
        "Use a name, such as `logger=none`; --help lists them."
    ),
    r"argument of type 'int' is not iterable": (
        "A config group must be given one of its options. Found a list of numbers. "
        "Use a name, such as `logger=none`; --help lists them."
    ),
    r"Multiple values for (?P<group>\S+?)\.": (
        "A group that has an option already takes another one without a plus. "
        "Found `+{group}=…`. Use `{group}=…`."
    ),
    r"You must specify '(?P<group>.*?)'": (
        "`{group}` must be given one of its options. Found ???. --help lists them."
    ),
    r"Could not append to config\. An item is already at '(?P<key>.*?)'": (
        "A plus adds a setting that is not there yet. Found `+{key}=…`, which is there. "
        "Use `{key}=…`."
    ),
    r"Could not delete from config\. '(?P<key>.*?)' does not exist": (
        "A tilde removes a setting that is there. Found `~{key}`, which is not. "
        "See all settings with --cfg job."
    ),
    r"Could not delete from config\. The value of '(?P<key>.*?)' is (?P<value>.*?) and not": (
        "A tilde removes a setting that has this value. Found `{key}={value}`. Use `~{key}`."
    ),
    r"Ambiguous value for argument '(?P<override>.*?)'\n": (
        "One run takes one value for each setting. Found `{override}`. "
        "Put -m first to run all of them, or [ ] around a list."
    ),
    r"Sweep parameters '(?P<override>.*?)' requires": (
        "One run takes one value for each setting. Found `{override}`. Put -m first to run all."
    ),
    r"(In '(?P<file>.*?)': )?Could not override '(?P<group>.*?)'": (
        "An option must belong to a config group that exists. Found `{group}`. "
        "--help lists the groups."
    ),
    r"Cannot find primary config '(?P<name>.*?)'": (
        "--config-name and --config-path must lead to a file with all of a run's settings. "
        "Found no `{name}.yaml`. Leave both out, and add files of your own with --config-dir."
    ),
    r"Primary config (module|directory) '?(?P<name>.*?)'? not found": (
        "--config-path must be an absolute path to a folder. Found {name}. "
        "Leave it out, and add files of your own with --config-dir."
    ),
    **{
        rf"Unknown plugin class : 'hydra_plugins\.hydra_{plugin}": (
            f"`hydra/launcher={launcher}` needs the package hydra-{plugin}-launcher. Found none. "
            f"Install it with `pip install 'deltaflow[{extra}]'`."
        )
        for plugin, launcher, extra in _LAUNCHERS
    },
    r"hydra\.searchpath must be a list of strings\. Got: (?P<value>.*)": (
        "`hydra.searchpath` must be a list. Found {value}. Use `hydra.searchpath=[file://…]`."
    ),
}
_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}


def explain_composition(error: BaseException) -> str | None:
    """The message for a command or file that Hydra could not make a configuration of.

    Args:
        error: whatever was raised.

    Returns:
        The message; ``None`` if it has nothing to do with a configuration.
    """
    text = str(error)
    if isinstance(error, MarkedYAMLError):
        place = error.problem_mark or error.context_mark
        spot = f"{place.name}, line {place.line + 1}, column {place.column + 1}" if place else "it"
        return f"A configuration file must be YAML. Found in {spot}: {error.problem}. Correct it."
    if isinstance(error, SearchPathException):
        found = re.search(r"'(.*?)'", text)
        return (
            f"--config-dir must be a folder. Found {found[1] if found else text}, which is none. "
            "Check the path: it starts where the command runs."
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        close = nearest(option, error.options)
        advice = f"Did you mean `{group}={close}`?" if close else "See --help."
        return f"`{group}` must be one of {', '.join(error.options)}. Found `{option}`. {advice}"
    if isinstance(error, MissingConfigException) and (where := re.match(r"In '(.*?)'", text)):
        return (
            f"A defaults list must name files that exist. Found `{error.missing_cfg_file}`. "
            f"Correct it in {where[1]}.yaml."
        )
    if isinstance(error, OverrideParseException):
        return (
            f"An override must read key=value. Found `{error.override}`. Put values with spaces or "
            "any of , = ~ ( ) into quotes, and letters beyond ASCII: 'key=\"a, b\"'."
        )
    if isinstance(error, ConfigCompositionException):
        cause = error.__cause__ or error.__context__
        if cause is not None and (said := _explain_value(cause)):
            where = re.match(r"In '(.*?)'", text)
            if where and "setting that exists" in said:
                return (
                    f"{said} It stands in {where[1]}.yaml, which must begin with `# @package "
                    "_global_` if it speaks of several groups."
                )
            return f"{said} It stands in {where[1]}.yaml." if where else said
    narrow = re.match(r"In '(?P<file>.*?)': Could not override '(?P<group>[^']*)@", text)
    if narrow and (config_directory() / narrow["group"]).is_dir():
        return (
            "A file that sets several groups must say that it speaks of all of them. Found "
            f"`{narrow['group']}` in {narrow['file']}.yaml, which does not. Begin that file with "
            "`# @package _global_`."
        )
    for pattern, message in _HYDRAS_WORDS.items():
        if found := re.match(pattern, text):
            return message.format(**found.groupdict())
    if isinstance(error, HydraException):
        return " ".join(text.split())
    return _explain_value(error)


def _explain_value(error: BaseException) -> str | None:
    """The message for a setting that is not there, or that cannot have its value."""
    if not isinstance(error, OmegaConfBaseException):
        return None
    reason = str(error).splitlines()[0].rstrip(".")
    key = error.full_key
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        name = str(key or error.key)
        advice = _meant(name, error.parent_node) or "See all settings with --cfg job."
        return f"An override must name a setting that exists. Found `{name}`. {advice}"
    if isinstance(error, MissingMandatoryValue):
        return f"`{key}` must have a value. Found ???. Leave `???` out, or give it one."
    if "nterpolation" in type(error).__name__ or "nterpolation" in reason:
        where = f" in `{key}`" if key else ""
        return (
            f"A reference must lead to a value. Found {_broken_reference(reason)}{where}. "
            "See names and values with --cfg job."
        )
    if isinstance(error, ValidationError):
        return _wrong_type(error, reason)
    if "does not support deletion" in reason:
        return f"`{key}` must have a value. Found `~{key}`. Leave that out."
    if "Cannot merge DictConfig with ListConfig" in reason:
        if error.object_type is list:
            return f"`{key}` must be a list. Found names with values. See --cfg job."
        what = f"`{key}`" if key else "A configuration file"
        return f"{what} must hold names with values. Found a list. See --cfg job."
    return f"`{key}` must have another value. Found: {reason}. See --cfg job." if key else reason


def _broken_reference(reason: str) -> str:
    if "Recursive interpolation" in reason:
        return "one that leads back to itself"
    if missing := re.search(r"Interpolation key '(.*?)'", reason):
        return f"`${{{missing[1]}}}`, which is not there"
    if resolver := re.search(r"Unsupported interpolation type (\S+)", reason):
        return f"`${{{resolver[1]}:…}}`, which no resolver knows"
    return f"one that fails: {reason[:200]}"


def _wrong_type(error: ValidationError, reason: str) -> str:
    key, found = error.full_key, shown(error.value)
    if "not Optional" in reason:
        return f"`{key}` must have a value. Found null. See --cfg job for the default."
    if merged := re.search(r"Merge error: (\w+) is not a subclass of \w+\. value: (.*)", reason):
        return f"A group must hold names with values. Found {merged[2]}. See --cfg job."
    kind = re.search(r"could not be converted to (\w+)", reason)
    wanted = _KINDS.get(kind[1], kind[1]) if kind else None
    if "is not a ListConfig" in reason:
        wanted = "a list, such as [64,32]"
    elif "to string" in reason:
        wanted = "a word"
    elif "valid bool" in reason:
        wanted = "true or false"
    if wanted is None:
        return f"`{key}` must have another type. Found: {reason}. See --cfg job."
    return f"`{key}` must be {wanted}. Found {found}. See --cfg job for its default."


def _meant(name: str, parent: object) -> str | None:
    """What to type instead of a setting that does not exist."""
    if not isinstance(parent, DictConfig):
        return None
    group, _, key = name.rpartition(".")
    prefix = f"{group}." if group else ""
    siblings = [str(sibling) for sibling in parent if not str(sibling).startswith("_")]
    elsewhere = {dotted.rpartition(".")[2]: dotted for dotted in _leaves(parent._get_root())}
    if key in elsewhere:
        return f"Did you mean `{elsewhere[key]}`?"
    taken = [name for name in _taken(parent) if name not in siblings]
    if close := nearest(key, [*siblings, *taken]):
        plus = "+" if close in taken else ""
        return f"Did you mean `{plus}{prefix}{close}`?"
    if not group and (close := nearest(key, elsewhere)):
        return f"Did you mean `{elsewhere[close]}`?"
    if group and siblings:
        return f"`{group}` has {', '.join(siblings)}."
    return None


def _taken(parent: DictConfig) -> list[str]:
    """The arguments of what a group names as its ``_target_``, whether set there or not."""
    try:
        return argument_names(get_object(parent["_target_"])) or []
    except Exception:
        return []


def _leaves(node: object, prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings but Hydra's."""
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return
    for name in map(str, node):
        child = node._get_node(name)
        if f"{prefix}{name}" == "hydra" or name.startswith("_"):
            continue
        if OmegaConf.is_dict(child):
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
