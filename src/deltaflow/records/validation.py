"""What a record may hold, said by small checks that are put together to one for each record.

A check takes a value and its name within the record, and gives the value as it should be: lists
and objects that are null or missing are empty, texts can be encoded, keys that nobody knows are
left out. So whoever reads a record relies on all of its fields, whoever wrote it.

>>> fields(seed=count, final=mapping(maybe(number)))({"seed": 3, "mood": "good"}, "replica")
{'seed': 3, 'final': {}}
>>> listing(text)(["a", 5], "overrides")
Traceback (most recent call last):
deltaflow.records.validation.WrongFieldError: `overrides[1]` must be a text. Found 5.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from deltaflow.system.errors import UserError
from deltaflow.system.quotation import brief, encodable

Check = Callable[[Any, str], Any]
"""Takes a value and its name; raises WrongFieldError."""

MOST_ENTRIES = 10_000  # of an object, or of a list unless it says otherwise
_LONGEST = 100_000  # characters of a text
_GREATEST = 2**63  # what is no whole number of a table any more


class WrongFieldError(UserError):
    """A field of a record is not what it must be.

    Args:
        name: of the field within the record.
        expected: what it must be.
        found: its value.
    """

    def __init__(self, name: str, expected: str, found: Any) -> None:
        super().__init__(f"`{brief(name)}` must be {expected}. Found {_shown(found)}.")


def text(value: Any, name: str) -> str:
    """Take a text, with what cannot be encoded replaced."""
    if not isinstance(value, str):
        raise WrongFieldError(name, "a text", value)
    if len(value) > _LONGEST:
        raise WrongFieldError(name, f"a text of at most {_LONGEST:,} characters", value)
    return encodable(value)


def number(value: Any, name: str) -> float:
    """Take a finite number; a whole one stays one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:
        raise WrongFieldError(name, "a finite number", value)
    return value  # type: ignore[no-any-return]


def count(value: Any, name: str) -> int:
    """Take a whole number, at least 0, that a table can hold."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _GREATEST:
        raise WrongFieldError(name, "a whole number, at least 0 and below 2⁶³", value)
    return value


def primitive(value: Any, name: str) -> str | float | bool:
    """Take a text, a finite number, true or false."""
    if isinstance(value, bool):
        return value
    return text(value, name) if isinstance(value, str) else number(value, name)


def one_of(*values: str) -> Check:
    """A check for one of some texts."""

    def check(value: Any, name: str) -> Any:
        if not isinstance(value, str) or value not in values:
            raise WrongFieldError(name, f"one of {', '.join(values)}", value)
        return value

    return check


def maybe(inner: Check) -> Check:
    """A check for what may be null."""

    def check(value: Any, name: str) -> Any:
        return None if value is None else inner(value, name)

    return check


def listing(inner: Check, most: int = MOST_ENTRIES) -> Check:
    """A check for a list.

    Args:
        inner: of each of its elements.
        most: elements that it may have.
    """

    def check(value: Any, name: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise WrongFieldError(name, "a list", value)
        if len(value) > most:
            raise WrongFieldError(name, f"a list of at most {most:,}", f"{len(value):,}")
        return [inner(element, f"{name}[{place}]") for place, element in enumerate(value)]

    return check


def mapping(inner: Check) -> Check:
    """A check for an object with any keys."""

    def check(value: Any, name: str) -> dict[str, Any]:
        found = _object(value, name)
        if len(found) > MOST_ENTRIES:
            raise WrongFieldError(name, f"of at most {MOST_ENTRIES:,} entries", f"{len(found):,}")
        return {
            text(key, f"key of {name}"): inner(element, f"{name}.{key}")
            for key, element in found.items()
        }

    return check


def fields(**checks: Check) -> Check:
    """A check for an object with certain keys; any of them may be missing that may be null.

    Args:
        checks: of each of its fields.
    """

    def check(value: Any, name: str) -> dict[str, Any]:
        found, prefix = _object(value, name), f"{name}." if name else ""
        return {key: inner(found.get(key), f"{prefix}{key}") for key, inner in checks.items()}

    return check


def _object(value: Any, name: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongFieldError(name or "record", "an object", value)
    return value


def _shown(value: Any) -> str:
    """A value in a few words, however large it is."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        return f"`{brief(value)}`"
    if isinstance(value, int | float):
        return str(value) if abs(value) < 1e20 or value != value else "one beyond 10²⁰"
    kinds = {"list": "a list", "dict": "an object"}
    return kinds.get(type(value).__name__, type(value).__name__)
