"""Sweeps in parallel: the same runs, report and exit status, whatever starts them."""

import os
import signal
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from hydra.core.plugins import Plugins

from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from killing import SWEEP as LONG
from killing import alike, conduct, results
from processes import Command, start
from running import CONF
from traps import at_call

pytestmark = pytest.mark.usefixtures("quick_imports")  # of workers

EXTRAS = {"joblib": ("hydra_joblib_launcher", "parallel"),
          "submitit_local": ("hydra_submitit_launcher", "slurm"),
          "ray": ("hydra_ray_launcher", "ray")}  # fmt: skip
ONE_WORKER = {
    "ray": ["++hydra.launcher.ray.init.num_cpus=1"]
}  # each imports torch; others may meet
SHORT = ["logger=none", "trainer.max_epochs=2", "network.width=4", "trainer.precision=64-true"]
SWEEP = ["-m", "network.depth=-1,1", *SHORT]


def _require(launcher: str) -> None:
    module, extra = EXTRAS[launcher]
    if find_spec(f"hydra_plugins.{module}") is None:
        message = f"{launcher} is not installed: pip install 'deltaflow[{extra}]'"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(params=EXTRAS)
def launcher(request) -> str:
    _require(request.param)
    return str(request.param)


def _train(folder: Path, *arguments: str) -> Command:
    """A command that has ended; the workers of launchers find what is in its folder."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = start(arguments, folder, environment={"PYTHONPATH": path})
    command.wait()
    return command


def _ranking(ran: Command) -> str:
    return ran.out[ran.out.index("Ranking") :]


def _summaries(sweep: Path) -> dict[str, dict]:
    return {path.parent.name: read_summary(path.parent) for path in sweep.glob("*/summary.json")}


def test_every_launcher_that_we_configure_is_tested_here():
    configured = {path.stem for path in (CONF / "hydra" / "launcher").glob("*.yaml")}
    assert configured - {"stacks"} == set(EXTRAS)  # that is the default, which all sweeps try


@pytest.mark.parametrize(
    ("launcher", "most", "sizes"),
    [
        ([], "null", [3, 3, 3]),
        ([], "1", [0, 0, 0]),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=1"], "4", [2, 2, 0]),
    ],
)
def test_a_job_of_any_launcher_is_a_stack(launcher, most, sizes, deltaflow):
    if launcher:
        _require("joblib")
    runs = ["-m", "seed=0,1,2", "network.depth=1,2", f"sweep.max_networks={most}", *SHORT]
    outcome = deltaflow(*runs, *launcher, "n_seeds=2", "hydra.sweep.dir=here")
    assert outcome.status == 0, outcome.err
    found = _summaries(outcome.directory / "here")
    for depth in (1, 2):
        of_depth = [found[name] for name in sorted(found) if f"depth={depth}" in name]
        assert [len(summary.stack) for summary in of_depth] == sizes
    assert not list((outcome.directory / "here" / ".sweep").glob("*.log"))


def test_a_stack_has_at_least_one_network(deltaflow):
    outcome = deltaflow("-m", "seed=0,1", "sweep.max_networks=0")
    assert outcome.status == 1
    assert "`sweep.max_networks` must be at least 1, or null. Found 0." in outcome.err
    assert outcome.err.count("deltaflow: ") == 1


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """The same sweep without a launcher of others."""
    folder = tmp_path_factory.mktemp("there")
    assert start([*SWEEP, "hydra/launcher=basic", "hydra.sweep.dir=."], folder).wait() == 1
    return folder


WAITING = """
import time
from pathlib import Path

from lightning.pytorch import Callback

class Wait(Callback):
    def on_train_start(self, *_):
        end = time.monotonic() + 300
        while not any('"failed"' in p.read_text() for p in Path(PLACE).glob("*/summary.json")):
            assert time.monotonic() < end
            time.sleep(0.02)
