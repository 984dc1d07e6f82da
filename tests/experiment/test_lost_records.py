"""What a run does when its records are damaged, moved or deleted while it trains."""

import json
import os
import shutil
import signal
import stat
import warnings
from pathlib import Path

import pytest
from lightning.pytorch import Callback

from deltaflow import load_run, train
from deltaflow.experiment import failure
from deltaflow.records import read_summary, recording
from deltaflow.records.recording import DirectoryLostError
from deltaflow.records.summary import DirectoryTakenError
from running import run

SHORT = ["trainer.max_epochs=4", "network.width=4", "diagnostics.flush_seconds=0"]


class Doing(Callback):
    """Does something to the run's directory after the second epoch."""

    act = staticmethod(lambda directory: None)

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            Doing.act(Path(trainer.default_root_dir))


@pytest.fixture
def meanwhile(monkeypatch):
    """A run to whose directory something is done while it trains."""

    def train(act, directory: Path, *more: str):
        monkeypatch.setattr(Doing, "act", staticmethod(act))
        monkeypatch.setattr(
            "deltaflow.experiment.building.assembly.callbacks", lambda config: [Doing()]
        )
        return run([*SHORT, *more], directory)

    return train


def move(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))


def replace(directory: Path) -> None:
    move(directory)
    directory.mkdir()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("act", [move, replace, shutil.rmtree])
@pytest.mark.parametrize("logger", ["none", "tensorboard", "csv"])
def test_a_run_whose_directory_is_gone_fails_and_says_so(act, logger, meanwhile, tmp_path):
    with pytest.raises(DirectoryLostError, match=r"must stay where it is .* moved or deleted"):
        meanwhile(act, tmp_path / "run", f"logger={logger}")
    assert not (tmp_path / "run" / "summary.json").exists()
    assert not (tmp_path / "run" / "layers.parquet").exists()
    if act is not shutil.rmtree:  # a process that lives, but this one is not at work on it
        kept = load_run(tmp_path / "elsewhere")
        assert kept.summary["status"] == "running"
        assert kept.layers["step"].max() == 10


def damage(name: str):
    def act(directory: Path) -> None:
        (directory / "records" / name).write_bytes(b"PAR1 and no more")

    return act


def remove(name: str):
    return lambda directory: (directory / "records" / name).unlink()


@pytest.mark.parametrize("act", [damage, remove])
def test_a_chunk_that_is_lost_costs_its_rows_and_no_number_passes_for_another(
    act, meanwhile, tmp_path
):
    with pytest.warns(UserWarning, match=r"Rows are lost\..*layers-00000\.parquet"):
        found = meanwhile(act("layers-00000.parquet"), tmp_path / "run", "logger=none")
    assert found.summary["status"] == "completed"
    assert found.layers["step"].unique().sort().to_list() == [10, 20, 23]
    assert len(found.metrics) == 9
    assert found.summary["flow"] == {}
    assert found.summary["verdicts"] == []
    assert set(found.summary["theory"].values()) >= {None}
    if act is damage:  # somebody may mend it
        assert (tmp_path / "run" / "records" / "layers-00000.parquet").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_run(tmp_path / "run").layers.equals(found.layers, null_equal=True)


def test_files_have_the_rights_that_the_umask_gives(tmp_path):
    before = os.umask(0o077)
    try:
        run(SHORT, tmp_path / "run")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {"flow.png", "layers.parquet", "last.ckpt", "config.yaml"} <= {p.name for p in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize(
    "name", ["layers.parquet", "flow.png", "checkpoints", ".hydra", "records", "fit-profile.txt"]
)
def test_nothing_that_is_there_is_overwritten(name, tmp_path):
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(DirectoryTakenError, match=f"needs a directory of its own. Found `{name}`"):
        run(SHORT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_files_in_the_directory_do_not_matter(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert run([*SHORT, "logger=none"], tmp_path).summary["status"] == "completed"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_that_is_interrupted_as_it_begins_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "deltaflow.records.recording.claim_directory", then_stop(recording.claim_directory)
    )
    with pytest.raises(KeyboardInterrupt, match="kept in"):
        run(SHORT, tmp_path / "run")
    assert read_summary(tmp_path / "run").status == "interrupted"


def test_a_signal_while_a_failure_is_told_leaves_no_run_that_seems_to_go_on(monkeypatch, tmp_path):
    def fail(*_):
        raise LookupError("no such thing")

    monkeypatch.setattr("deltaflow.experiment.active_run.summarize", fail)
    monkeypatch.setattr("deltaflow.experiment.failure.explain", then_stop(failure.explain))
    with pytest.raises(KeyboardInterrupt):
        run(SHORT, tmp_path / "run")
    found = read_summary(tmp_path / "run")
    assert (found.status, "no such thing" in found.error) == ("failed", True)
    assert len(load_run(tmp_path / "run").layers)


def then_stop(function):
    """A function, and Ctrl-C as soon as it is done."""

    def stopped(*arguments):
        result = function(*arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return result

    return stopped


@pytest.mark.parametrize("n_words", [0, 900, 4000])
def test_a_full_disk_leaves_a_true_status_however_long_the_summary(n_words, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    def fill(*_):
        monkeypatch.setattr("pathlib.Path.replace", full)
        full()

    monkeypatch.setattr("deltaflow.experiment.active_run.summarize", fill)
    with pytest.raises(OSError, match="No space"):
        run(SHORT, tmp_path / "run", command=["x"] * n_words)
    found = read_summary(tmp_path / "run")
    assert found.status == "failed"
    assert "No space left on device" in found.error


def test_a_part_that_changes_the_folder_does_not_move_a_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(Doing, "act", staticmethod(lambda _: os.chdir(tmp_path / "elsewhere")))
    monkeypatch.setattr(
        "deltaflow.experiment.building.assembly.callbacks", lambda config: [Doing()]
    )
    assert train([*SHORT, "logger=none"], "run").summary["status"] == "completed"
    assert (tmp_path / "run" / "flow.png").exists()


def test_a_short_summary_leaves_no_rest_of_a_longer_one_on_a_full_disk(monkeypatch, tmp_path):
    from deltaflow.records import Summary, write_summary

    write_summary(tmp_path, Summary(status="running", command=["x" * 2000]))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deltaflow.records.summary.replace_file", full)
    write_summary(tmp_path, Summary(status="failed"))
    assert read_summary(tmp_path).status == "failed"
    assert json.loads((tmp_path / "summary.json").read_text())["command"] == []
