"""A training that is watched is the run of the same settings."""

import subprocess
import sys
from pathlib import Path

import pytest

from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment.building import assembly
from deltaflow.live_page.stepwise_training import Training
from running import run

SETTINGS = ["activation=tanh", "network.depth=3", "n_seeds=4", "trainer.max_epochs=2",
            "diagnostics.every_n_steps=1", "logger=none"]  # fmt: skip


@pytest.fixture
def started():
    trainings = []

    def start(settings):
        config, _ = compose_run(settings, Path())
        trainings.append(Training(config, assembly.datamodule(config)))
        return trainings[-1]

    yield start
    for one in trainings:
        one.close(wait=True)


def test_its_records_are_those_of_the_run(started, tmp_path):
    done = run(SETTINGS, tmp_path)
    training = started(SETTINGS)
    training.step()
    training.wait()
    training.epoch()
    training.wait()
    training.play()
    training.wait()
    assert training.error is None
    assert training.has_ended
    rows = training.history.layers.rows.sort("seed", "step", "layer")
    assert rows.equals(done.layers.sort("seed", "step", "layer"))
    metrics = training.history.metrics.rows
    key = ["seed", "epoch", "split"]
    assert metrics.sort(key).equals(done.metrics.sort(key))
    assert list(training.evaluation.verdicts) == [one.words for one in done.verdicts]
    assert len(training.history.losses) == done.record.n_steps


CLOSED = """
import time
from pathlib import Path
from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment.building import assembly
from deltaflow.live_page.stepwise_training import Training

config, _ = compose_run(["network.depth=20", "n_seeds=16", "trainer.max_epochs=500"], Path())
training = Training(config, assembly.datamodule(config))
training.play()
while training.n_steps < 20:
    time.sleep(0.01)
training.close()
"""


@pytest.mark.slow
def test_a_program_may_end_while_a_closed_training_makes_its_last_update(tmp_path):
    ended = subprocess.run([sys.executable, "-c", CLOSED], cwd=tmp_path, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
