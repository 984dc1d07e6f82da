"""From numbers to a verdict, by one rule for all claims; ``document`` has it in words."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

from scipy.stats import t as student

from claims.claim import Answer, Claim, Role
from claims.runs import Condition, Runs, minus

LEVEL = 0.95  # of all intervals of a claim together
FEWEST = 5  # values that an interval is drawn from


@dataclass(frozen=True)
class Finding:
    """A number under a condition.

    Attributes:
        measure: its place among the claim's measures.
        condition: under which it was taken.
        mean: of the values; ``None`` if there are none.
        deviation: standard deviation of the values; ``None`` for fewer than two.
        n: how many values.
        rounding: RMS of the seeds' differences between float32 and float64; 0 where the networks
            do not amplify rounding.
    """

    measure: int
    condition: Condition
    mean: float | None
    deviation: float | None
    n: int
    rounding: float = 0.0

    def half_width(self, n_findings: int) -> float | None:
        """Half the interval: Student's t by Bonferroni, and what rounding does to a number.

        Args:
            n_findings: numbers of the claim, whose intervals are to cover all of them together.
        """
        if self.deviation is None:
            return None
        level = 1 - (1 - LEVEL) / n_findings
        quantile = float(student.ppf((1 + level) / 2, self.n - 1))
        return quantile * self.deviation / math.sqrt(self.n) + self.rounding

    def answer(self, claim: Claim, n_findings: int) -> Answer:
        """Whether it is as claimed."""
        half = self.half_width(n_findings)
        if self.mean is None or half is None or self.n < FEWEST:
            return Answer.NOT_SHOWN
        return claim.measures[self.measure].answer(self.mean - half, self.mean + half)


class Kind(StrEnum):
    """What the numbers of a claim come to."""

    HOLDS = "holds"
    HOLDS_WHEN = "holds when"
    REFUTED = "refuted"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Verdict:
    """What the numbers of a claim come to.

    Attributes:
        kind: in a word.
        shown: descriptions of the conditions under which it is shown, if not all are.
        refuted: descriptions of those under which it is refuted, if not all are.
    """

    kind: Kind
    shown: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()

    def __str__(self) -> str:
        when = {Kind.HOLDS: ", as when ", Kind.HOLDS_WHEN: " "}.get(self.kind, "")
        shown = when + "; or ".join(self.shown) if self.shown else ""
        refuted = f". Refuted when {'; or '.join(self.refuted)}" if self.refuted else ""
        return f"{self.kind}{shown}{refuted}"


def find(claim: Claim, runs: Runs, in_float64: Runs | None = None) -> list[Finding]:
    """All numbers of a claim.

    Args:
        claim: what to measure.
        runs: of its sweep.
        in_float64: the same runs in that precision, to see what rounding does to the numbers.
    """
    found = []
    for place, measure in enumerate(claim.measures):
        again = {} if in_float64 is None else measure.values(in_float64)
        for condition, by_seed in measure.values(runs).items():
            values, moved = list(by_seed.values()), minus(by_seed, again.get(condition, {}))
            mean = fmean(values) if values else None
            deviation = stdev(values) if len(values) > 1 else None
            rounding = math.sqrt(fmean(x**2 for x in moved.values())) if moved else 0.0
            found.append(Finding(place, condition, mean, deviation, len(values), rounding))
    return found


def counted(claim: Claim, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that a claim is judged by: of what it claims, where its premise is shown."""
    role = {place: measure.role for place, measure in enumerate(claim.measures)}
    failed = {
        one.condition
        for one in findings
        if role[one.measure] == Role.PREMISE and one.answer(claim, len(findings)) != Answer.SHOWN
    }
    return [
        one for one in findings if role[one.measure] == Role.CLAIMED and one.condition not in failed
    ]


def judge(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """The verdict on a claim."""
    given = {one: one.answer(claim, len(findings)) for one in counted(claim, findings)}
    shown, refuted = (
        tuple(_when(claim, given, wanted)) for wanted in (Answer.SHOWN, Answer.REFUTED)
    )
    if set(given.values()) == {Answer.SHOWN}:
        return Verdict(Kind.HOLDS)
    if claim.says_can:  # no number of failures shows that it cannot be
        return Verdict(Kind.HOLDS, shown) if shown else Verdict(Kind.NOT_SHOWN)
    if set(given.values()) == {Answer.REFUTED}:
        return Verdict(Kind.REFUTED)
    return Verdict(Kind.HOLDS_WHEN if shown else Kind.NOT_SHOWN, shown, refuted)


def _when(claim: Claim, given: Mapping[Finding, Answer], wanted: Answer) -> Iterator[str]:
    """The conditions that have an answer, by part of the claim."""
    for place, measure in enumerate(claim.measures):
        own = {one.condition: answer for one, answer in given.items() if one.measure == place}
        if some := [condition for condition, answer in own.items() if answer == wanted]:
            words = "; or ".join(described(some, list(own)))
            yield f"{measure.part} ({words})" if measure.part and words else measure.part or words


def described(some: Sequence[Condition], of: Sequence[Condition]) -> list[str]:
    """Descriptions that some conditions fit, and no other does.

    Args:
        some: the conditions that are meant, at least one.
        of: all conditions, with as many places each.

    Returns:
        Alternatives; none if all conditions are meant.

    >>> everything = [("a", "x=1"), ("a", "x=2"), ("b", "x=1"), ("b", "x=2")]
    >>> described([("a", "x=1"), ("a", "x=2"), ("b", "x=2")], everything)
    ['x=2', 'a']
    """
    left, rest, found = list(some), set(of) - set(some), list[list[set[str]]]()
    words = [list(dict.fromkeys(place)) for place in zip(*of, strict=True)]
    # Each place of a description has one word, or any.
    patterns = [
        [{word} if word else set(every) for word, every in zip(picked, words, strict=True)]
        for picked in itertools.product(*([None, *every] for every in words))
    ]
    patterns = [one for one in patterns if not any(_fits(other, one) for other in rest)]
    while left:
        worth = [(sum(_fits(other, one) for other in left), sum(map(len, one))) for one in patterns]
        best = patterns[worth.index(max(worth))]  # among equals, few words are better
        left = [condition for condition in left if not _fits(condition, best)]
        for other in found:  # alternatives that differ at one place are said in one go
            if len(apart := [i for i, place in enumerate(other) if place != best[i]]) == 1:
                other[apart[0]] = other[apart[0]] | best[apart[0]]
                break
        else:
            found.append(best)
    said = [
        ", ".join(
            _any_of([word for word in every if word in place])
            for place, every in zip(one, words, strict=True)
            if place != set(every)
        )
        for one in found
    ]
    return [one for one in said if one]


def _fits(condition: Condition, pattern: Sequence[set[str]]) -> bool:
    return all(word in place for word, place in zip(condition, pattern, strict=True))


def _any_of(words: Sequence[str]) -> str:
    """Alternatives; the name of a setting that all of them are values of is said once."""
    name, equals, _ = words[0].partition("=")
    if equals and all(word.startswith(f"{name}=") for word in words):
        words = [words[0], *(word.removeprefix(f"{name}=") for word in words[1:])]
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
