"""A sweep whose stacks are trained by two processes: the same results, and one end for both."""

import contextvars
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import polars as pl
import pytest
from omegaconf import OmegaConf

from deltaflow.commands import shared_stacks, sharing, train
from deltaflow.commands.shared_stacks import LostProcessError, SharedStacks, can_share
from deltaflow.commands.sharing import start_second_process
from deltaflow.config.composition.runs import compose_run
from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from killing import alike
from processes import start
from running import ROOT
from waiting import wait_until

SETTINGS = ["-m", "seed=range(8)", "network.depth=2", "network.width=8", "logger=none",
            "trainer.max_epochs=4", "trainer.precision=64-true"]  # fmt: skip

PHI = """
import os, signal
import torch

class Acting(torch.nn.Module):
    '''tanh; some time in training, and only in a second process, it does something.'''

    calls = 0

    def forward(self, z):
        if z.ndim == 3 and os.getppid() == int(open("conductor").read()):
            Acting.calls += 1
            if Acting.calls >= 40:
                {act}
        return z.tanh()
"""


def share():
    """Let a command share, though its program is the tests', and however slow the imports are."""
    sharing.MAY_SHARE.set(True)
    shared_stacks._PATIENCE = 600.0


@pytest.fixture
def sweep(tmp_path):
    """A sweep with a φ that acts in the second process."""

    def begin(act: str):
        (tmp_path / "acting.py").write_text(PHI.format(act=act))
        # The command is a fork of this process, whose number it takes before it imports the φ.
        own = ["activation._target_=acting.Acting", "hydra.sweep.dir=sweep"]
        command = start(
            [*SETTINGS, *own], tmp_path, prepare=share, environment={"PYTHONPATH": str(tmp_path)}
        )
        (tmp_path / "conductor").write_text(str(command.process.pid))
        return command

    return begin


