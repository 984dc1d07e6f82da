"""Checks arguments against the signature of a class or function.

Config groups with a ``_target_`` have no schema, but the target has a signature. A misspelt
argument, or a word where a number belongs, is refused before the target is called.

>>> def source(n_samples: int, noise: float = 0.1) -> None: ...
>>> check_arguments(source, {"n_samples": 10, "noise": 0}, "data")
>>> check_arguments(source, {"n_samples": "ten"}, "data")
Traceback (most recent call last):
deltaflow.system.errors.UserError: `data.n_samples` must be a whole number. Found ten. ...
"""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from deltaflow.system.errors import UserError

_MAX_SHOWN = 200  # characters of a value in a message
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    types.NoneType: "null",
}


def check_arguments(
    target: Callable[..., Any], arguments: Mapping[str, Any], where: str, n_later: int = 0
) -> None:
    """Refuse arguments with a name or a type that a target does not accept.

    The value of an argument is not checked if its annotation is missing or is no type of YAML.

    Args:
        target: a class or function.
        arguments: its keyword arguments, with values as from YAML.
        where: the name of their config group on the command line.
        n_later: number of leading arguments that the target is given later.

    Raises:
        ValueError: for the first argument that does not fit.
    """
    names = argument_names(target)
    taken = None if names is None else names[n_later:]
    try:
        function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that cannot be resolved are not used
        hints = {}
    for name, value in arguments.items():
        if taken is not None and name not in taken:
            close = closest_name(name, taken)
            advice = f"Did you mean `{where}.{close}`?" if close else f"Leave `{where}.{name}` out."
            raise UserError(
                f"`{where}` must get arguments that `{target.__name__}` takes: "
                f"{', '.join(taken) or 'none'}. Found `{where}.{name}`. {advice}"
            )
        hint = hints.get(name, Any)
        wanted = (
            type_words(hint) if not any(_has_type(value, kind) for kind in _kinds(hint)) else None
        )
        if isinstance(value, float) and math.isnan(value):
            wanted = "a value that means something"
        if wanted:
            raise UserError(
                f"`{where}.{name}` must be {wanted}. Found {as_typed(value)}. "
                "See --cfg job for the default."
            )


def argument_names(target: Callable[..., Any]) -> list[str] | None:
    """The names of a target's keyword arguments; ``None`` if it takes any, or has no signature."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):  # as for some functions that are written in C
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    return [parameter.name for parameter in parameters if parameter.kind not in unnamed]


def type_words(hint: Any) -> str | None:
    """The types that an annotation allows, in words; ``None`` if one of them is no type of YAML.

    >>> type_words(int | None), type_words(Sequence[int]), type_words(dict)
    ('a whole number or null', 'a list', None)
    """
    return " or ".join(_WORDS.get(kind, "a list") for kind in _kinds(hint)) or None


def closest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that is similar to a name, or is its abbreviation; ``None`` if there is none.

    >>> closest_name("weigth_decay", ["lr", "weight_decay"]), closest_name("learning_rate", ["lr"])
    ('weight_decay', 'lr')
    """
    names = list(known)
    initials = "".join(word[:1] for word in name.split("_"))
    parts = [other for other in names if min(len(name), len(other)) > 2
             and (name in other or other in name)]  # fmt: skip
    alike = get_close_matches(name, names, n=1, cutoff=0.65)
    spelt_out = [initials] if "_" in name and initials in names else []
    return next(iter([*alike, *spelt_out, *parts]), None)


def as_typed(value: Any) -> str:
    """A value as on the command line, quoted if it would be read as another type, and truncated.

    >>> as_typed(None), as_typed(True), as_typed("ten"), as_typed("0.1"), as_typed("")
    ('null', 'true', 'ten', "'0.1'", "''")
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    quoted = isinstance(value, str) and not value.strip(" .:+-0123456789eE_")
    return truncated(repr(value) if quoted else str(value))


def truncated(text: str) -> str:
    """The first 200 characters of a text."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _kinds(hint: Any) -> list[type]:
    """The types that a hint allows; empty if one of them is no type of YAML."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = typing.get_args(hint) if is_union else (hint,)
    kinds = [typing.get_origin(option) or option for option in options]
    plain = [k for k in kinds if isinstance(k, type) and (k in _WORDS or issubclass(k, Sequence))]
    return plain if len(plain) == len(kinds) else []


def _has_type(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if kind is float:
        return isinstance(value, int | float)
    if kind in _WORDS:
        return isinstance(value, kind)
    return isinstance(value, list | tuple)  # not any sequence, because a word is one
