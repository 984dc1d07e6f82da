"""The committed result: document, numbers, rules and presets agree with each other."""

import json
import re

import pytest
from scipy import stats

from claims import Role, all_claims
from claims.document import markdown
from claims.results import as_json, read
from running import ROOT, options

DOCS = ROOT / "docs"
STORED = json.loads((DOCS / "claims.json").read_text(encoding="utf-8"))
ENTRIES = {own["letter"]: own for own in STORED["claims"]}
of_each_claim = pytest.mark.parametrize("claim", all_claims().values(), ids=lambda c: c.letter)


def test_it_is_of_the_full_setting_and_whole():
    assert STORED["setting"] == "full"
    assert [own["name"] for own in ENTRIES.values()] == [one.name for one in all_claims().values()]
    assert sorted(own["name"] for own in ENTRIES.values()) == options("experiment/claims")


def test_document_and_verdicts_are_what_follows_from_the_stored_numbers():
    results = read(DOCS, "full")
    assert (DOCS / "claims.json").read_text(encoding="utf-8") == as_json(results, "full")
    assert (DOCS / "claims.md").read_text(encoding="utf-8") == markdown(results, "full")


def met(claim, own) -> dict[int, list[tuple[str, str]]]:
    """By measure, each condition and its answer, all by hand from mean, deviation and n."""
    found: dict[int, list[tuple[str, str]]] = {}
    level = 1 - 0.05 / len(own["findings"])
    for one in own["findings"]:
        limits = claim.measures[one["measure"]]
        half = stats.t.ppf((1 + level) / 2, one["n"] - 1) * one["deviation"] / one["n"] ** 0.5
        low, high = one["mean"] - half - one["rounding"], one["mean"] + half + one["rounding"]
        answer = "not shown"
        if low > limits.above and high < limits.below and one["n"] >= 5:
            answer = "shown"
        elif (high <= limits.above or low >= limits.below) and one["n"] >= 5:
            answer = "refuted"
        found.setdefault(one["measure"], []).append((", ".join(one["condition"]), answer))
    return found


@of_each_claim
def test_a_verdict_follows_from_the_stored_numbers(claim):
    own = ENTRIES[claim.letter]
    found = met(claim, own)
    assert set(found) == set(range(len(claim.measures)))
    failed = {
        condition
        for place, rows in found.items()
        for condition, answer in rows
        if claim.measures[place].role == Role.PREMISE and answer != "shown"
    }
    answers = [
        answer
        for place, rows in found.items()
        for condition, answer in rows
        if claim.measures[place].role == Role.CLAIMED and condition not in failed
    ]
    kind = own["verdict"].partition(".")[0]
    if set(answers) == {"shown"}:
        assert kind == "holds"
    elif claim.says_can:
        assert kind.startswith("holds, as when " if "shown" in answers else "not shown")
    elif set(answers) == {"refuted"}:
        assert kind == "refuted"
    else:
        assert kind.startswith("holds when " if "shown" in answers else "not shown")
    assert own["n_seeds"] >= 10


@of_each_claim
def test_nothing_counts_that_is_so_by_definition(claim):
    """A number that is the same for all seeds, and 0, is no evidence for a claim."""
    for one in ENTRIES[claim.letter]["findings"]:
        if one["answer"] == "shown" and claim.measures[one["measure"]].role == Role.CLAIMED:
            assert one["deviation"] > 0


def test_every_claim_has_a_row_and_a_section():
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([A-P])\]\(#(\S+)\)", text, flags=re.MULTILINE)
    headings = re.findall(r"^## ([A-P]) (\w+)$", text, flags=re.MULTILINE)
    assert [letter for letter, _ in rows] == list(ENTRIES)
    assert [anchor for _, anchor in rows] == [f"{one.lower()}-{name}" for one, name in headings]
