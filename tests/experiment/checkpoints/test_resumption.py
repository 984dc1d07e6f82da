"""Runs that were stopped and go on: to the very weights and tables of one that was not."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from killed_run import SETTINGS, differences, kill_again_and_again, train_run, train_sweep
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deltaflow.experiment.checkpoints.archive import CHECKPOINT
from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from deltaflow.records.summary import write_summary
from deltaflow.training import parts
from deltaflow.training.callbacks import checkpoints
from deltaflow.training.module import StackedModule
from running import run, type_in

SHORT = [s for s in SETTINGS if not s.startswith("trainer.max_epochs")] + ["trainer.max_epochs=4"]
OTHERS = {
    "adam": SHORT,
    "sgd": [*SHORT, "optimizer=sgd", "scheduler=step", "scheduler.step_size=1",
            "trainer.gradient_clip_norm=0.1", "network.normalization=layer"],
    "stopping": [*SHORT, "optimizer=sgd", "scheduler=plateau", "scheduler.patience=0",
                 "optimizer.lr=0.1", "trainer.early_stopping.patience=1", "n_seeds=4",
                 "trainer.max_epochs=9"],
    "folds": [*SHORT, "scheduler=plateau", "scheduler.patience=0", "optimizer.lr=0.1",
              "trainer.early_stopping.patience=1", "data.folds=3",
              "trainer.max_epochs=9"],
    "bce": [*SHORT, "loss=bce", "optimizer=rmsprop", "optimizer.lr=0.01", "data.batch_size=null"],
}  # fmt: skip


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Undisturbed runs, by the name of their settings."""
    made: dict[str, Path] = {}

    def of(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name) / "run"
            run(OTHERS[name], made[name])
        return made[name]

    return of


def stopped(overrides, directory, monkeypatch, at, error=KeyboardInterrupt):
    """A run that is interrupted in a step."""
    step = StackedModule.training_step

    def training_step(self, batch, batch_idx):
        if self.global_step == at:
            raise error
        return step(self, batch, batch_idx)

    monkeypatch.setattr(StackedModule, "training_step", training_step)
    with pytest.raises(error) as raised:
        run(overrides, directory)
    monkeypatch.setattr(StackedModule, "training_step", step)
    return str(raised.value)


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        stopped(SHORT, directory, patch, 9)
    return directory


@pytest.fixture
def left(interrupted, tmp_path):
    """What an interrupted run has left."""
    return shutil.copytree(interrupted, tmp_path / "run")


def resumed(overrides, directory):
    return run([*overrides, f"resume='{directory}'"], directory)


@pytest.mark.parametrize(
    ("name", "at"), [("adam", 9), ("adam", 2), ("adam", 12), ("sgd", 6), ("bce", 3)]
)
def test_it_ends_as_if_nothing_had_happened(name, at, whole, tmp_path, monkeypatch):
    said = stopped(OTHERS[name], tmp_path / "run", monkeypatch, at)
    assert f"Go on with `python train.py resume={tmp_path / 'run'}`" in said
    assert read_summary(tmp_path / "run").status == "interrupted"
    made = resumed(OTHERS[name], tmp_path / "run")
    assert differences(whole(name), tmp_path / "run") == []
    assert made.record.verdicts == read_summary(whole(name)).verdicts
    assert made.record.n_steps == read_summary(whole(name)).n_steps


@pytest.mark.parametrize("name", ["stopping", "folds"])
def test_replicas_that_had_stopped_stay_as_they_are(name, whole, tmp_path, monkeypatch):
    summary = read_summary(whole(name))
    stops = sorted(one.stopped_at_step or summary.n_steps for one in summary.replicas)
    assert stops[0] < stops[-1]
    stopped(OTHERS[name], tmp_path / "run", monkeypatch, stops[0] + 1)
    resumed(OTHERS[name], tmp_path / "run")
    assert differences(whole(name), tmp_path / "run") == []
    assert read_summary(tmp_path / "run").replicas == summary.replicas


