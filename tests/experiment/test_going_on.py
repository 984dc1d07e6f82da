"""Runs that were stopped and go on: to the very weights and tables of one that was not."""

from pathlib import Path

import pytest
import torch
from killed_run import SETTINGS, differences, kill_again_and_again
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deltaflow.experiment.archive import CHECKPOINT
from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from deltaflow.records.summary import write_summary
from deltaflow.training.callbacks import checkpoints
from deltaflow.training.module import StackedModule
from running import run

SHORT = [s for s in SETTINGS if not s.startswith("trainer.max_epochs")] + ["trainer.max_epochs=4"]
OTHERS = {
    "adam": SHORT,
    "sgd": [*SHORT, "optimizer=sgd", "scheduler=step", "scheduler.step_size=1",
            "trainer.gradient_clip_norm=0.1", "network.normalization=layer"],
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


def test_an_interruption_writes_what_is_held(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_MOMENT", 0)
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


def test_what_a_killed_process_left_is_taken_up(whole, tmp_path, monkeypatch):
    stopped(SHORT, tmp_path / "run", monkeypatch, 9)
    summary = read_summary(tmp_path / "run")
    write_summary(tmp_path / "run", type(summary)(**vars(summary) | {"status": "running"}))
    resumed(SHORT, tmp_path / "run")
    assert differences(whole("adam"), tmp_path / "run") == []


def test_without_a_checkpoint_it_begins_again(whole, tmp_path, monkeypatch):
    stopped(SHORT, tmp_path / "run", monkeypatch, 9)
    (tmp_path / "run" / CHECKPOINT).unlink()
    resumed(SHORT, tmp_path / "run")
    assert differences(whole("adam"), tmp_path / "run") == []


def test_one_that_has_ended_is_left_alone(whole):
    before = read_summary(whole("adam"))
    with pytest.raises(ValueError, match=r"must have been stopped. Found one that has completed"):
        resumed(SHORT, whole("adam"))
    assert read_summary(whole("adam")) == before


@pytest.fixture
def left(tmp_path, monkeypatch):
    stopped(SHORT, tmp_path / "run", monkeypatch, 9)
    return tmp_path / "run"


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
def test_kills_at_random_moments(tmp_path):
    from killed_run import train

    train(str(tmp_path / "whole"), go_on=False)
    assert kill_again_and_again(tmp_path / "killed", 6, seed=1, pace=6.0)
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
