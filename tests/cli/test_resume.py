"""A sweep that was stopped goes on: what is there stays, what is missing comes."""

import json
import shutil
import signal
from dataclasses import asdict
from functools import partial

import pytest

from deltaflow import train
from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from killing import alike, conduct, results
from processes import start
from running import type_in
from traps import at_file

SHORT = ["logger=none", "trainer.max_epochs=1", "network.width=4", "trainer.precision=64-true"]
SWEEP = ["-m", "activation=relu,tanh", "seed=0,5", *SHORT]
FRESH = [*SWEEP, "hydra.sweep.dir=here"]
RESUMED = [*SWEEP, "sweep.resume=here"]


@pytest.fixture(scope="module")
def _finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        assert type_in(patched, directory, *FRESH) == 0
    return directory / "here"


@pytest.fixture
def finished(_finished, tmp_path):
    """A sweep of four runs that has come to its end, to go on with, and what its runs gave."""
    shutil.copytree(_finished, tmp_path / "here")
    return runs_in(tmp_path)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def runs_in(directory):
    folders = (path.parent for path in sorted(directory.glob("here/*/summary.json")))
    return {folder: read_summary(folder) for folder in folders}


def runs(outcome):
    return runs_in(outcome.directory)


def end(folder, status):
    """Make a run look as if it had ended so."""
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"status": status}))


def test_runs_with_references_and_loggers_are_known_again(tmp_path, monkeypatch, capfd):
    sweep = ["-m", "init=torch,he", "scheduler=cosine", *SHORT[1:]]
    assert type_in(monkeypatch, tmp_path, *sweep, "hydra.sweep.dir=here") == 0
    assert type_in(monkeypatch, tmp_path, *sweep, "sweep.resume=here") == 0
    assert capfd.readouterr().out.count("(kept)") == 2
    assert len(runs_in(tmp_path)) == 2


def test_the_name_of_a_run_goes_on_as_a_shell_completes_it(tmp_path, monkeypatch, capfd):
    name = "outputs/2026_path=my,depth=5"
    assert type_in(monkeypatch, tmp_path, *SHORT, f"hydra.run.dir='{name}'") == 0
    end(tmp_path / name, "interrupted")
    assert type_in(monkeypatch, tmp_path, f"resume={name}") == 0
    assert read_summary(tmp_path / name).status == "completed"
    assert "deltaflow:" not in capfd.readouterr().err