def runs_of(folder: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/summary.json"))}


@pytest.mark.slow
def test_two_processes_come_to_what_one_comes_to(tmp_path):
    both, one = (tmp_path / name for name in ("both", "one"))
    shared = subprocess.run(  # as users start it, which shares of itself
        [sys.executable, ROOT / "train.py", *SETTINGS, f"hydra.sweep.dir={both}"],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    command = start([*SETTINGS, f"hydra.sweep.dir={one}"], tmp_path)
    assert command.wait() == 0, command.err
    for out, err in ((shared.stdout, shared.stderr), (command.out, command.err)):
        assert err == ""
        said = [line for line in out.splitlines() if ": completed" in line]
        assert [line.partition("_")[0] for line in said] == [*"01234567"]
    summaries = {folder: [read_summary(path) for path in runs_of(folder).values()]
                 for folder in (both, one)}  # fmt: skip
    assert len({summary.process for summary in summaries[both]}) == 2
    assert len({summary.process for summary in summaries[one]}) == 1
    for ours, other in zip(runs_of(both).values(), runs_of(one).values(), strict=True):
        assert (ours / "flow.png").exists()
        for schema in (LAYERS, METRICS):
            assert alike(read_table(ours, schema), read_table(other, schema))
    ours, other = (pl.read_parquet(folder / "runs.parquet") for folder in (both, one))
    own = ["wall_seconds", "run", "directory"]
    assert alike(ours.drop(own, strict=False), other.drop(own, strict=False))


@pytest.mark.parametrize(
    ("program", "is_own"), [(ROOT / "train.py", True), (ROOT / "own.py", False), (None, False)]
)
def test_a_script_of_the_user_s_does_not_share(program, is_own, monkeypatch):
    shares = []
    monkeypatch.setattr(sys.modules["__main__"], "__file__", program, raising=False)
    monkeypatch.setattr(train, "run_command_line", lambda _: shares.append(sharing.MAY_SHARE.get()))
    contextvars.copy_context().run(train.main)
    assert shares == [is_own]


@pytest.mark.slow
def test_a_signal_interrupts_both(sweep, tmp_path):
    command = sweep("os.kill(os.getppid(), signal.SIGINT); import time; time.sleep(600)")
    assert command.wait() == 130
    assert "Traceback" not in command.err
    assert "sweep.resume=" in command.err
    statuses = {read_summary(path).status for path in runs_of(tmp_path / "sweep").values()}
    assert statuses <= {"interrupted", "completed"}
    assert "interrupted" in statuses
    assert not list((tmp_path / "sweep").glob("*/records"))


@pytest.mark.slow
def test_a_second_process_that_is_killed_ends_the_sweep_which_can_go_on(sweep, tmp_path):
    command = sweep("os.kill(os.getpid(), signal.SIGKILL)")
    assert command.wait() == 1
    assert "Found that the second has ended" in command.err
    assert "sweep.resume=" in command.err
    statuses = [read_summary(path).status for path in runs_of(tmp_path / "sweep").values()]
    assert statuses.count("completed") == statuses.count("running") == 4
    (tmp_path / "conductor").write_text("0")
    own = ["activation._target_=acting.Acting", "sweep.resume=sweep"]
    again = start([*SETTINGS, *own], tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert again.wait() == 0, again.err
    found = runs_of(tmp_path / "sweep")
    assert [read_summary(path).status for path in found.values()] == ["completed"] * 8


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="asks for Linux")
def test_it_ends_with_the_process_that_started_it(sweep, tmp_path):
    command = sweep(
        "open('second', 'w').write(str(os.getpid()));"
        "os.kill(os.getppid(), signal.SIGKILL); import time; time.sleep(600)"
    )
    assert command.wait() == -signal.SIGKILL
    stat = Path("/proc") / (tmp_path / "second").read_text() / "stat"

    def has_ended() -> bool:  # though nobody may have asked yet how
        try:
            return stat.read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    wait_until(has_ended)


@pytest.mark.slow
def test_runs_that_fail_there_fail_alone(sweep, tmp_path):
    command = sweep("raise ArithmeticError('not there')")
    assert command.wait() == 1
    assert command.err.count("in forward: ArithmeticError: not there") == 4
    assert command.err.count("are trained again in two halves") == 3  # of four runs, and of two
    statuses = [read_summary(path).status for path in runs_of(tmp_path / "sweep").values()]
    assert statuses == ["completed"] * 4 + ["failed"] * 4
    assert "Traceback" not in command.err


def asked(overrides, n_runs=8):
    hydra = [one for one in overrides if "hydra." in one]
    config, _ = compose_run([one for one in overrides if one not in hydra], Path("sweep"))
    for one in hydra:
        name, _, value = one.lstrip("+").partition("=")
        OmegaConf.update(config, name, value, force_add=True)
    return start_second_process(config, [[f"seed={n}", *overrides] for n in range(n_runs)])


@pytest.mark.parametrize(
    ("overrides", "n_runs"),
    [([], 7), (["trainer.threads=1"], 8), (["accelerator=auto"], 8),
     (["trainer.accelerator=cuda"], 8), (["sweep.fail_fast=true"], 8),
     (["+hydra.callbacks.mine._target_=own.Callback"], 8)],
)  # fmt: skip
def test_small_sweeps_and_such_that_need_all_are_left_to_one(overrides, n_runs, monkeypatch):
    monkeypatch.setattr(sharing, "n_cores", lambda: 2)
    monkeypatch.setattr(sharing, "second_process", lambda: pytest.fail("it is started"))
    token = sharing.MAY_SHARE.set(True)
    assert not asked(overrides, n_runs)
    sharing.MAY_SHARE.reset(token)


@pytest.mark.parametrize(("may", "cores"), [(False, 2), (True, 1)])
def test_a_notebook_and_a_single_core_have_no_second_process(may, cores, monkeypatch):
    monkeypatch.setattr(sharing, "n_cores", lambda: cores)
    monkeypatch.setattr(sharing, "second_process", lambda: pytest.fail("it is started"))
    token = sharing.MAY_SHARE.set(may)
    assert not asked([])
    sharing.MAY_SHARE.reset(token)


class Tried:
    """A task that says what trained it, in place of stacks."""

    stacks = ((1,), (2,))
    directory = Path("sweep")

    def __init__(self, lock=None):
        self.lock = lock


def test_a_second_process_that_cannot_import_or_be_told_is_not_used(monkeypatch):
    monkeypatch.setattr(shared_stacks, "running_process", lambda: None)
    good, failed = Future(), Future()
    good.set_result(None)
    failed.set_exception(NameError("PosixPath"))
    assert can_share(Tried(), good)
    assert not can_share(Tried(), failed)
    assert not can_share(Tried(threading.Lock()), good)


class Silent:
    """A second process that is lost before it answers."""

    def __init__(self, error):
        self.error = error

    def submit(self, function, *arguments):
        asked = Future()
        asked.set_exception(self.error)
        return asked


@pytest.mark.parametrize("error", [EOFError(), BrokenPipeError(), pickle.UnpicklingError()])
def test_a_lost_process_is_one_message(error):
    shared = SharedStacks(Silent(error), Tried(), 2, 1)
    assert shared.next() == 0
    with pytest.raises(LostProcessError, match=r"`trainer\.threads=1`"):
        shared.results(wait=True)


def test_what_is_raised_there_is_raised_here():
    shared = SharedStacks(Silent(MemoryError("all")), Tried(), 1, 1)
    assert shared.next() is None
    with pytest.raises(MemoryError, match="all"):
        shared.results(wait=True)
