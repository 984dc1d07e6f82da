"""The command: what it takes, what it writes, and that no claim is lost by another."""

import json
from pathlib import Path

import pytest

from claims import CLAIMS, command
from claims.command import Settings, main
from claims.ledger import entry
from claims.ruling import Finding
from deltaflow.comparison.collection import collect
from deltaflow.system.errors import UserError
from written import write_run


@pytest.fixture
def measuring(tmp_path, monkeypatch):
    """Claims without runs; those with a letter in ``broken`` fail."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run", device="cpu", git_commit=None)
    runs = collect([tmp_path / "run"])
    done, broken = [], {}

    def measured(claim, setting, directory):
        done.append((claim.letter, setting, directory))
        if error := broken.get(claim.letter):
            raise error
        findings = [
            Finding(place, ("c",), 2.0, 1.9, 2.1, 10, "yes") for place in range(len(claim.measures))
        ]
        return entry(claim, setting, findings, runs)

    monkeypatch.setattr(command, "measured", measured)
    return done, broken


def letters(folder: str) -> list[str]:
    ledger = json.loads((Path(folder) / "claims.json").read_text(encoding="utf-8"))
    return [own["letter"] for own in ledger["claims"]]


def test_all_claims_are_measured_and_written(measuring, capsys):
    done, _ = measuring
    main([])
    assert [letter for letter, *_ in done] == [claim.letter for claim in CLAIMS]
    assert letters("outputs/claims_quick") == [claim.letter for claim in CLAIMS]
    text = Path("outputs/claims_quick/claims.md").read_text(encoding="utf-8")
    assert "This is the quick setting" in text
    said = capsys.readouterr()
    assert "A sigmoid_slows_early_layers: holds" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    "typed", ["claims=F,A", "claims=[F,A]", "claims=f,sigmoid_slows_early_layers"]
)
def test_some_are_chosen(typed, measuring):
    main([typed])
    assert letters("outputs/claims_quick") == ["A", "F"]


def test_the_others_stay(measuring):
    main(["claims=A,B"])
    main(["claims=B,C"])
    assert letters("outputs/claims_quick") == ["A", "B", "C"]


@pytest.mark.parametrize(("there", "folder"), [(True, "docs"), (False, "outputs/claims_full")])
def test_only_the_full_setting_writes_into_docs(there, folder, measuring):
    if there:
        Path("docs").mkdir()
    main(["claims=A"])
    assert not (Path("docs") / "claims.json").exists()
    main(["claims=A", "setting=full"])
    assert letters(folder) == ["A"]
    assert "full setting" in (Path(folder) / "claims.md").read_text(encoding="utf-8")


def test_a_claim_that_fails_does_not_lose_the_others(measuring, capsys):
    _, broken = measuring
    broken["B"] = UserError("A claim must run. Found none. Run it.")
    with pytest.raises(SystemExit) as stopped:
        main(["claims=A,B,C"])
    assert stopped.value.code == 1
    assert letters("outputs/claims_quick") == ["A", "C"]
    assert capsys.readouterr().err == (
        "deltaflow: B tanh_vanishes_less_than_sigmoid: A claim must run. Found none. Run it.\n"
    )


def test_what_was_measured_before_an_interruption_is_kept(measuring, capsys):
    _, broken = measuring
    broken["C"] = KeyboardInterrupt()
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 130
    assert letters("outputs/claims_quick") == ["A", "B"]
    assert "interrupted" in capsys.readouterr().err


def test_folders_can_be_named(measuring):
    done, _ = measuring
    main(["claims=A", "output=mine", "runs=theirs"])
    assert letters("mine") == ["A"]
    ((_, _, folder),) = done
    assert folder.parent == Path("theirs")


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("setting=slow", "Found `slow`"),
        ("claims=Z", "Found 'Z'"),
        ("claims=A,nothing", "Found 'nothing'"),
        ("activation=relu", "Found `activation=relu`"),
        ("output=", "Found nothing"),
        ("runs=run/summary.json", "Found run/summary.json"),
        ("setting=quick,full", "Found `setting=quick,full`"),
        ("--full", "--full"),
    ],
)
def test_bad_input_is_told_in_one_message(argument, found, measuring, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([argument])
    said = capsys.readouterr().err
    assert stopped.value.code == 1
    assert len(said.splitlines()) == 1
    assert said.startswith("deltaflow: ")
    assert found in said
    assert not measuring[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be what this command writes"),
        ("[]", "must be what this command writes"),
        ('{"setting": "quick", "claims": [{}]}', "must be what this command writes"),
        ('{"setting": "full", "claims": []}', "Found those of `setting=full`"),
    ],
)
def test_results_of_others_are_not_overwritten(content, said, measuring, capsys):
    Path("claims.json").write_text(content)
    with pytest.raises(SystemExit):
        main(["output=.", "claims=A"])
    assert said in capsys.readouterr().err
    assert Path("claims.json").read_text() == content
    assert not measuring[0]


def test_help_says_what_can_be_set(capsys):
    main(["--help"])
    said = capsys.readouterr().out
    assert all(f"{name}=" in said for name in Settings.__dataclass_fields__)


def test_runs_of_another_preset_have_another_folder(monkeypatch, tmp_path):
    (claim,) = command.chosen(["F"])
    quick, full = (command.folder_of(claim, setting) for setting in ("quick", "full"))
    assert quick.startswith("relu_leaves_dead_units_")
    assert quick != full
    assert full == command.folder_of(claim, "full")
    preset = tmp_path / "experiment" / "claims" / f"{claim.name}.yaml"
    preset.parent.mkdir(parents=True)
    preset.write_text("n_seeds: 10")
    monkeypatch.setattr(command, "config_directory", lambda: tmp_path)
    assert command.folder_of(claim, "full") != full
