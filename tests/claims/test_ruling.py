"""Verdicts follow from numbers, and each claim's can come out either way."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from claims import CLAIMS, Bound, Claim, Finding, Measure, judge
from claims.claim import NO, OPEN, YES
from claims.ruling import find

of_each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.letter)


def inside(bound: Bound) -> float:
    if bound.low is not None and bound.high is not None:
        return (bound.low + bound.high) / 2
    return bound.low + 1 if bound.low is not None else bound.high - 1


def outside(bound: Bound) -> float:
    return bound.low - 1 if bound.low is not None else bound.high + 1


def verdict_if(claim: Claim, *choices: bool, premises: bool = True):
    """The verdict on a claim whose conditions are as claimed, or not, in turn."""

    def made_up(measure: Measure, chosen) -> Measure:
        centres = {f"c{i}": inside(measure.bound) if yes else outside(measure.bound)
                   for i, yes in enumerate(chosen)}  # fmt: skip
        values = {
            (name,): {seed: centre + 1e-3 * (seed % 3) for seed in range(10)}
            for name, centre in centres.items()
        }
        return replace(measure, values=lambda _: values)

    measures = tuple(
        made_up(measure, (premises,) if measure.is_premise else choices)
        for measure in claim.measures
    )
    made = replace(claim, measures=measures)
    findings = find(made, evidence=None)
    return judge(findings, made.premises, [measure.part for measure in measures])


@of_each_claim
def test_it_holds_if_every_condition_is_met(claim):
    assert str(verdict_if(claim, True, True)) == "holds"


@of_each_claim
def test_it_does_not_hold_if_no_condition_is_met(claim):
    assert str(verdict_if(claim, False, False)) == "does not hold"


@of_each_claim
def test_it_holds_when_the_conditions_are_those_that_are_met(claim):
    verdict = verdict_if(claim, False, True, False)
    assert verdict.kind == "holds when"
    assert all("c1" in words for words in verdict.when)
    assert not any("c0" in words or "c2" in words for words in verdict.when)


@pytest.mark.parametrize(
    "claim", [claim for claim in CLAIMS if claim.premises], ids=lambda c: c.letter
)
def test_it_does_not_hold_without_its_premise(claim):
    verdict = verdict_if(claim, True, True, premises=False)
    assert str(verdict) == "does not hold: c0 fails"


@pytest.mark.parametrize(
    ("bound", "low", "high", "answer"),
    [
        (Bound(low=1), 1.1, 2, YES),
        (Bound(low=1), 0.9, 2, OPEN),
        (Bound(low=1), 0, 1, NO),
        (Bound(high=1), 0, 0.9, YES),
        (Bound(high=1), 0, 1, OPEN),
        (Bound(high=1), 1, 2, NO),
        (Bound(-1, 1), -0.5, 0.5, YES),
        (Bound(-1, 1), 0.5, 1.5, OPEN),
        (Bound(-1, 1), -2, 2, OPEN),
        (Bound(-1, 1), -3, -2, NO),
        (Bound(low=0), None, None, OPEN),
    ],
)
def test_a_condition_is_met_not_met_or_open(bound, low, high, answer):
    assert bound.answer(low, high) == answer


def claim_of(conditions):
    measure = Measure("number", "", Bound(low=0), "why", lambda _: conditions)
    return Claim("Z", "name", "sentence", (measure,), ())


def test_intervals_cover_all_conditions_of_a_claim_together():
    values = {seed: math.sin(seed) for seed in range(10)}
    found = find(claim_of({(str(i),): values for i in range(5)}), None)
    expected = stats.t.interval(
        1 - 0.05 / 5, 9, stats.tmean(list(values.values())), stats.sem(list(values.values()))
    )
    assert (found[0].low, found[0].high) == pytest.approx(expected)
    (alone,) = find(claim_of({("only",): values}), None)
    assert alone.low > found[0].low


@pytest.mark.parametrize(("n", "answer"), [(4, OPEN), (5, YES)])
def test_few_values_decide_nothing(n, answer):
    (found,) = find(claim_of({("only",): {seed: 1 + seed / 1000 for seed in range(n)}}), None)
    assert (found.n, found.answer) == (n, answer)


def test_a_condition_that_nothing_is_known_of_is_open():
    (found,) = find(claim_of({("only",): {}}), None)
    assert (found.mean, found.n, found.answer) == (None, 0, OPEN)


def test_parts_of_a_claim_are_named():
    findings = [
        Finding(0, ("x",), 1, 1, 1, 9, YES),
        Finding(1, ("x",), 1, 1, 1, 9, NO),
        Finding(1, ("y",), 1, 1, 1, 9, YES),
        Finding(2, ("x",), 1, 1, 1, 9, OPEN),
    ]
    assert str(judge(findings, [], ["all", "some", "none"])) == "holds when all; some (y)"
