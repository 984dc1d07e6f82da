"""What OmegaConf has to say about a setting that is not there, or cannot have its value."""

import re
from collections.abc import Iterator

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from deltaflow.config.arguments import argument_names, as_typed, closest_name

_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}


def explain_value(error: BaseException) -> str | None:
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
    what = f"`{key}` must have another value." if key else "A setting must have a name and a value."
    return f"{what} Found: {reason}. See --cfg job."


def _broken_reference(reason: str) -> str:
    if "Recursive interpolation" in reason:
        return "one that leads back to itself"
    if missing := re.search(r"Interpolation key '(.*?)'", reason):
        return f"`${{{missing[1]}}}`, which is not there"
    if resolver := re.search(r"Unsupported interpolation type (\S+)", reason):
        return f"`${{{resolver[1]}:…}}`, which no resolver knows"
    return f"one that fails: {reason[:200]}"


def _wrong_type(error: ValidationError, reason: str) -> str:
    key, found = error.full_key, as_typed(error.value)
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
    if close := closest_name(key, [*siblings, *taken]):
        plus = "+" if close in taken else ""
        return f"Did you mean `{plus}{prefix}{close}`?"
    if not group and (close := closest_name(key, elsewhere)):
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
