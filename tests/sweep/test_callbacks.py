"""What happens around the runs of a sweep, without any run."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from deltaflow.sweep import callbacks
from deltaflow.sweep.directory import note_failure
from deltaflow.terminal import ranking
from written import write_run


@pytest.fixture
def configured(tmp_path):
    """The configuration of a sweep that has its directory in a new folder."""

    def of(resume=None, overrides=()):
        places = {"dir": str(tmp_path / "here"), "subdir": "${hydra.job.num}"}
        typed = {"sweep": places, "overrides": {"task": list(overrides)}, "job": {"num": "???"}}
        return OmegaConf.create({"hydra": typed, "sweep": {"resume": resume}})

    before = callbacks.CURRENT_SWEEP.get()
    callbacks.CURRENT_SWEEP.set(None)
    yield of
    callbacks.CURRENT_SWEEP.set(before)


def test_a_sweep_is_under_way_once_its_directory_is_ready(configured, tmp_path):
    assert callbacks.resume_hint() == ""
    callbacks.DirectoryCallback().on_multirun_start(configured())
    assert f"`sweep.resume={tmp_path / 'here'}`" in callbacks.resume_hint()


def test_a_sweep_is_resumed_in_its_own_directory_only(configured, capsys):
    with pytest.raises(SystemExit):
        callbacks.DirectoryCallback().on_multirun_start(configured(resume="elsewhere"))
    assert "goes on in its own directory. Found `sweep.resume=elsewhere`" in capsys.readouterr().err
    assert callbacks.resume_hint() == ""


def test_a_failure_that_left_no_record_ends_a_sweep_with_status_1(configured, tmp_path):
    config = configured()
    callbacks.DirectoryCallback().on_multirun_start(config)
    callbacks.DirectoryCallback().on_multirun_end(config)
    note_failure(tmp_path / "here")
    with pytest.raises(SystemExit, match="1"):
        callbacks.DirectoryCallback().on_multirun_end(config)


def test_a_sweep_without_runs_is_missed(configured, tmp_path, capsys):
    (tmp_path / "here").mkdir()
    with pytest.raises(SystemExit):
        callbacks.RankingCallback().on_multirun_end(configured())
    assert "must make at least one run. Found none in" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["sweep.resume=q,r", "+sweep.fail_fast=true,false"])
def test_what_is_one_for_a_sweep_is_refused_with_several_values(typed, configured, capsys):
    with pytest.raises(SystemExit):
        callbacks.DirectoryCallback().on_multirun_start(configured(overrides=["seed=1,2", typed]))
    said = capsys.readouterr().err
    assert "takes one value for all runs of a sweep. Found" in said
    assert f"`{typed}`" in said


def test_runs_that_others_have_just_taken_are_no_failure(configured, tmp_path, capsys):
    (tmp_path / "here" / "0_seed=1").mkdir(parents=True)
    callbacks.RankingCallback().on_multirun_end(configured())
    out, err = capsys.readouterr()
    assert ("nothing to report yet" in out, err) == (True, "")


def _fails(*_):
    raise OSError(28, "No space left on device")


def test_a_ranking_that_nobody_can_be_shown_keeps_no_report_from_being_written(
    configured, tmp_path, capsys, monkeypatch
):
    write_run(tmp_path / "here" / "0_x", ["activation=relu"])
    monkeypatch.setattr(ranking, "print_ranking", _fails)
    with pytest.raises(SystemExit, match="1"):
        callbacks.RankingCallback().on_multirun_end(configured())
    assert "The report could not be shown." in capsys.readouterr().err
    assert (tmp_path / "here" / "report.html").exists()


def test_runs_that_cannot_be_compared_end_a_sweep_with_status_1(
    configured, tmp_path, capsys, monkeypatch
):
    write_run(tmp_path / "here" / "0_x", ["activation=relu"])
    monkeypatch.setattr("deltaflow.sweep.report.report_on", _fails)
    with pytest.raises(SystemExit, match="1"):
        callbacks.RankingCallback().on_multirun_end(configured())
    out, err = capsys.readouterr()
    assert "0_x: " in out
    assert "The runs could not be compared." in err


def test_a_sweep_that_was_stopped_ends_with_a_report_on_what_there_is(configured, tmp_path, capsys):
    callbacks.report_stopped_sweep()  # none is under way
    callbacks.DirectoryCallback().on_multirun_start(configured())
    callbacks.report_stopped_sweep()  # nothing has run yet
    assert capsys.readouterr().err == ""
    write_run(tmp_path / "here" / "0_x", ["activation=relu"])
    callbacks.report_stopped_sweep()
    assert (tmp_path / "here" / "report.html").exists()
    assert callbacks.resume_hint() == ""  # it has ended


def test_the_first_line_waits_for_no_library():
    slow = ("polars", "torch", "lightning", "scipy", "matplotlib")
    loads = (
        "import sys, deltaflow.sweep.callbacks, deltaflow.terminal.screen, deltaflow.config.names"
    )
    asks = f"print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{loads}\n{asks}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
