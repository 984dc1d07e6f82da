"""Whatever stops a run or a sweep at its end, its rows stay and its summary says the truth."""

import signal
from functools import partial
from pathlib import Path

import pytest

from deltaflow import load_run
from deltaflow.comparison.collection import collect
from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from deltaflow.sweep.report import report_on
from processes import Command, start
from stopping import stop_at_random
from traps import at_call, at_file

RUN = ["hydra.run.dir=run", "trainer.max_epochs=2", "n_seeds=2", "network.width=4",
       "data.batch_size=null", "diagnostics.flush_seconds=0"]  # fmt: skip
SWEEP = ["-m", "hydra.sweep.dir=sweep", "seed=0,5", "logger=none", *RUN[1:]]
N_ROWS = {LAYERS: 2 * 2 * 3, METRICS: 2 * 2 * 2}  # 2 seeds, 2 steps, 3 layers; 2 epochs, 2 splits
N_TESTED = 2  # further rows of the metrics table

FILES = ["layers.parquet", "metrics.parquet", "last.ckpt", "flow.png", "summary.json"]
STEPS = [
    "deltaflow.training.callbacks.metrics.MetricRecorder.on_test_epoch_end",
    "deltaflow.experiment.active_run.summarize",
    "deltaflow.verdicts.judge",
    "deltaflow.figures.run.picture.RunPicture.png",
    "deltaflow.experiment.active_run.log_picture",
    "deltaflow.experiment.active_run.log_verdicts",
    "deltaflow.experiment.active_run.log_outcome",
    "lightning.pytorch.loggers.TensorBoardLogger.finalize",
    "deltaflow.records.tables.TableWriter.close",
    "deltaflow.records.recording.Recording.complete",
]
SWEEP_FILES = ["runs.parquet", "runs.csv", "report.html", "profiles.png"]
SWEEP_STEPS = ["deltaflow.sweep.report.report_on", "deltaflow.terminal.ranking.print_ranking"]
ASKING = ["SIGINT", "SIGTERM", "SIGHUP", "twice"]
FAILING = ["error", "panic", "memory", "disk"]
JUDGING = "deltaflow.verdicts.judge"  # whose errors are warnings: results shall not go with it


def moments(files: list[str], steps: list[str]) -> list:
    """Before and after each file appears, and before each step, what may happen then.

    A command is asked to stop at every third place, fails in one of several ways at each, and
    meets a storm of signals at each; each way has its turn. What a kill leaves, and what a full
    disk does, is the same from one file to the next: they come before each file, and no more.
    """
    places = [(at_file, name, moment) for name in files for moment in ("before", "after")]
    places += [(at_call, name, "before") for name in steps]
    return [
        pytest.param(
            partial(set_trap, name, moment, act),
            act,
            id=f"{act} {moment} {name if set_trap is at_file else name.rpartition('.')[2]}",
        )
        for n, (set_trap, name, moment) in enumerate(places)
        for act in dict.fromkeys(
            [
                "storm",
                FAILING[(n + n // 4) % 4],
                *[ASKING[n // 3 % 4]] * (n % 3 == 0),
                *(["SIGKILL", "disk"] if set_trap is at_file and moment == "before" else []),
            ]
        )
    ]


def wait(command: Command, act: str) -> int:
    """The exit status of a command that something was to stop, which it says, and in words."""
    status = command.wait()
    assert "Traceback" not in command.err
    assert "should not have come" not in command.err or act in ("error", "panic")
    if act == "SIGKILL":
        assert status == -signal.SIGKILL
    elif act in {*ASKING, "storm"}:
        # One of a storm may come when all is done and said, and ends the process at once.
        assert status == 130 or (act == "storm" and -status in set(signal.Signals))
        assert command.err.count("interrupted.") == 1
    return status


def assert_rows_are_there(directory: Path) -> None:
    for schema, n_rows in N_ROWS.items():
        table = read_table(directory, schema)
        assert len(table) - n_rows in (0, N_TESTED if schema is METRICS else 0)
        assert not table.select(schema.key).is_duplicated().any()
    found = load_run(directory)
    assert len(found.layers) == N_ROWS[LAYERS]


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "act"), moments(FILES, STEPS))
def test_a_run_that_is_stopped_at_its_end_keeps_its_rows(prepare, act, tmp_path):
    status = wait(start(RUN, tmp_path, prepare), act)
    directory = tmp_path / "run"
    assert_rows_are_there(directory)
    recorded = read_summary(directory).status
    if act == "SIGKILL":
        assert recorded in ("running", "completed")
    elif act in {*ASKING, "storm"}:
        assert recorded in ("interrupted", "completed")
        assert "kept in run." in (tmp_path / "stderr").read_text()
    else:
        assert recorded == ("failed" if status else "completed")
        # A summary that fits where it is can be written on a full disk too.
        assert status or JUDGING in str(prepare) or "summary.json" in str(prepare)
    (collected,) = collect([directory])
    assert collected.status in (recorded, "interrupted")
    report_on([collected], tmp_path, "a run")


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "act"), moments(SWEEP_FILES, SWEEP_STEPS))
def test_a_sweep_that_is_stopped_at_its_end_keeps_its_runs(prepare, act, tmp_path):
    status = wait(start(SWEEP, tmp_path, prepare), act)
    assert status
    runs = collect([tmp_path / "sweep"])
    assert [run.status for run in runs] == ["completed", "completed"]
    for run in runs:
        assert_rows_are_there(run.directory)
    report_on(runs, tmp_path, "a sweep")
    if act in {*ASKING, "storm"}:
        assert "sweep" in (tmp_path / "stderr").read_text()


@pytest.mark.slow
def test_no_row_is_lost_at_random_moments_either(tmp_path):
    n_lost, endings = stop_at_random(tmp_path, stops=5, seed=24)
    assert n_lost == 0
    assert {ending.partition(" ")[2] for ending in endings} == {"status 130", "status -9"}
