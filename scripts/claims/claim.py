"""What a claim is: a sentence, what is measured for it, and the rule that decides."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from claims.evidence import Evidence
from deltaflow.comparison.statistics.paired_tests import BySeed

FOLDER = "claims"  # of the presets: conf/experiment/claims
YES, NO, OPEN = "yes", "no", "open"
Condition = tuple[str, ...]  # what tells it from others, such as ("init=he", "at the end")


@dataclass(frozen=True)
class Bound:
    """Where the whole interval of a number must lie for a condition to be met.

    Attributes:
        low: above it; ``None`` for no limit.
        high: below it; ``None`` for no limit.
    """

    low: float | None = None
    high: float | None = None

    def answer(self, low: float | None, high: float | None) -> str:
        """Whether what an interval covers lies within.

        Args:
            low: end of the interval; ``None`` if there is none.
            high: likewise.

        Returns:
            ``YES`` if all of it does, ``NO`` if none of it does, else ``OPEN``.

        >>> Bound(low=0).answer(0.1, 0.3), Bound(low=0).answer(-0.1, 0.3), Bound(0, 1).answer(2, 3)
        ('yes', 'open', 'no')
        """
        if low is None or high is None:
            return OPEN
        least = -math.inf if self.low is None else self.low
        most = math.inf if self.high is None else self.high
        if least < low and high < most:
            return YES
        return NO if high <= least or most <= low else OPEN

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"between {self.low:g} and {self.high:g}"
        return f"above {self.low:g}" if self.low is not None else f"below {self.high:g}"


@dataclass(frozen=True)
class Measure:
    """A number that is taken under several conditions, and where it must lie.

    Attributes:
        what: the number, in words.
        unit: of it.
        bound: that its interval must keep.
        why: how the bound follows from what is claimed.
        values: from the runs, by condition, the number of each seed, round or split.
        part: of the claim that it is about, as a verdict says it, if there are several.
        is_premise: whether it is no condition of the claim but what all of it rests on.
    """

    what: str
    unit: str
    bound: Bound
    why: str
    values: Callable[[Evidence], Mapping[Condition, BySeed]]
    part: str = ""
    is_premise: bool = False


@dataclass(frozen=True)
class Claim:
    """A claim that can be measured, and can turn out wrong.

    Attributes:
        letter: for short.
        name: of its preset in ``conf/experiment/claims``.
        sentence: what is claimed.
        measures: what is measured for it.
        quick: overrides of the preset for a result within seconds.
        over: what the intervals are over.
        remark: what a reader must know to read the numbers.
    """

    letter: str
    name: str
    sentence: str
    measures: tuple[Measure, ...]
    quick: tuple[str, ...]
    over: str = "seeds"
    remark: str = ""

    @property
    def premises(self) -> list[int]:
        """The places of those measures that all others rest on."""
        return [place for place, measure in enumerate(self.measures) if measure.is_premise]

    def overrides(self, setting: str) -> tuple[str, ...]:
        """What a setting changes in the preset: nothing, if it is the full one."""
        return self.quick if setting == "quick" else ()

    def command(self, overrides: tuple[str, ...] = ()) -> str:
        """The command line of its runs."""
        words = ["python train.py -m", f"experiment={FOLDER}/{self.name}", *overrides]
        return " ".join(words)
