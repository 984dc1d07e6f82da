"""Event files as TensorBoard reads them, and as its own writer would write them."""

import math
import threading

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from deltaflow.training.loggers import TensorBoardRun


def written(kind, directory):
    """What a logger writes of some steps: steps and values of its two files, in their order."""
    logger = kind(save_dir=directory, name=None, version="run", default_hp_metric=False)
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"both": {"one": 1.0, "two": 2.0}}, 0)
    for step in range(3):
        logger.log_metrics({"loss": 1 / (step + 1), "accuracy": math.nan}, step)
    logger.experiment.add_text("verdicts", "ä" * 100_000, 3)
    logger.finalize("success")
    logger.log_metrics({"test": 2.0}, 3)  # which opens a second file
    logger.finalize("success")
    files = sorted((directory / "run").glob("events.out.tfevents.*"))
    assert len(files) == 2
    return [
        (event.step, event.file_version, value and value.SerializeToString())
        for file in files
        for event in LegacyEventFileLoader(str(file)).Load()
        for value in event.summary.value or [None]
    ]


def test_the_events_are_those_of_tensorboard_s_own_writer(tmp_path):
    ours, theirs = (
        written(kind, tmp_path / kind.__name__) for kind in (TensorBoardRun, TensorBoardLogger)
    )
    assert len(ours) == 10
    assert ours == theirs


def test_what_was_logged_is_there_at_once_and_without_a_thread(tmp_path):
    before = threading.active_count()
    logger = TensorBoardRun(save_dir=tmp_path, name=None, version="run")
    for step in range(50):
        logger.log_metrics({"loss": float(step)}, step)
    assert threading.active_count() == before
    read = EventAccumulator(str(tmp_path / "run")).Reload()
    assert [event.value for event in read.Scalars("loss")] == [*map(float, range(50))]
    logger.finalize("success")


def test_a_changed_byte_is_found(tmp_path):
    logger = TensorBoardRun(save_dir=tmp_path, name=None, version="run")
    logger.log_metrics({"loss": 1.0}, 0)
    logger.finalize("success")
    (file,) = (tmp_path / "run").glob("events.out.tfevents.*")
    content = bytearray(file.read_bytes())
    content[-6] ^= 1  # of the last record's content
    file.write_bytes(content)
    events = LegacyEventFileLoader(str(file)).Load()
    assert not any(value.tag == "loss" for event in events for value in event.summary.value)


def test_a_full_disk_is_no_silent_loss(tmp_path, monkeypatch):
    logger = TensorBoardRun(save_dir=tmp_path, name=None, version="run")
    logger.log_metrics({"loss": 1.0}, 0)

    class Full:
        def write(self, content):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(logger.experiment.file_writer.event_writer, "_file", Full())
        with pytest.raises(OSError, match="No space left"):
            logger.log_metrics({"loss": 1.0}, 1)
    logger.finalize("failed")
