"""Whatever stops a run, what it had measured stays, and nothing claims to be complete."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from processes import Command, sit_at, start
from running import ROOT

pytestmark = pytest.mark.slow

STOP_AT = 57

CALLBACK = f"""
import os, signal
from lightning.pytorch import Callback

class Stop(Callback):
    def __init__(self, signal_name):
        self.number = getattr(signal, signal_name)

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == {STOP_AT}:
            os.kill(os.getpid(), self.number)
"""


def with_modules_from(folder: Path) -> dict[str, str]:
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def stopped(tmp_path):
    def run(signal_name: str, *settings: str) -> tuple[Command, Path]:
        (tmp_path / "interrupting.py").write_text(CALLBACK)
        ran = start(
            ["hydra.run.dir=here", "logger=none", "+callbacks.stop._target_=interrupting.Stop",
             f"+callbacks.stop.signal_name={signal_name}", *settings], tmp_path,
        )  # fmt: skip
        return ran, tmp_path / "here"

    return run


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_keeps_what_it_measured(signal_name, stopped):
    ran, directory = stopped(signal_name)
    assert ran.wait() == 130
    assert "Traceback" not in ran.err
    assert "interrupted" in ran.err
    assert read_summary(directory).status == "interrupted"
    assert read_table(directory, LAYERS)["step"].max() == 50
    assert read_table(directory, METRICS)["epoch"].max() == 8
    assert not (directory / "records").exists()


def test_a_killed_run_keeps_what_it_had_flushed(stopped):
    ran, directory = stopped("SIGKILL", "diagnostics.flush_seconds=0")
    assert ran.wait() == -signal.SIGKILL
    assert read_summary(directory).status == "running"
    assert not (directory / "layers.parquet").exists()
    assert read_table(directory, LAYERS)["step"].unique().sort().to_list() == [
        0, 10, 20, 30, 40, 50,
    ]  # fmt: skip
    assert read_table(directory, METRICS)["epoch"].max() == 8


def test_a_disk_that_fills_up_fails_the_run_with_one_message(stopped, tmp_path):
    (tmp_path / "full.py").write_text(
        "import os\n"
        "from lightning.pytorch import Callback\n"
        "from deltaflow.records import summary, tables\n"
        "class Disk(Callback):\n"
        "    def on_train_epoch_end(self, trainer, *_):\n"
        "        def full(path, write): raise OSError(28, 'No space left on device', str(path))\n"
        "        tables.replace_file = summary.replace_file = full\n"
    )
    ran, directory = stopped(
        "SIGCONT", "+callbacks.disk._target_=full.Disk", "diagnostics.flush_seconds=0"
    )
    assert ran.wait() == 1
    assert "No space left on device" in ran.err
    assert "Traceback" not in ran.err
    assert read_summary(directory).status == "failed"
    assert "No space left on device" in read_summary(directory).error
    assert len(read_table(directory, LAYERS))


def test_an_interruption_of_the_imports_is_no_traceback(tmp_path):
    (tmp_path / "hydra.py").write_text("raise KeyboardInterrupt\n")  # as if Ctrl-C came just then
    environment = with_modules_from(tmp_path)
    command = [sys.executable, str(ROOT / "train.py")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert ran.returncode == 130
    assert ran.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_a_terminal_that_is_closed_interrupts_the_run(tmp_path):
    import pty

    (tmp_path / "closing.py").write_text(
        "import os\n"
        "from lightning.pytorch import Callback\n"
        "class Tell(Callback):\n"
        "    def on_train_batch_end(self, trainer, *_):\n"
        f"        if trainer.global_step == {STOP_AT}:\n"
        "            open('going', 'w').close()\n"
        "            os.read(0, 1)\n"  # until the terminal is gone
    )
    ours, its = pty.openpty()
    ran = start(
        ["hydra.run.dir=here", "logger=none", "+callbacks.tell._target_=closing.Tell"], tmp_path,
        partial(sit_at, os.ttyname(its)),
    )  # fmt: skip
    os.close(its)
    while not (tmp_path / "going").exists():
        assert ran.runs(0.01)
    os.close(ours)
    assert ran.wait() == 130
    assert read_summary(tmp_path / "here").status == "interrupted"
    assert read_table(tmp_path / "here", LAYERS)["step"].max() == 50
