"""The type of a verdict: its kind, its numbers, and advice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Numbers = Mapping[str, Any]
"""JSON values by quantity; quantities that are not known are left out."""


@dataclass(frozen=True)
class Advice:
    """Changes of the configuration that are predicted to help.

    Attributes:
        overrides: overrides to add to the command line; empty if there are none.
        predicted: predicted numbers with these overrides, by quantity.
        basis: numbers that explain the choice, by quantity.
        leave_out: overrides of the run to leave out.
        alternatives: other overrides that help as well.
    """

    overrides: tuple[str, ...] = ()
    predicted: Mapping[str, float] = field(default_factory=dict)
    basis: Numbers = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A finding, or the verdict on a run without one.

    Attributes:
        kind: name of the kind, such as ``vanishing``.
        when: ``start``, ``training`` or ``end``: the time that it is about.
        numbers: the numbers that it is based on, by quantity.
        layers: numbers of the layers that it is about, from 1.
        advice: what to try; ``None`` if there is no advice.
    """

    kind: str
    when: str = "training"
    numbers: Numbers = field(default_factory=dict)
    layers: tuple[int, ...] = ()
    advice: Advice | None = None


Sentence = str | Callable[[Verdict], str]
"""The words of a kind of verdict: a template for its numbers, or a function of the verdict."""