def test_a_run_of_python_goes_on_whatever_its_table_is_called(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    rows = [f"{n},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "é=1,2.csv").write_text("\n".join(["x,y", *rows]))
    train([*SHORT, "data=table", "data.path=é=1,2.csv", "data.target=y"], "run")
    end(tmp_path / "run", "interrupted")
    assert type_in(monkeypatch, tmp_path, "resume=run") == 0
    assert read_summary(tmp_path / "run").status == "completed"
    assert "deltaflow:" not in capfd.readouterr().err


@pytest.mark.slow
def test_what_is_finished_stays_as_it_is(deltaflow, tmp_path):
    first = deltaflow(*FRESH)
    before = content(tmp_path / "here")
    again = deltaflow(*RESUMED)
    assert again.status == 0
    assert again.out.count("(kept)") == 4
    assert again.out[again.out.index("Ranking") :] == first.out[first.out.index("Ranking") :]
    after = content(tmp_path / "here")
    assert {k: v for k, v in after.items() if k.name != "multirun.yaml"} == {
        k: v for k, v in before.items() if k.name != "multirun.yaml"
    }


@pytest.mark.slow
@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_what_is_not_finished_runs_again_in_its_place(status, finished, deltaflow):
    lost, *kept = finished
    end(lost, status)
    (lost / "layers.parquet").unlink()
    (lost / "checkpoints" / "last.ckpt").unlink()  # with it, the run would go on from there
    unchanged = {folder: content(folder) for folder in kept}
    again = deltaflow(*RESUMED)
    assert again.status == 0, again.err
    assert again.out.count("(kept)") == 3
    after = runs(again)
    assert list(after) == list(finished)
    assert {folder: content(folder) for folder in kept} == unchanged
    assert after[lost].status == "completed"
    assert alike(asdict(after[lost])["metrics"], asdict(finished[lost])["metrics"])
    assert len(read_table(lost, LAYERS))
    assert len(read_table(lost, METRICS))


@pytest.mark.slow
def test_a_diverged_run_is_a_result_and_stays(deltaflow):
    diverging = ["-m", "optimizer.lr=1e30,0.1", "loss=mse", "logger=none"]
    deltaflow(*diverging, "hydra.sweep.dir=here")
    again = deltaflow(*diverging, "sweep.resume=here")
    assert again.status == 0
    assert again.out.count("(kept)") == 2
    assert sorted(summary.status for summary in runs(again).values()) == [
        "completed", "diverged",
    ]  # fmt: skip


@pytest.mark.slow
def test_more_values_add_runs_with_numbers_of_their_own(finished, deltaflow):
    again = deltaflow(
        "-m", "seed=5,7,0", "activation=tanh,sigmoid,relu", *SHORT, "sweep.resume=here"
    )
    assert again.status == 0
    after = runs(again)
    assert len(after) == 9
    assert set(finished) < set(after)
    numbers = [folder.name.partition("_")[0] for folder in after]
    assert sorted(map(int, numbers)) == list(range(9))
    assert len({summary.identity for summary in after.values()}) == 9
    assert sorted(path.name for path in (again.directory / "here").iterdir() if path.is_dir()) == [
        ".sweep", *sorted(folder.name for folder in after), "figures",
    ]  # fmt: skip


@pytest.mark.usefixtures("finished")
def test_it_goes_on_with_another_logger_and_other_threads(deltaflow):
    again = deltaflow(*RESUMED, "logger=csv", "trainer.threads=1")
    assert again.out.count("(kept)") == 4


@pytest.mark.usefixtures("finished")
def test_all_of_a_run_goes_where_it_has_found_a_place(deltaflow):
    again = deltaflow("-m", "activation=gelu,selu", *SHORT, "logger=csv", "sweep.resume=here")
    assert again.status == 0, again.err
    own = [folder for folder in runs(again) if "gelu" in folder.name or "selu" in folder.name]
    assert [folder.name[:2] for folder in own] == ["4_", "5_"]
    for folder in own:
        assert (folder / "csv" / "metrics.csv").exists()
        assert f"output_dir: {folder}\n" in (folder / ".hydra" / "hydra.yaml").read_text()
    assert len(list(again.directory.glob("here/*/csv"))) == 2


def test_how_it_was_resumed_stands_in_no_name_and_in_no_override(finished, deltaflow):
    end(next(iter(finished)), "failed")
    again = deltaflow(*RESUMED, "++sweep.fail_fast=false")
    assert again.status == 0, again.err
    assert "sweep" not in again.out[again.out.index("Ranking") :].splitlines()[0]
    for folder, summary in runs(again).items():
        assert "sweep" not in folder.name
        assert not [override for override in summary.overrides if "sweep" in override]
        assert "+sweep" not in (folder / ".hydra" / "overrides.yaml").read_text()


def test_a_run_that_fails_again_is_a_row_again(deltaflow):
    failing = ["-m", "network.depth=-1,1", *SHORT]
    deltaflow(*failing, "hydra.sweep.dir=here")
    again = deltaflow(*failing, "sweep.resume=here")
    assert again.status == 1
    assert "`network.depth` must be at least 0. Found -1." in again.err
    assert sorted(summary.status for summary in runs(again).values()) == ["completed", "failed"]


@pytest.mark.usefixtures("finished")
def test_a_sweep_is_not_gone_on_with_elsewhere(deltaflow):
    outcome = deltaflow(*RESUMED, "hydra.sweep.dir=there")
    assert outcome.status == 1
    assert "goes on in its own directory. Found `sweep.resume=here` with" in outcome.err
    assert not (outcome.directory / "there").exists()


@pytest.mark.usefixtures("finished")
def test_the_directory_of_another_sweep_is_told_how_to_go_on(deltaflow):
    outcome = deltaflow(*FRESH)
    assert outcome.status == 1
    assert "go on with it: `sweep.resume=here`" in outcome.err


@pytest.mark.slow
def test_the_first_failure_ends_a_sweep_that_is_to_fail_fast(deltaflow):
    values = ["-m", "network.depth=1,-1,2,3", *SHORT]
    outcome = deltaflow(*values, "hydra.sweep.dir=here", "sweep.fail_fast=true")
    assert outcome.status == 1
    assert [summary.status for summary in runs(outcome).values()] == ["completed", "failed"]
    assert len(list((outcome.directory / "here").glob("[0-9]*"))) == 2
    ranking = outcome.out[outcome.out.index("Ranking") :]
    assert "| 1 | 1 " in ranking
    assert "failed: `network.depth`" in ranking
    assert "stopped at the first failure" in outcome.err
    assert "`sweep.resume=here`" in outcome.err
    rest = deltaflow(*values, "sweep.resume=here")
    assert sorted(summary.status for summary in runs(rest).values()) == [
        "completed", "completed", "completed", "failed",
    ]  # fmt: skip


def test_a_failure_that_leaves_no_record_decides_the_exit_status(deltaflow, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deltaflow.records.recording.claim_directory", full)
    monkeypatch.setattr(
        "deltaflow.sweep.callbacks.RankingCallback.on_multirun_end", lambda *_, **__: None
    )
    outcome = deltaflow(*FRESH)
    assert outcome.status == 1
    assert "No space left on device" in outcome.err


@pytest.mark.parametrize("value", ["abc", "1.5", "null"])
def test_a_value_that_no_run_can_take_is_refused_before_any_begins(value, deltaflow):
    outcome = deltaflow("-m", f"network.depth=1,{value}", *SHORT, "hydra.sweep.dir=here")
    assert outcome.status == 1
    assert len(outcome.out.splitlines()) <= 1  # what was to be trained
    assert outcome.err.count("deltaflow: ") == 1
    assert "`network.depth` must " in outcome.err
    assert not runs(outcome)


STOP = """
import os, signal
from lightning.pytorch import Callback

class Stop(Callback):
    def on_train_batch_end(self, trainer, module, *_):
        if trainer.max_epochs == 2 and os.environ.get("STOP"):
            os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_go_on(tmp_path):
    (tmp_path / "interrupting.py").write_text(STOP)
    command = ["-m", "trainer.max_epochs=1,2,3", "logger=none",
               "+callbacks.stop._target_=interrupting.Stop"]  # fmt: skip
    stopped = start([*command, "hydra.sweep.dir=here"], tmp_path, environment={"STOP": "1"})
    assert stopped.wait() == 130
    assert "Traceback" not in stopped.err
    assert "Go on with the same command and `sweep.resume=here`" in stopped.err
    assert len(list(tmp_path.glob("here/*/summary.json"))) == 2
    assert "Ranking" in stopped.out  # hours of work end with what there is
    assert (tmp_path / "here" / "report.html").exists()
    rest = start([*command, "sweep.resume=here"], tmp_path)
    assert rest.wait() == 0, rest.err
    assert rest.out.count("(kept)") == 1
    statuses = [read_summary(path.parent).status for path in tmp_path.glob("here/*/summary.json")]
    assert statuses == ["completed"] * 3


MEET = """
import os
import time
from pathlib import Path

from lightning.pytorch.callbacks import Callback


class Meet(Callback):
    def on_fit_start(self, trainer, module):
        if place := os.environ.get("MEET"):
            (Path(place) / str(os.getpid())).touch()
            end = time.monotonic() + 600
            while len(os.listdir(place)) < 2 and time.monotonic() < end:
                time.sleep(0.02)
"""


@pytest.mark.slow
def test_two_who_go_on_at_once_share_the_work(tmp_path):
    places = [tmp_path / name for name in ("killed", "one", "other")]  # of what they say
    for place in places:
        place.mkdir()
        (place / "meeting.py").write_text(MEET)
    values = ["-m", "seed=range(5)", "hydra/launcher=basic", *SHORT,
              "+callbacks.meet._target_=meeting.Meet"]  # fmt: skip
    here = tmp_path / "here"
    killing = partial(at_file, "summary.json", "after", "SIGKILL")
    first = start([*values, f"hydra.sweep.dir={here}"], places[0], killing)
    assert first.wait() == -signal.SIGKILL
    (tmp_path / "met").mkdir()  # none of the two trains on before the other has begun
    environment = {"MEET": str(tmp_path / "met")}
    go_on = [*values, f"sweep.resume={here}"]
    both = [start(go_on, place, environment=environment) for place in places[1:]]
    assert [command.wait() for command in both] == [0, 0]
    found = {path.parent: read_summary(path.parent) for path in here.glob("*/summary.json")}
    assert [summary.status for summary in found.values()] == ["completed"] * 5
    assert len({summary.identity for summary in found.values()}) == 5
    for command in both:
        assert any(f"{folder.name}: completed" in command.out for folder in found)


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_ends_as_if_nothing_had_been(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    conduct(undisturbed)
    assert conduct(killed, kills=2, seed=1) == 2
    assert alike(results(killed), results(undisturbed))
