"""A claim's preset runs as the command line runs it, and leaves the process as it was."""

import os
import signal
import sys
import threading
import warnings

import pytest

from claims.conducting import conduct
from deltaflow.commands.api import LOG

NAME = "depth_needs_an_activation"
TINY = ["n_seeds=2", "trainer.max_epochs=1", "trainer.max_batches=2", "network.depth=0,1",
        "activation=tanh", "diagnostics=off"]  # fmt: skip


def state():
    hooks = warnings.showwarning, threading.excepthook, signal.getsignal(signal.SIGTERM)
    return (*hooks, list(sys.argv), list(sys.path), os.environ.get("HYDRA_FULL_ERROR"))


def test_runs_are_made_kept_and_silent(tmp_path, capfd):
    before, folder = state(), tmp_path / "it's here"
    (first,) = conduct(NAME, [*TINY, "network.depth=0"], folder)
    written = (first.directory / "summary.json").stat().st_mtime_ns
    again = conduct(NAME, TINY, folder)
    assert [run.status for run in again] == ["completed"] * 2
    assert sorted(run.summary.hyperparameters["network.depth"] for run in again) == [0, 1]
    assert (first.directory / "summary.json").stat().st_mtime_ns == written
    assert capfd.readouterr() == ("", "")
    assert "(kept)" in (folder / LOG).read_text()
    assert state() == before


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.lr=-1", r"come to an end\. Found 0_.* failed: .*optimizer.lr"),
        ("network.nowhere=1", r"must make runs\. Found none: .*network.nowhere"),
    ],
)
def test_what_cannot_run_is_told_in_one_message(override, said, tmp_path, capfd):
    with pytest.raises(ValueError, match=said) as refused:
        conduct(NAME, [*TINY, override], tmp_path)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""