"""


@pytest.mark.slow
def test_the_first_failure_ends_a_sweep_in_parallel(tmp_path):
    _require("joblib")
    waiting = WAITING.replace("PLACE", repr(str(tmp_path / "here")))
    (tmp_path / "waiting_runs.py").write_text(waiting)
    ran = _train(
        tmp_path, "-m", "network.depth=-1,1,2,3", "sweep.fail_fast=true",
        "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=here",
        "+callbacks.wait._target_=waiting_runs.Wait", *SHORT,
    )  # fmt: skip
    assert ran.wait() == 1
    assert "failed: `network.depth`" in ran.out  # perhaps of the only run that began
    found = [summary.status for summary in _summaries(tmp_path / "here").values()]
    assert len(found) < 3
    assert found.count("failed") == 1
    assert len(list((tmp_path / "here").glob("[0-9]*"))) == len(found)


KILLING = f"""
import os
from lightning.pytorch import Callback

class Kill(Callback):
    def on_train_start(self, *_):
        os.kill(os.getpid(), {signal.SIGKILL.value})
"""
HARMLESS = "from lightning.pytorch import Callback as Kill"


@pytest.mark.slow
def test_a_sweep_that_loses_a_process_goes_on_and_is_as_one_that_runs_one_by_one(
    launcher, one_by_one, tmp_path
):
    parts = tmp_path / "killing_runs.py"
    sweep = [*SWEEP, f"hydra/launcher={launcher}", "+callbacks.kill._target_=killing_runs.Kill",
             *ONE_WORKER.get(launcher, [])]  # fmt: skip
    parts.write_text(KILLING)
    lost = _train(tmp_path, *sweep, "hydra.sweep.dir=here")
    assert lost.wait() == 1
    assert "A sweep in parallel must keep its processes." in lost.err
    assert "Go on with the same command and `sweep.resume=here`" in lost.err
    assert "Traceback" not in lost.err
    assert "Records" in lost.out  # the end that every sweep has, whatever was finished by then
    parts.write_text(HARMLESS)
    arguments = [*sweep, "sweep.resume=here"]
    ran = _train(tmp_path, *arguments)
    assert ran.wait() == 1  # as a run has failed
    for text in ("| 1 | ", "failed: `network.depth` must"):
        assert text in _ranking(ran)
    for said in (ran.out, ran.err):
        assert "Traceback" not in said
        assert "warning" not in said.lower()
    found = _summaries(tmp_path / "here")
    assert set(found) == set(_summaries(one_by_one))
    for name, summary in found.items():
        assert summary.command[1:] == arguments
        assert summary.status == ("failed" if "depth=-1" in name else "completed")
        for schema in (LAYERS, METRICS):
            ours, alone = (read_table(f / name, schema) for f in (tmp_path / "here", one_by_one))
            assert alike(ours, alone)


@pytest.mark.slow
def test_workers_that_outlive_their_sweep_end_it_and_nothing_is_done_twice(tmp_path):
    _require("joblib")
    conduct(tmp_path / "undisturbed")
    killed = tmp_path / "killed"
    stays = partial(at_call, "deltaflow.sweep.report.report_on", "before", "SIGSTOP")
    conductor = start([*LONG, "hydra/launcher=joblib", "hydra.sweep.dir=sweep"], killed, stays)
    while not _summaries(killed / "sweep"):
        assert conductor.runs(0.01)
    workers = psutil.Process(conductor.process.pid).children(recursive=True)
    conductor.send(signal.SIGKILL)
    conductor.wait()
    assert workers
    conduct(killed)  # takes what they have not begun
    _, alive = psutil.wait_procs(workers, timeout=600)
    assert not alive
    assert {s.status for s in _summaries(killed / "sweep").values()} <= {"completed", "diverged"}
    conduct(killed)  # which keeps all there is, and reports on it
    assert alike(results(killed), results(tmp_path / "undisturbed"))


@pytest.mark.parametrize("name", EXTRAS)
def test_a_launcher_that_is_not_installed_is_missed(name, deltaflow, monkeypatch):
    known = Plugins.instance().class_name_to_class
    module, extra = EXTRAS[name]
    without = {key: value for key, value in known.items() if module not in key}
    monkeypatch.setattr(Plugins.instance(), "class_name_to_class", without)
    outcome = deltaflow("-m", "seed=0,1", f"hydra/launcher={name}", "hydra.sweep.dir=here")
    assert outcome.status == 1
    assert len(outcome.out.splitlines()) <= 1  # what was to be trained
    assert "`hydra/launcher` needs the package" in outcome.err
    assert f"pip install 'deltaflow[{extra}]'" in outcome.err
    assert outcome.err.count("deltaflow: ") == 1
