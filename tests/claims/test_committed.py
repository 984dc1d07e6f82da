"""The committed result: document, numbers, rules and presets agree with each other."""

import dataclasses
import json
import re

import pytest

from claims import CLAIMS, Bound, Finding, judge
from claims.document import markdown
from claims.ledger import read
from claims.ruling import FEWEST
from running import ROOT, options

DOCS = ROOT / "docs"
LEDGER = json.loads((DOCS / "claims.json").read_text(encoding="utf-8"))
ENTRIES = {own["letter"]: own for own in LEDGER["claims"]}
of_each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.letter)


def test_it_is_of_the_full_setting_and_whole():
    assert read(DOCS, "full") == LEDGER
    assert sorted(own["name"] for own in LEDGER["claims"]) == options("experiment/claims")
    assert list(ENTRIES) == [claim.letter for claim in CLAIMS]


def test_the_document_says_what_the_numbers_say():
    assert (DOCS / "claims.md").read_text(encoding="utf-8") == markdown(LEDGER)


@of_each_claim
def test_an_entry_is_of_the_claim_as_it_stands(claim):
    own = ENTRIES[claim.letter]
    assert (own["name"], own["claim"], own["remark"]) == (claim.name, claim.sentence, claim.remark)
    assert own["command"] == claim.command() == f"python train.py -m experiment=claims/{claim.name}"
    assert own["again"] == f"python scripts/claims.py claims={claim.letter} setting=full"
    for stored, measure in zip(own["measures"], claim.measures, strict=True):
        assert Bound(stored["above"], stored["below"]) == measure.bound
        rest = (stored["what"], stored["unit"], stored["why"], stored["part"], stored["premise"])
        assert rest == (
            measure.what, measure.unit, measure.why, measure.part, measure.is_premise
        )  # fmt: skip
    assert own["seeds"] >= 10


@of_each_claim
def test_a_verdict_follows_from_the_stored_numbers(claim):
    own = ENTRIES[claim.letter]
    findings = [Finding(**{**stored, "condition": tuple(stored["condition"])})
                for stored in own["findings"]]  # fmt: skip
    for finding in findings:
        measure = own["measures"][finding.measure]
        answer = Bound(measure["above"], measure["below"]).answer(finding.low, finding.high)
        assert finding.answer == (answer if finding.n >= FEWEST else "open")
        if finding.low is not None:
            assert finding.low <= finding.mean <= finding.high
    premises = [i for i, measure in enumerate(own["measures"]) if measure["premise"]]
    parts = [measure["part"] for measure in own["measures"]]
    assert own["verdict"] == str(judge(findings, premises, parts))
    assert {f.measure for f in findings} == set(range(len(own["measures"])))
    assert set(own["findings"][0]) == {field.name for field in dataclasses.fields(Finding)}


def test_every_claim_has_a_row_and_a_section():
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([A-P])\]\(#(\S+)\)", text, flags=re.MULTILINE)
    headings = re.findall(r"^## ([A-P]) (\w+)$", text, flags=re.MULTILINE)
    assert [letter for letter, _ in rows] == list(ENTRIES)
    assert [anchor for _, anchor in rows] == [f"{one.lower()}-{name}" for one, name in headings]
