"""Do values fit what a class or function asks for?

Groups with a ``_target_`` have no schema, but what they name has a signature. Its
annotations are enough to refuse a word where a number belongs, before Python does so in
the middle of somebody else's code.

>>> def source(n_samples: int, noise: float = 0.1) -> None: ...
>>> check_arguments(source, {"n_samples": 10, "noise": 0}, "data")
>>> check_arguments(source, {"n_samples": "ten"}, "data")
Traceback (most recent call last):
ValueError: `data.n_samples` must be a whole number. Found ten. See --cfg job for the default.
"""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    types.NoneType: "null",
}


def check_arguments(target: Callable[..., Any], arguments: Mapping[str, Any], where: str) -> None:
    """Refuse values of another kind than the target's annotations name.

    Args:
        target: a class or function.
        arguments: its keyword arguments, in the types that YAML has.
        where: how to name them, as on the command line.

    Raises:
        ValueError: for the first that does not fit. What has no annotation, or one that
            YAML has no values of, is left to the target.
    """
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that cannot be resolved say nothing
        return
    for name, value in arguments.items():
        kinds = _kinds(hints.get(name, Any))
        if kinds and not any(_is(value, kind) for kind in kinds):
            wanted = " or ".join(_WORDS.get(kind, "a list") for kind in kinds)
            found = "null" if value is None else value
            raise ValueError(
                f"`{where}.{name}` must be {wanted}. Found {found}. See --cfg job for the default."
            )


def _kinds(hint: Any) -> list[type]:
    """The kinds of value that a hint allows; none if it cannot be told."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    origins = [typing.get_origin(option) or option for option in options]
    kinds = [origin for origin in origins if isinstance(origin, type)]
    plain = any(kind in _WORDS or issubclass(kind, Sequence) for kind in kinds)
    return kinds if plain and len(kinds) == len(options) else []


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)
