"""A verdict: what kind of finding, the numbers it rests on, and what to try."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Numbers = Mapping[str, Any]
"""Values of JSON by quantity; those that are unknown are left out."""


@dataclass(frozen=True)
class Advice:
    """Changes of the configuration that are predicted to help.

    Attributes:
        overrides: to add to the command line; empty where none can be named.
        predicted: what they are predicted to lead to, by quantity.
        basis: numbers that explain the choice, by quantity.
        leave_out: overrides of the run that must not be given any more.
        alternatives: other overrides that help as well.
    """

    overrides: tuple[str, ...] = ()
    predicted: Mapping[str, float] = field(default_factory=dict)
    basis: Numbers = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One finding, or what is said of a run without one.

    Attributes:
        kind: its name.
        when: ``start``, ``end`` or ``training``: what it was seen at.
        numbers: what it rests on, by quantity.
        layers: the layers concerned, from 1.
        advice: what to try.
    """

    kind: str
    when: str = "training"
    numbers: Numbers = field(default_factory=dict)
    layers: tuple[int, ...] = ()
    advice: Advice | None = None


Sentence = str | Callable[[Verdict], str]
"""What a kind of verdict says: a template that its numbers fill, or what makes it of a verdict."""