@pytest.mark.parametrize("name", ["adam", "stopping", "folds"])
def test_one_whose_training_has_ended_is_tested(name, whole, tmp_path, monkeypatch):
    def test_step(self, batch, batch_idx):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StackedModule, "test_step", test_step)
        with pytest.raises(KeyboardInterrupt):
            run(OTHERS[name], tmp_path / "run")
    resumed(OTHERS[name], tmp_path / "run")
    assert differences(whole(name), tmp_path / "run") == []
    assert read_summary(tmp_path / "run").verdicts == read_summary(whole(name)).verdicts


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_stack_in_parts_goes_on(name, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_WHOLE_BYTES", 2000)
    monkeypatch.setattr(parts, "_PART_BYTES", 2000)
    run(OTHERS[name], tmp_path / "whole")
    stopped(OTHERS[name], tmp_path / "run", monkeypatch, 9)
    resumed(OTHERS[name], tmp_path / "run")
    assert differences(tmp_path / "whole", tmp_path / "run") == []


def test_moments_of_another_memory_layout_go_on(whole, left):
    """Checkpoints of earlier versions hold them input by input, which fused kernels misread."""
    path = left / CHECKPOINT
    kept = torch.load(path, weights_only=True)
    (optimizer,) = kept["optimizer_states"]
    n_changed = 0
    for moments in optimizer["state"].values():
        for name, moment in moments.items():
            if moment.ndim == 3:
                moments[name] = moment.mT.contiguous().mT
                n_changed += moments[name].stride() != moment.stride()
    assert n_changed > 2
    torch.save(kept, path)
    resumed(SHORT, left)
    assert differences(whole("adam"), left) == []


def test_an_interruption_writes_what_is_held(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_MIN_INTERVAL", 0)
    monkeypatch.setattr(checkpoints, "_INTERVAL_FACTOR", 0)
    seldom = [*SHORT, "trainer.checkpoint_every=null"]
    stopped(seldom, tmp_path / "run", monkeypatch, 9)
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["global_step"] == 8
    resumed(seldom, tmp_path / "run")
    assert differences(whole("adam"), tmp_path / "run") == []


def scalars(directory):
    board = EventAccumulator(str(directory / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    tags = board.Tags()["scalars"]
    return {(tag, event.step): event.value for tag in tags for event in board.Scalars(tag)}


def test_tensorboard_shows_what_it_would_have(tmp_path, monkeypatch):
    logged = [s for s in SHORT if s != "logger=none"]
    whole = run(logged, tmp_path / "whole").directory
    stopped(logged, tmp_path / "run", monkeypatch, 9)
    resumed(logged, tmp_path / "run")
    assert differences(whole, tmp_path / "run") == []
    assert scalars(whole)
    assert scalars(tmp_path / "run") == scalars(whole)


def test_what_a_killed_process_left_is_taken_up(whole, left):
    summary = read_summary(left)
    write_summary(left, type(summary)(**vars(summary) | {"status": "running"}))
    resumed(SHORT, left)
    assert differences(whole("adam"), left) == []


def test_without_a_checkpoint_it_begins_again(whole, left):
    (left / CHECKPOINT).unlink()
    resumed(SHORT, left)
    assert differences(whole("adam"), left) == []


def test_one_that_has_ended_is_left_alone(whole):
    before = read_summary(whole("adam"))
    with pytest.raises(ValueError, match=r"must have been stopped. Found one that has completed"):
        resumed(SHORT, whole("adam"))
    assert read_summary(whole("adam")) == before


def test_other_settings_are_another_run(left):
    with pytest.raises(ValueError, match="Found other settings, or other data"):
        resumed([*SHORT, "optimizer.lr=0.5"], left)
    resumed([*SHORT, "diagnostics.flush_seconds=5"], left)


def test_another_directory_is_refused(left, tmp_path):
    with pytest.raises(ValueError, match=r"in its own directory.*`python train\.py resume="):
        run([*SHORT, f"resume='{left}'"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("damage", ["cut", "other", "weights alone", "counts"])
def test_a_checkpoint_that_cannot_be_used_loses_nothing(damage, left):
    path = left / CHECKPOINT
    kept = torch.load(path, weights_only=True)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other":
        path.write_bytes(b"PK")
    elif damage == "weights alone":
        torch.save({name: kept[name] for name in ("state_dict", "epoch", "global_step")}, path)
    else:
        torch.save(kept | {"global_step": -5}, path)
    rows = [read_table(left, schema) for schema in (LAYERS, METRICS)]
    with pytest.raises(ValueError, match="must be the checkpoint of a run") as refused:
        resumed(SHORT, left)
    assert "\n" not in str(refused.value)
    after = [read_table(left, schema) for schema in (LAYERS, METRICS)]
    assert all(one.equals(other) for one, other in zip(rows, after, strict=True))
    assert read_summary(left).status == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("train", [train_run, train_sweep])
def test_kills_at_random_moments(train, tmp_path):
    train(str(tmp_path / "whole"), go_on=False)
    assert kill_again_and_again(train, tmp_path / "killed", 6, seed=1, changes=150)
    assert differences(tmp_path / "whole", tmp_path / "killed") == []


STACK = [
    "-m", "optimizer=adam,sgd,rmsprop", "scheduler=cosine", "optimizer.lr=0.01", "n_seeds=2",
    *(s for s in SHORT if not s.startswith(("optimizer", "scheduler", "n_seeds"))),
]  # fmt: skip


def sweep(monkeypatch, folder, *overrides, at=None):
    """A sweep by the command line, interrupted in a step of each of its stacks; its runs."""
    folder.mkdir(exist_ok=True)
    step = StackedModule.training_step

    def training_step(self, batch, batch_idx):
        if self.global_step == at:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    there = ["sweep.resume=s"] if (folder / "s").exists() else ["hydra.sweep.dir=s"]
    with monkeypatch.context() as patch:
        patch.setattr(StackedModule, "training_step", training_step)
        assert type_in(patch, folder, *STACK, *there, *overrides) == (130 if at else 0)
    return sorted((folder / "s").glob("[0-9]*"))


@pytest.fixture(scope="session")
def whole_sweep(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return sweep(patch, tmp_path_factory.mktemp("whole"))


def test_a_stack_goes_on_as_if_nothing_had_happened(whole_sweep, tmp_path, monkeypatch, capfd):
    made = sweep(monkeypatch, tmp_path, at=9)
    assert [read_summary(one).status for one in made] == ["interrupted"] * 3
    assert torch.load(made[0] / CHECKPOINT, weights_only=True)["global_step"] == 8
    assert sweep(monkeypatch, tmp_path, at=13) == made
    before = [read_summary(one).wall_seconds for one in made]
    assert sweep(monkeypatch, tmp_path) == made
    for one, other, seconds in zip(whole_sweep, made, before, strict=True):
        summary = read_summary(other)
        assert differences(one, other) == []
        assert summary.verdicts == read_summary(one).verdicts
        assert len(summary.stack) == 3
        assert summary.wall_seconds > seconds > 0


@pytest.mark.slow
def test_each_run_of_a_stack_goes_on_alone(whole_sweep, tmp_path, monkeypatch):
    made = sweep(monkeypatch, tmp_path, at=9)
    sweep(monkeypatch, tmp_path, "sweep.max_networks=1")
    for one, other in zip(whole_sweep, made, strict=True):  # to rounding: sums have other orders
        assert read_summary(other).stack == []
        assert read_summary(other).n_steps == 16
        losses = [read_table(run, METRICS)["loss"].to_numpy() for run in (one, other)]
        np.testing.assert_allclose(*losses, rtol=1e-4)


def test_a_sweep_does_not_go_on_as_a_run_does(tmp_path, monkeypatch, capfd):
    assert type_in(monkeypatch, tmp_path, "-m", "resume=there", "seed=1,2") == 1
    assert "A sweep goes on by `sweep.resume=…`" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_csv_logger_goes_on_with_its_file(tmp_path, monkeypatch):
    logged = [*(s for s in SHORT if s != "logger=none"), "logger=csv"]

    def lines(directory):
        with (directory / "csv" / "metrics.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    whole = lines(run(logged, tmp_path / "whole").directory)
    stopped(logged, tmp_path / "run", monkeypatch, 9)
    assert lines(tmp_path / "run")
    resumed(logged, tmp_path / "run")
    assert lines(tmp_path / "run") == whole


OWN_CHECKPOINT = [
    "n_seeds=1", "+callbacks.own._target_=lightning.pytorch.callbacks.ModelCheckpoint",
    "+callbacks.own.save_top_k=-1", "+callbacks.own.every_n_epochs=1",
    "+callbacks.own.save_on_train_epoch_end=true",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_checkpoint_of_the_users_own_displaces_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_MIN_INTERVAL", 0)
    monkeypatch.setattr(checkpoints, "_INTERVAL_FACTOR", 0)
    own = [*SHORT, "trainer.checkpoint_every=null", *OWN_CHECKPOINT]
    whole = run(own, tmp_path / "whole").directory
    stopped(own, tmp_path / "run", monkeypatch, 9)
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["global_step"] == 8
    resumed(own, tmp_path / "run")
    assert differences(whole, tmp_path / "run") == []
