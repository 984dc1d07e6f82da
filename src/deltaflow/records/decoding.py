"""Decodes JSON, which is not trusted, into dataclasses, and checks every field once.

The type of a field says what it may hold. A list or an object that is null or missing becomes
empty. In a text, control characters and characters that cannot be encoded are replaced. Unknown
keys are ignored.

>>> from deltaflow.records.fields import Interval
>>> decode(Interval, {"mean": 0.5, "n": 3, "mood": "good"})
Interval(mean=0.5, low=None, high=None, n=3, alike=False)
>>> decode(Interval, {"mean": "high", "n": 3})
Traceback (most recent call last):
deltaflow.records.decoding.WrongFieldError: `mean` must be a finite number. Found `high`.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, encodable

LONGEST_TEXT = 100_000  # characters
_MAX_ENTRIES = 10_000  # of a list or an object, unless its type says otherwise
_GREATEST = 2**63  # the smallest whole number that a table cannot hold

_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]")  # except tabs and line feeds

_Record = TypeVar("_Record")
_Check = Callable[[Any, str], Any]  # takes a value and its name, and returns the decoded value


class WrongFieldError(UserError):
    """A field of a record has a wrong value.

    Args:
        name: path of the field within the record, such as ``confusion.counts``.
        expected: what the value must be, in words.
        found: the value.
    """

    def __init__(self, name: str, expected: str, found: Any) -> None:
        super().__init__(f"`{brief(name)}` must be {expected}. Found {_shown(found)}.")


def decode(kind: type[_Record], value: Any, name: str = "") -> _Record:
    """Decode a JSON value into a dataclass.

    Args:
        kind: a dataclass whose fields are texts, numbers, lists, objects or other such
            dataclasses. An ``int`` is a whole number from 0 to 2⁶³ - 1, a ``float`` any finite
            number. A number in the annotation of a list is its maximal length.
        value: the result of ``json.loads``.
        name: path of the record within another record, for messages.

    Raises:
        WrongFieldError: for the first field with a wrong value.
    """
    check: _Check = _check(kind)  # type: ignore[arg-type]  # a type is hashable
    record: _Record = check(value, name)
    return record


@cache
def _check(kind: Any, most: int = _MAX_ENTRIES) -> _Check:
    """The function that checks and decodes values of a type."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = [note for note in inner[1:] if isinstance(note, int)]
        return _check(inner[0], *limits)
    if origin in (Union, UnionType):
        return _one_kind_of(*inner)
    if origin is Literal:
        return _one_of(inner)
    if origin is Sequence:
        return _list(_check(inner[0]), most)
    if origin is Mapping:
        return _object(_check(inner[1]), most)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _one_of_enum(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return _fields(kind, {name: _check(hint) for name, hint in hints.items()})
    return {str: _text, int: _count, float: _number, bool: _truth}[kind]


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise WrongFieldError(name, "a text", value)
    if len(value) > LONGEST_TEXT:
        raise WrongFieldError(name, f"a text of at most {LONGEST_TEXT:,} characters", value)
    return encodable(_CONTROL.sub("�", value))


def _number(value: Any, name: str) -> float:
    """A finite number; an ``int`` stays an ``int``."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:
        raise WrongFieldError(name, "a finite number", value)
    return value  # type: ignore[no-any-return]


def _count(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _GREATEST:
        raise WrongFieldError(name, "a whole number, at least 0 and below 2⁶³", value)
    return value


def _truth(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise WrongFieldError(name, "true or false", value)
    return value


def _one_of(values: Sequence[str]) -> _Check:
    def check(value: Any, name: str) -> Any:
        if not isinstance(value, str) or value not in values:
            raise WrongFieldError(name, f"one of {', '.join(values)}", value)
        return value

    return check


def _one_of_enum(kind: type[StrEnum]) -> _Check:
    check = _one_of([member.value for member in kind])
    return lambda value, name: kind(check(value, name))


def _one_kind_of(*kinds: Any) -> _Check:
    """The check of a union; a value that fits no type is checked, and refused, as the last."""

    def check(value: Any, name: str) -> Any:
        if value is None and NoneType in kinds:
            return None
        exact = [kind for kind in kinds if kind is type(value)]
        return _check(*(exact or [k for k in kinds if k is not NoneType][-1:]))(value, name)

    return check


def _list(inner: _Check, most: int) -> _Check:
    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list | NoneType):
            raise WrongFieldError(name, "a list", value)
        if value is not None and len(value) > most:
            raise WrongFieldError(name, f"a list of at most {most:,}", f"{len(value):,}")
        return [inner(element, f"{name}[{place}]") for place, element in enumerate(value or ())]

    return check


def _object(inner: _Check, most: int) -> _Check:
    def check(value: Any, name: str) -> dict[str, Any]:
        found = _mapping(value, name)
        if len(found) > most:
            raise WrongFieldError(name, f"of at most {most:,} entries", f"{len(found):,}")
        return {
            _text(key, f"key of {name}"): inner(element, f"{name}.{key}")
            for key, element in found.items()
        }

    return check


def _fields(kind: Any, checks: Mapping[str, _Check]) -> _Check:
    defaults = {field.name for field in fields(kind) if field.default is not MISSING}

    def check(value: Any, name: str) -> Any:
        found, prefix = _mapping(value, name), f"{name}." if name else ""
        return kind(
            **{
                key: each(found.get(key), f"{prefix}{key}")
                for key, each in checks.items()
                if key in found or key not in defaults
            }
        )

    return check


def _mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, dict | NoneType):
        raise WrongFieldError(name or "record", "an object", value)
    return value or {}


def _shown(value: Any) -> str:
    """A value, shortened for a message."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        return f"`{brief(value)}`"
    if isinstance(value, int | float):
        return str(value) if abs(value) < 1e20 or value != value else "one beyond 10²⁰"
    kinds = {"list": "a list", "dict": "an object"}
    return kinds.get(type(value).__name__, type(value).__name__)
