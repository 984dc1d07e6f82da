"""The commands of the README, run as they stand, and its Python."""

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request

import pytest

from course import command as lessons
from deltaflow import load_run
from deltaflow.commands.analysis import predict, reproduce, theory
from deltaflow.commands.analysis import report as reporting
from deltaflow.live_page.settings import PageSettings
from running import ROOT, options, run
from waiting import wait_until
from written import write_run

README = (ROOT / "README.md").read_text(encoding="utf-8")
LIVE = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", README, flags=re.DOTALL)
LINES = [line for kind, block in BLOCKS if kind == "bash" for line in block.splitlines()]
INLINE = re.findall(r"`(python train\.py [^`]*)`", README)
TRAINING = [line.split("&&")[-1].strip() for line in LINES if "train.py" in line]
COMMANDS = sorted({*TRAINING, *INLINE})
PREDICTIONS = [line for line in LINES if "theory.py" in line]
GROUPS = sorted(
    p.name for p in (ROOT / "conf").iterdir() if p.is_dir() and p.name not in ("hydra", "local")
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.slow
def test_every_training_command_runs(command, deltaflow):
    program, script, *arguments = shlex.split(command)
    assert (program, script) == ("python", "train.py")
    outcome = deltaflow(*arguments)
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    assert outcome.out
    if "--help" not in arguments:
        assert outcome.summaries
        assert list(outcome.directory.glob("outputs/**/flow.png"))


@pytest.mark.parametrize("command", PREDICTIONS)
def test_every_prediction_runs(command, capsys, tmp_path, monkeypatch):
    program, script, *arguments = shlex.split(command)
    assert (program, script) == ("python", "scripts/theory.py")
    monkeypatch.chdir(tmp_path)
    theory.main(arguments)
    out, err = capsys.readouterr()
    assert "Phase" in out
    assert err == ""
    pictures = [a.partition("=")[2] for a in arguments if a.startswith("picture=")]
    assert [path.name for path in tmp_path.iterdir()] == pictures


@pytest.mark.parametrize("command", [line for line in LINES if "lessons.py" in line])
def test_every_lesson_that_is_named_can_be_run(command, tmp_path, monkeypatch, capsys):
    program, script, *arguments = shlex.split(command)
    assert (program, script) == ("python", "scripts/lessons.py")
    ran = []
    monkeypatch.setattr(lessons, "_run", lambda wanted, _: ran.extend(wanted))
    lessons.main(arguments)
    assert len(ran) == {"": 0, "--all": 16}.get(" ".join(arguments), len(arguments))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", [line for line in LINES if "report.py" in line])
def test_every_report_is_written(command, tmp_path, monkeypatch, capsys):
    program, script, *arguments = shlex.split(command)
    assert (program, script) == ("python", "scripts/report.py")
    for number, activation in enumerate(("relu", "tanh")):
        write_run(tmp_path / "outputs" / f"{number}_x", [f"activation={activation}"])
    monkeypatch.chdir(tmp_path)
    reporting.main(arguments)
    assert capsys.readouterr().err == ""
    assert (tmp_path / "outputs" / "runs.csv").exists()
    assert list((tmp_path / "outputs" / "figures").glob("*.svg"))


def test_the_prediction_is_written(tmp_path, monkeypatch, capsys):
    commands = [shlex.split(line) for line in LINES if "predict.py" in line]
    run(["logger=none", "trainer.max_epochs=1", "data=moons"], tmp_path / "outputs" / "RUN")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("x2,x1\n0.5,1.5\n")
    for program, script, *arguments in commands:
        assert (program, script) == ("python", "scripts/predict.py")
        predict.main(arguments)
    assert capsys.readouterr().err == ""
    assert (tmp_path / "predictions.parquet").exists()
    assert (tmp_path / "network.pt").exists()


def test_the_run_is_reproduced(tmp_path, monkeypatch, capsys):
    (command,) = (shlex.split(line) for line in LINES if "reproduce.py" in line)
    assert command[:2] == ["python", "scripts/reproduce.py"]
    run(["logger=none", "trainer.max_epochs=1", "data=moons"], tmp_path / "outputs" / "RUN")
    monkeypatch.chdir(tmp_path)
    reproduce.main(command[2:])
    assert capsys.readouterr().err == ""


OPENING = re.findall(r"python scripts/live\.py[^`\n]*", README + LIVE)


@pytest.mark.parametrize("command", OPENING)
def test_the_settings_of_a_live_page_can_be_composed(command):
    PageSettings.from_overrides(shlex.split(command)[2:]).compose()


@pytest.mark.slow
def test_the_live_page_opens_until_it_is_interrupted(tmp_path):
    _, script, *arguments = shlex.split(max(OPENING, key=len))  # with the most settings
    asked = tmp_path / "asked"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {asked}.new && mv {asked}.new {asked}\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, ROOT / script, *arguments], cwd=tmp_path, text=True,
        env=os.environ | {"BROWSER": str(browser)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_until(lambda: asked.exists() or process.poll() is not None)
        with urllib.request.urlopen(asked.read_text().strip()) as page:
            assert "<title>deltaflow</title>" in page.read().decode()
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


def test_theory_is_asked_with_and_without_a_picture():
    assert len({"picture=" in command for command in PREDICTIONS}) == 2


def test_the_two_commands_of_the_set_up_stand_first():
    assert LINES[0] == "pip install -e . && python train.py activation=relu"
    assert LINES[1] == 'pip install -e ".[test]" && pytest'


@pytest.mark.slow
def test_the_python_runs(tmp_path, monkeypatch):
    blocks = [block for kind, block in BLOCKS if kind == "python" and "my_parts" not in block]
    run(["logger=none", "trainer.max_epochs=1"], tmp_path / "outputs" / "one")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert len(names["layers"]) > 0


@pytest.mark.slow
def test_parts_of_ones_own_come_in_as_it_says(deltaflow, tmp_path):
    for content in re.findall(r"```(?:yaml|python)\n(.*?)```", README, re.DOTALL):
        if name := re.search(r"^# (my_\S+)$", content, re.MULTILINE):
            (tmp_path / name[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name[1]).write_text(content)  # whole, as one copies it
    (block,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    assert len(block.splitlines()) == 3
    for command in block.splitlines():
        arguments = [*shlex.split(command)[2:], "trainer.max_epochs=1", "logger=none"]
        outcome = deltaflow(*arguments)
        assert outcome.status == 0, outcome.err
        assert outcome.err == ""
    found = [load_run(path.parent) for path in tmp_path.glob("outputs/*/summary.json")]
    chosen = [run.summary["choices"] for run in found]
    assert sorted(choice["activation"] for choice in chosen) == ["ramp", "ramp", "relu"]
    assert {choice["experiment"] for choice in chosen} == {None, "smooth_ramp"}


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_is_named(group):
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", README, flags=re.MULTILINE)
    named = set(re.findall(r"[a-z_]+", re.sub(r"\(.*?\)", "", row)))
    assert named == set(options(group))


def test_every_file_it_links_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
