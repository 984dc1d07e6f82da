"""Directories never collide, whatever starts at the same moment, and can be read by a person."""

import re
import subprocess
import sys

import pytest

from deltaflow.records import read_summary
from processes import start

SHORT = ["logger=none", "trainer.max_epochs=1"]

CLAIMING = """
import os, sys, time
from pathlib import Path
from deltaflow.config.names import unique_name
from deltaflow.records import Summary
from deltaflow.records.summary import claim_directory

time.strftime = lambda _: "2026-11-23_100000"  # all in one second, however busy the machine is
wait, go = os.pipe()
children = []
for _ in range(100):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(wait, 1)  # until all are there
        name = unique_name(*sys.argv[1:])
        claim_directory(Path("outputs") / name, Summary(status="running", process=os.getpid()))
        os._exit(0)
    children.append(child)
os.close(go)
assert not any(os.waitpid(child, 0)[1] for child in children)
print(*children)
"""


@pytest.mark.parametrize(
    "arguments", [[], ["activation=relu,network.depth=5"], ["seed=1", "sweep"]]
)
def test_a_hundred_that_start_at_once_have_a_hundred_directories(arguments, tmp_path):
    command = [sys.executable, "-c", CLAIMING, *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    folders = list((tmp_path / "outputs").iterdir())
    assert len(folders) == 100
    claimed = {read_summary(folder).process for folder in folders}
    assert claimed == set(map(int, ran.stdout.split()))


@pytest.mark.slow
def test_runs_that_start_at_once_have_directories_of_their_own(tmp_path):
    at_once = [start(["diagnostics=off", *SHORT], tmp_path) for _ in range(3)]
    assert [command.wait() for command in at_once] == [0] * 3
    folders = list((tmp_path / "outputs").iterdir())
    assert len(folders) == 3
    begun = {command.process.pid for command in at_once}
    assert {read_summary(folder).process for folder in folders} == begun
    assert {read_summary(folder).status for folder in folders} == {"completed"}


def test_a_run_says_in_its_name_what_was_run(deltaflow):
    outcome = deltaflow("activation=tanh", "network.depth=1", *SHORT)
    (path,) = outcome.summaries
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d_\d{6}_activation=tanh,logger=none,depth=1,max_epochs=1_[0-9a-f]{6}",
        path.parent.name,
    )


def test_a_sweep_says_in_its_name_what_it_varies(deltaflow):
    outcome = deltaflow("-m", "activation=tanh,relu", *SHORT)
    (sweep,) = (outcome.directory / "outputs").iterdir()
    assert re.fullmatch(r"sweep_[\d-]{10}_\d{6}_activation_[0-9a-f]{6}", sweep.name)
    assert {path.parent.parent for path in outcome.summaries} == {sweep}


@pytest.mark.parametrize(
    "value",
    [
        "'../../x'",
        "'a b\tc'",
        "'" + "λ🎲" * 300 + "'",
        "'" + "long" * 300 + "'",
        "'CON<>|?*:\"'",
        "'.'",
    ],
    ids=["path", "blanks", "emoji", "long", "reserved", "dot"],
)
def test_whatever_an_override_holds_the_name_is_safe(value, deltaflow):
    outcome = deltaflow(f"+callbacks.note={value}", *SHORT)
    (path,) = outcome.directory.glob("outputs/*/summary.json")
    assert len(path.parent.name.encode()) <= 255
    assert re.fullmatch(r"[A-Za-z0-9_.=,+-]+", path.parent.name)


def test_the_settings_of_a_run_stand_in_its_directory(deltaflow):
    outcome = deltaflow("activation=tanh", *SHORT)
    (path,) = outcome.summaries
    kept = {file.name: file.read_text() for file in (path.parent / ".hydra").iterdir()}
    assert set(kept) == {"config.yaml", "overrides.yaml", "hydra.yaml"}
    assert "_target_: torch.nn.Tanh" in kept["config.yaml"]
    assert kept["overrides.yaml"] == "- activation=tanh\n- logger=none\n- trainer.max_epochs=1\n"
    assert kept["hydra.yaml"].startswith("hydra:\n")
