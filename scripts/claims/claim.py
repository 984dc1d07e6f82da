"""What a claim is: a sentence, what is measured for it, and the rule that decides.

All of it but the functions that measure is in ``claims.yaml``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

from claims import measures
from claims.runs import Numbers, Runs


class Answer(StrEnum):
    """Whether a number lies where the claim says."""

    SHOWN = "shown"
    REFUTED = "refuted"
    NOT_SHOWN = "not shown"


class Role(StrEnum):
    """What a measure is to its claim.

    A premise says where the claim has something to say: a condition counts only if the premise is
    shown under the same condition. What stands beside it is measured, and not judged.
    """

    CLAIMED = "claimed"
    PREMISE = "premise"
    BESIDE = "beside"


@dataclass(frozen=True)
class Measure:
    """A number that is taken under several conditions, and where it must lie.

    Attributes:
        values: from runs to the number of each seed, round or split, by condition.
        what: the number, in words.
        why: how the limit follows from the sentence.
        unit: such as decades; empty for none.
        above: the whole interval must lie above it.
        below: the whole interval must lie below it.
        part: the part of the claim that it is about, if there are several.
        role: what it is to the claim.
    """

    values: Callable[[Runs], Numbers]
    what: str
    why: str
    unit: str = ""
    above: float = -math.inf
    below: float = math.inf
    part: str = ""
    role: Role = Role.CLAIMED

    def answer(self, low: float, high: float) -> Answer:
        """Whether an interval lies within the limits, without, or across them."""
        if self.above < low and high < self.below:
            return Answer.SHOWN
        outside = high <= self.above or self.below <= low
        return Answer.REFUTED if outside else Answer.NOT_SHOWN


@dataclass(frozen=True)
class Claim:
    """A claim that can be measured, and can turn out wrong.

    Attributes:
        letter: the name for short.
        name: the name of its preset in ``conf/experiment/claims``.
        sentence: what is claimed.
        measures: what is measured for it.
        quick: overrides of the preset for a first look.
        over: what the intervals are over.
        remark: what a reader must know to read the numbers.
        says_can: whether it claims that something can happen: one condition is enough.
        repeats_in_float64: whether its networks may amplify rounding. The sweep is then run in
            float64 too, and intervals are widened by how far the seeds' numbers differ.
    """

    letter: str
    name: str
    sentence: str
    measures: tuple[Measure, ...]
    quick: tuple[str, ...]
    over: str = "seeds"
    remark: str = ""
    says_can: bool = False
    repeats_in_float64: bool = False


@cache
def all_claims() -> dict[str, Claim]:
    """The claims by letter."""
    text = Path(__file__).with_name("claims.yaml").read_text(encoding="utf-8")
    return {
        own["letter"]: Claim(
            **own
            | {"quick": tuple(own["quick"]), "measures": tuple(map(_measure, own["measures"]))}
        )
        for own in yaml.safe_load(text)
    }


def _measure(own: dict[str, str]) -> Measure:
    typed = {"values": getattr(measures, own["values"]), "role": Role(own.get("role", "claimed"))}
    return Measure(**own | typed)
