"""Verdicts follow from numbers, each claim's can come out either way, and says where."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from claims import Answer, Claim, Finding, Kind, Measure, Role, all_claims, find, judge
from claims.verdict import counted, described

SHOWN, REFUTED, NOT_SHOWN = Answer.SHOWN, Answer.REFUTED, Answer.NOT_SHOWN
of_each_claim = pytest.mark.parametrize("claim", all_claims().values(), ids=lambda c: c.letter)


def measure(**fields) -> Measure:
    return Measure(lambda _: {}, "number", "why", **{"above": 0, **fields})


def claim_of(*measures: Measure, **fields) -> Claim:
    return Claim("Z", "name", "sentence", measures, (), **fields)


def finding(place: int, condition: str, answer: Answer, claim: Claim) -> Finding:
    """A number that lies as an answer says, whatever the limits."""
    own = claim.measures[place]
    low, high = (x if math.isfinite(x) else None for x in (own.above, own.below))
    edge = low if low is not None else high if high is not None else 0
    inside = (low + high) / 2 if None not in (low, high) else edge + (1 if low is not None else -1)
    outside = edge - 1 if low is not None else edge + 1
    mean = {SHOWN: inside, REFUTED: outside, NOT_SHOWN: edge}[answer]
    return Finding(place, (condition,), mean, 1e-6, 10)


def verdict_if(claim: Claim, *answers: Answer, premises: Answer = SHOWN):
    return judge(claim, [
        finding(place, f"c{number}", premises if own.role == Role.PREMISE else answer, claim)
        for place, own in enumerate(claim.measures)
        for number, answer in enumerate(answers)
    ])  # fmt: skip


@of_each_claim
def test_a_claim_can_come_out_either_way(claim):
    assert str(verdict_if(claim, SHOWN, SHOWN)) == "holds"
    assert verdict_if(claim, NOT_SHOWN, NOT_SHOWN).kind == Kind.NOT_SHOWN
    assert verdict_if(claim, REFUTED, NOT_SHOWN).kind == Kind.NOT_SHOWN
    refuted, some = verdict_if(claim, REFUTED, REFUTED), verdict_if(claim, REFUTED, SHOWN)
    assert refuted.kind == (Kind.NOT_SHOWN if claim.says_can else Kind.REFUTED)
    assert some.kind == (Kind.HOLDS if claim.says_can else Kind.HOLDS_WHEN)
    assert all("c1" in words for words in some.shown)


@pytest.mark.parametrize("letter", ["E", "G"])
def test_a_claim_says_nothing_where_its_premise_is_not_shown(letter):
    claim = all_claims()[letter]
    assert verdict_if(claim, SHOWN, SHOWN, premises=NOT_SHOWN).kind == Kind.NOT_SHOWN
    place = next(i for i, own in enumerate(claim.measures) if own.role == Role.CLAIMED)
    premise = next(i for i, own in enumerate(claim.measures) if own.role == Role.PREMISE)
    findings = [
        finding(premise, "a", SHOWN, claim), finding(premise, "b", REFUTED, claim),
        finding(place, "a", SHOWN, claim), finding(place, "b", REFUTED, claim),
    ]  # fmt: skip
    assert [one.condition for one in counted(claim, findings)] == [("a",)]
    assert str(judge(claim, findings)) == "holds"


def test_what_stands_beside_a_claim_is_not_judged():
    claim = claim_of(measure(), measure(role=Role.BESIDE))
    findings = [finding(0, "x", SHOWN, claim), finding(1, "x", REFUTED, claim)]
    assert str(judge(claim, findings)) == "holds"


def test_that_something_can_be_is_shown_by_one_condition_and_refuted_by_none():
    claim = claim_of(measure(), says_can=True)
    assert str(verdict_if(claim, REFUTED, SHOWN, SHOWN)) == "holds, as when c1 or c2"
    assert str(verdict_if(claim, REFUTED, REFUTED)) == "not shown"


def test_parts_of_a_claim_are_named():
    claim = claim_of(*(measure(part=part) for part in ("all", "some", "none")))
    findings = [
        finding(place, condition, answer, claim)
        for place, answers in enumerate(
            [{"x": SHOWN}, {"x": REFUTED, "y": SHOWN}, {"x": NOT_SHOWN, "y": NOT_SHOWN}]
        )
        for condition, answer in answers.items()
    ]
    assert str(judge(claim, findings)) == "holds when all; or some (y). Refuted when some (x)"


@pytest.mark.parametrize(
    ("limits", "low", "high", "answer"),
    [
        ({"above": 1}, 1.1, 2, SHOWN),
        ({"above": 1}, 0.9, 2, NOT_SHOWN),
        ({"above": 1}, 0, 1, REFUTED),
        ({"below": 1}, 0, 0.9, SHOWN),
        ({"below": 1}, 1, 2, REFUTED),
        ({"above": -1, "below": 1}, -0.5, 0.5, SHOWN),
        ({"above": -1, "below": 1}, -2, 2, NOT_SHOWN),
        ({"above": -1, "below": 1}, -3, -2, REFUTED),
    ],
)
def test_an_interval_lies_within_without_or_across_its_limits(limits, low, high, answer):
    assert Measure(lambda _: {}, "number", "why", **limits).answer(low, high) == answer


def test_intervals_cover_all_numbers_of_a_claim_together():
    values = {seed: math.sin(seed) for seed in range(10)}
    claim = claim_of(replace(measure(), values=lambda _: dict.fromkeys("abcde", values)))
    found = find(claim, None)
    numbers = list(values.values())
    low, high = stats.t.interval(1 - 0.05 / 5, 9, np.mean(numbers), stats.sem(numbers))
    assert found[0].mean == pytest.approx((low + high) / 2)
    assert found[0].half_width(len(found)) == pytest.approx((high - low) / 2)
    assert found[0].half_width(1) < found[0].half_width(5)


def test_what_rounding_does_to_the_seeds_widens_the_interval():
    values = {seed: 1 + seed / 100 for seed in range(10)}
    moved = {seed: value + (-1) ** seed * 3 for seed, value in values.items()}
    claim = claim_of(replace(measure(), values=lambda runs: {("x",): runs}))
    (alone,), (repeated,) = find(claim, values), find(claim, values, moved)
    assert (alone.rounding, repeated.rounding) == (0, pytest.approx(3))
    assert repeated.half_width(1) == pytest.approx(alone.half_width(1) + 3)
    assert (alone.answer(claim, 1), repeated.answer(claim, 1)) == (SHOWN, NOT_SHOWN)


@pytest.mark.parametrize(("n", "answer"), [(0, NOT_SHOWN), (4, NOT_SHOWN), (5, SHOWN)])
def test_few_values_show_nothing(n, answer):
    values = {seed: 1 + seed / 1000 for seed in range(n)}
    claim = claim_of(replace(measure(), values=lambda _: {("only",): values}))
    (found,) = find(claim, None)
    assert (found.n, found.answer(claim, 1)) == (n, answer)


GRID = [(init, f"depth={depth}", at) for init in "ab" for depth in "123" for at in ("start", "end")]


@pytest.mark.parametrize(
    ("some", "words"),
    [
        (lambda init, depth, at: True, []),
        (lambda init, depth, at: init == "a", ["a"]),
        (lambda init, depth, at: depth != "depth=1", ["depth=2 or 3"]),
        (lambda init, depth, at: depth == "depth=2" and at == "end", ["depth=2, end"]),
        (lambda init, depth, at: at == "start" or init == "b", ["start", "b"]),
        (lambda init, depth, at: (init == "a") == (depth == "depth=1"),
         ["a, depth=1", "b, depth=2 or 3"]),
        (lambda *one: one in (GRID[0], GRID[-1]), ["a, depth=1, start", "b, depth=3, end"]),
    ],
)  # fmt: skip
def test_conditions_are_described_in_few_words(some, words):
    assert sorted(described([one for one in GRID if some(*one)], GRID)) == sorted(words)


def test_a_description_fits_what_is_meant_and_nothing_else():
    draw = random.Random(0)
    for _ in range(100):
        some = [one for one in GRID if draw.random() < draw.random()]
        if some and len(some) < len(GRID):
            read = [_read(words) for words in described(some, GRID)]
            assert [one for one in GRID if any(_fits(one, said) for said in read)] == some


def _read(words: str) -> list[list[str]]:
    said: list[list[str]] = []
    for place in (place.split(" or ") for place in words.split(", ")):
        if said and said[-1][0].startswith("depth=") and place[0].isdigit():
            said[-1] += place  # "depth=1, 2 or 3" was split at its own comma
        else:
            said.append(place)
    return [[f"depth={word}" if word.isdigit() else word for word in place] for place in said]


def _fits(one, said) -> bool:
    return all(any(word in place for word in one) for place in said)
