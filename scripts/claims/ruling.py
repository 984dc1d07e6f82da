"""From numbers to a verdict, by one rule for all claims.

A condition is met if the whole interval of its number lies where the claim says. The intervals
of a claim are widened so that, with 95 %, all of them together cover what they estimate
(Bonferroni: each has the level 1 − 0.05/m, m the claim's conditions and premises), because
«holds when» picks some conditions out of many.

A condition is met, not met, or open, if the interval reaches over the limit; what is open has
not been shown, and counts as little as what is not met.

- If a premise is not met, the claim does not hold.
- If all conditions are met, it holds; if none is, it does not hold.
- Otherwise it holds when the conditions are those that are met.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from claims.claim import OPEN, YES, Bound, Claim, Condition
from claims.evidence import Evidence
from claims.wording import described
from deltaflow.comparison.statistics.intervals import LEVEL, interval

HOLDS, HOLDS_WHEN, DOES_NOT_HOLD = "holds", "holds when", "does not hold"
FEWEST = 5  # values that an interval is drawn from


@dataclass(frozen=True)
class Finding:
    """A number under a condition, and whether it is as claimed.

    Attributes:
        measure: its place among the claim's measures.
        condition: under which it was taken.
        mean: of the values.
        low: of its interval, widened for all findings of the claim; ``None`` if there is none.
        high: likewise.
        n: values.
        answer: whether it is as claimed, ``YES``, ``NO`` or ``OPEN``.
    """

    measure: int
    condition: Condition
    mean: float | None
    low: float | None
    high: float | None
    n: int
    answer: str


@dataclass(frozen=True)
class Verdict:
    """What the findings of a claim come to.

    Attributes:
        kind: one of the three.
        when: the conditions that are met, if only some are; the premises that are not, if that
            is why it does not hold.
    """

    kind: str
    when: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == HOLDS_WHEN:
            return f"{self.kind} {'; '.join(self.when)}"
        return f"{self.kind}: {'; '.join(self.when)} fails" if self.when else self.kind


def find(claim: Claim, evidence: Evidence) -> list[Finding]:
    """All numbers of a claim, with their intervals.

    Args:
        claim: what to measure.
        evidence: its runs.

    Raises:
        ValueError: if a run that it needs is not there.
    """
    taken = [
        (place, measure.bound, condition, values)
        for place, measure in enumerate(claim.measures)
        for condition, values in measure.values(evidence).items()
    ]
    level = 1 - (1 - LEVEL) / len(taken)
    return [
        _finding(place, bound, condition, values, level)
        for place, bound, condition, values in taken
    ]


def judge(findings: Sequence[Finding], premises: Iterable[int], parts: Sequence[str]) -> Verdict:
    """The verdict on a claim.

    Args:
        findings: of it.
        premises: places of those measures that are premises.
        parts: of the claim, by measure.

    >>> findings = [
    ...     Finding(0, ("depth 2",), 1, 0, 2, 9, "no"), Finding(0, ("depth 9",), 4, 3, 5, 9, "yes")
    ... ]
    >>> str(judge(findings, premises=[], parts=[""]))
    'holds when depth 9'
    """
    resting = set(premises)
    failed = [f for f in findings if f.measure in resting and f.answer != YES]
    if failed:
        return Verdict(DOES_NOT_HOLD, tuple(", ".join(f.condition) for f in failed))
    conditions = [finding for finding in findings if finding.measure not in resting]
    met = [finding for finding in conditions if finding.answer == YES]
    if not met:
        return Verdict(DOES_NOT_HOLD)
    if len(met) == len(conditions):
        return Verdict(HOLDS)
    return Verdict(HOLDS_WHEN, tuple(_when(conditions, parts)))


def recorded(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings in JSON's own types."""
    return [asdict(f) | {"condition": list(f.condition)} for f in findings]


def _when(conditions: Sequence[Finding], parts: Sequence[str]) -> Iterator[str]:
    for place, part in enumerate(parts):
        own = [f for f in conditions if f.measure == place]
        met = [f.condition for f in own if f.answer == YES]
        if met:
            told = "; ".join(described(met, [f.condition for f in own]))
            yield f"{part} ({told})" if part and told else part or told


def _finding(
    place: int, bound: Bound, condition: Condition, values: Mapping[int, float], level: float
) -> Finding:
    found = interval(values.values(), level)
    answer = bound.answer(found.low, found.high) if found.n >= FEWEST else OPEN
    return Finding(place, condition, found.mean, found.low, found.high, found.n, answer)
