"""The command: what it takes, what it writes, and that no claim is lost by another."""

import json
import math
from pathlib import Path

import pytest

from claims import Finding, all_claims, command
from claims.command import main
from claims.results import Result
from deltaflow import UserError


@pytest.fixture
def measuring(tmp_path, monkeypatch):
    """Claims without runs; those with a letter in ``broken`` fail."""
    monkeypatch.chdir(tmp_path)
    done, broken = [], {}

    def measure(claim, overrides):
        done.append((claim.letter, tuple(overrides)))
        if error := broken.get(claim.letter):
            raise error
        findings = tuple(
            Finding(place, ("c",), next(x for x in within if math.isfinite(x)), 1e-6, 10)
            for place, own in enumerate(claim.measures)
            for within in [(own.above + 0.01, own.below - 0.01, 0)]
        )
        return Result(claim.letter, findings, 1, 4, 2.0, "now", "cpu", {"torch": "2"})

    monkeypatch.setattr(command, "measure", measure)
    return done, broken


def letters(folder: str) -> list[str]:
    stored = json.loads((Path(folder) / "claims.json").read_text(encoding="utf-8"))
    return [own["letter"] for own in stored["claims"]]


def test_all_claims_are_measured_and_written(measuring, capsys):
    done, _ = measuring
    main([])
    assert done == [(letter, claim.quick) for letter, claim in all_claims().items()]
    assert letters("outputs/claims") == list(all_claims())
    assert "This is the quick setting" in Path("outputs/claims/claims.md").read_text("utf-8")
    said = capsys.readouterr()
    assert "A sigmoid_slows_early_layers: holds" in said.out
    assert said.err == ""


def test_some_are_chosen_and_the_others_stay(measuring):
    main(["f", "sigmoid_slows_early_layers"])
    assert letters("outputs/claims") == ["A", "F"]
    main(["B", "F"])
    assert letters("outputs/claims") == ["A", "B", "F"]
    main(["A", "--output", "mine"])
    assert letters("mine") == ["A"]


def test_the_full_setting_changes_nothing_in_the_presets_and_writes_into_docs(measuring):
    done, _ = measuring
    main(["A", "--full"])
    assert done == [("A", ())]
    assert letters("docs") == ["A"]
    assert "full setting" in Path("docs/claims.md").read_text(encoding="utf-8")


def test_a_claim_that_fails_does_not_lose_the_others(measuring, capsys):
    _, broken = measuring
    broken["B"] = UserError("A claim must run. Found none. Run it.")
    with pytest.raises(SystemExit) as stopped:
        main(["A", "B", "C"])
    assert stopped.value.code == 1
    assert letters("outputs/claims") == ["A", "C"]
    said = "claims.py: B tanh_vanishes_less_than_sigmoid: A claim must run. Found none. Run it.\n"
    assert capsys.readouterr().err == said


def test_what_was_measured_before_an_interruption_is_kept(measuring):
    _, broken = measuring
    broken["C"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):  # of which the entry makes exit status 130
        main([])
    assert letters("outputs/claims") == ["A", "B"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["Z"], "Found 'Z'"),
        (["A", "claims=A"], "Found 'claims=A'"),
        (["--quick"], "unrecognized arguments: --quick"),
        (["--output"], "expected one argument"),
        (["--output", "file"], "File exists: 'file'"),
    ],
)
def test_bad_input_gets_one_message_and_status_2(typed, found, measuring, capsys):
    Path("file").touch()
    with pytest.raises(SystemExit) as stopped:
        main(typed)
    assert stopped.value.code == 2
    *usage, said = capsys.readouterr().err.splitlines()
    assert usage[0].startswith("usage: claims.py")
    assert said.startswith("claims.py: error: ")
    assert found in said
    assert not measuring[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be what this command writes"),
        ("[]", "must be what this command writes"),
        ('{"setting": "quick", "claims": [{}]}', "must be what this command writes"),
        ('{"setting": "full", "claims": []}', "Found those of the full one"),
    ],
)
def test_results_of_others_are_not_overwritten(content, said, measuring, capsys):
    Path("claims.json").write_text(content)
    with pytest.raises(SystemExit) as stopped:
        main(["--output", ".", "A"])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert Path("claims.json").read_text() == content
    assert not measuring[0]
