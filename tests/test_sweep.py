"""What happens around the runs of a sweep, without any run."""

import os

import pytest
from omegaconf import OmegaConf

from deltaflow import sweep
from deltaflow.resumption import note_failure

LOCAL = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"


@pytest.fixture
def configured(tmp_path):
    """The configuration of a sweep that has its directory in a new folder."""

    def of(resume=None, name="here"):
        return OmegaConf.create(
            {"hydra": {"sweep": {"dir": str(tmp_path / name)}}, "sweep": {"resume": resume}}
        )

    before = sweep.UNDER_WAY.get()
    sweep.UNDER_WAY.set(None)
    yield of
    sweep.UNDER_WAY.set(before)


@pytest.mark.parametrize(
    ("launcher", "n"),
    [
        (LOCAL, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None),
        (LOCAL.replace("Local", "Slurm"), None),
        ("hydra._internal.core_plugins.basic_launcher.BasicLauncher", None),
    ],
)
def test_only_jobs_on_this_machine_come_in_groups_as_large_as_it_has_cores(launcher, n):
    assert sweep.runs_at_once(launcher) == n


def test_a_sweep_is_under_way_once_its_directory_is_ready(configured, tmp_path):
    assert sweep.how_to_go_on() == ""
    sweep.DirectoryCallback().on_multirun_start(configured())
    assert f"`sweep.resume={tmp_path / 'here'}`" in sweep.how_to_go_on()


def test_a_sweep_is_resumed_in_its_own_directory_only(configured, capsys):
    with pytest.raises(SystemExit):
        sweep.DirectoryCallback().on_multirun_start(configured(resume="elsewhere"))
    assert "goes on in its own directory. Found `sweep.resume=elsewhere`" in capsys.readouterr().err
    assert sweep.how_to_go_on() == ""


def test_a_failure_that_left_no_record_ends_a_sweep_with_status_1(configured, tmp_path):
    config = configured()
    sweep.DirectoryCallback().on_multirun_start(config)
    sweep.DirectoryCallback().on_multirun_end(config)
    note_failure(tmp_path / "here")
    with pytest.raises(SystemExit, match="1"):
        sweep.DirectoryCallback().on_multirun_end(config)


def test_a_sweep_without_runs_is_missed(configured, tmp_path, capsys):
    (tmp_path / "here").mkdir()
    with pytest.raises(SystemExit):
        sweep.RankingCallback().on_multirun_end(configured())
    assert "must make at least one run. Found none in" in capsys.readouterr().err
