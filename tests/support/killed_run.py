"""A run, or a sweep, that is killed at random moments and goes on.

``python tests/support/killed_run.py 50`` kills a run fifty times, ``… 50 150 sweep`` the runs of a
stack, each process within 150 changes of its files, and ``… 50 150 folds`` one with
folds and early stopping. ``PYTHONPATH=scripts … 20 0 benchmark`` kills the benchmark's sweep of
48 runs exactly twenty times, by turns at a moment of the clock and before a change of a file, and
a fifth of the times while it writes its report. Its moments are shares of what an undisturbed sweep
takes for the runs that are left, so that kills fall within the sweep until the last.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from same_records import differences

from processes import fork
from running import blank_pictures
from traps import at_change

SETTINGS = [
    "data=moons", "data.n_samples=100", "n_seeds=2", "network.width=8", "network.dropout=0.2",
    "network.normalization=batch", "optimizer=adam", "scheduler=cosine", "logger=none",
    "trainer.max_epochs=10", "trainer.checkpoint_every=0", "diagnostics.flush_seconds=0",
]  # fmt: skip
_OF_REPORT = 35  # changes of files that a report makes, at least
_REPORT = "runs.parquet", "runs.csv", "report.html", "figures"


def train_run(directory: str, go_on: bool) -> None:
    """Train to the end, in this process."""
    from running import run

    run([*SETTINGS, *([f"resume='{directory}'"] if go_on else [])], Path(directory))


def train_folds(directory: str, go_on: bool) -> None:
    """The same, of a run whose replicas stop one by one."""
    from running import run

    own = ["data.folds=3", "trainer.early_stopping.patience=2", "scheduler=plateau"]
    there = [f"resume='{directory}'"] if go_on else []
    run([*SETTINGS, *own, *there], Path(directory))


def train_sweep(directory: str, go_on: bool) -> None:
    """The same, of three runs that are one stack."""
    own = [setting for setting in SETTINGS if not setting.startswith("optimizer")]
    _sweep(["optimizer=adam,sgd,rmsprop", *own], directory, go_on)


def train_benchmark(directory: str, go_on: bool) -> None:
    """The same, of the sweep that the benchmark takes apart, in two processes."""
    from benchmark.phases import SWEEP
    from deltaflow.commands import sharing

    sharing.MAY_SHARE.set(True)
    _sweep(SWEEP, directory, go_on)


def _sweep(overrides: Sequence[str], directory: str, go_on: bool) -> None:
    from deltaflow.commands.train import run_command_line

    where = "sweep.resume" if go_on else "hydra.sweep.dir"
    run_command_line(["train.py", "-m", *overrides, f"{where}={directory}"])


def kill_again_and_again(
    train: Callable[[str, bool], None], directory: Path, n_kills: int, seed: int, changes: int
) -> int:
    """Train in processes of which so many are killed; the number of kills that hit.

    Args:
        train: trains or goes on, in this process.
        directory: of the run or sweep.
        n_kills: at most.
        seed: of the moments.
        changes: of files, that a process may make at most before it is killed.
    """
    draw, n_hit = random.Random(seed), 0
    for k in range(n_kills + 1):
        n = draw.randint(1, changes) if k < n_kills else None
        if not _is_killed(train, directory, n and partial(at_change, n, str(directory))):
            return n_hit
        n_hit += 1
    return n_hit


def kill_everywhere(
    train: Callable[[str, bool], None],
    directory: Path,
    n_kills: int,
    seed: int,
    n_runs: int,
    changes: int,
    length: float,
) -> int:
    """Train a sweep, killed so many times and no less; say where each kill came.

    Args:
        train: trains or goes on, in this process.
        directory: of the sweep.
        n_kills: of them a fifth in the report, where each process of a finished sweep comes.
        seed: of the moments.
        n_runs: of the sweep.
        changes: of files, that an undisturbed sweep makes.
        length: seconds that an undisturbed sweep takes.
    """
    draw, done, began = random.Random(seed), 0, time.monotonic()
    n_within = n_kills - n_kills // 5
    while done < n_kills:
        # of a sweep, that the next process may do: about as much is left for each kill to come
        share = min(1.0, 2 / max(1, n_within - done)) * _unfinished(directory, n_runs)
        trap, seconds, n = None, None, draw.randint(1, max(1, round(share * changes)))
        if done >= n_within:
            n = draw.randint(1, _OF_REPORT)
            trap, said = partial(_in_report, n, str(directory)), f"change {n} of the report"
        elif done % 2:
            trap, said = partial(at_change, n, str(directory)), f"change {n}"
        else:
            seconds = draw.uniform(0, share * length)
            said = f"{seconds:.1f} s"
        if _is_killed(train, directory, trap, seconds):
            done += 1
            passed = time.monotonic() - began
            print(f"{passed:5.0f} s: kill {done} at {said}, {_state(directory)}", flush=True)  # noqa: T201
    assert not _is_killed(train, directory)
    return done


def _is_killed(
    train: Callable[[str, bool], None],
    directory: Path,
    trap: Callable[[], None] | None = None,
    seconds: float | None = None,
) -> bool:
    """Whether a process that trains is killed, with all of its group, before its end.

    Args:
        train: trains or goes on.
        directory: of the run or sweep.
        trap: set in the process, so that it kills itself.
        seconds: after which it is killed; ``None`` for never.
    """
    is_there = any(directory.glob("**/summary.json"))
    named = {"trap": trap, "train": train, "directory": str(directory), "go_on": is_there}
    process = fork(_train_until, **named)
    process.join(seconds)
    process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _train_until(
    trap: Callable[[], None] | None, train: Callable[[str, bool], None], directory: str, go_on: bool
) -> None:
    """Train in a group of processes of its own, until the trap kills it; its pictures are blank."""
    os.setsid()
    blank_pictures(pytest.MonkeyPatch())
    if trap is not None:
        trap()
    train(directory, go_on)


def _in_report(n: int, directory: str) -> None:
    """Let the process be killed before the n-th change that the report of a sweep makes."""
    from deltaflow.sweep.callbacks import RankingCallback

    report = RankingCallback.on_multirun_end

    def trapped(*arguments, **named):
        at_change(n, directory)
        return report(*arguments, **named)

    RankingCallback.on_multirun_end = trapped


def _unfinished(sweep: Path, n_runs: int) -> float:
    """The share of the runs that have not completed."""
    from deltaflow.records import read_summary

    summaries = [read_summary(path.parent) for path in sweep.glob("*/summary.json")]
    return 1 - sum(one.status == "completed" for one in summaries) / n_runs


def _state(sweep: Path) -> str:
    """What a sweep was doing: how its runs stand, and which training had come to its end."""
    from deltaflow.experiment.checkpoints.archive import read_progress
    from deltaflow.records import read_summary

    summaries = {path.parent: read_summary(path.parent) for path in sweep.glob("*/summary.json")}
    counts = Counter(summary.status for summary in summaries.values())
    going = [run for run, summary in summaries.items() if summary.status == "running"]
    progress = [found for run in going if (found := read_progress(run))]
    epochs = sorted({found.epoch for found in progress})
    reported = [name for name in _REPORT if (sweep / name).exists()]
    return (
        f"{dict(counts)}, of these {len(progress)} with checkpoints of epochs {epochs}; {reported}"
    )


KINDS = {
    "run": train_run, "folds": train_folds, "sweep": train_sweep, "benchmark": train_benchmark,
}  # fmt: skip

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        n_kills, changes, kind = [*sys.argv[1:], *("50", "150", "run")[len(sys.argv) - 1 :]]
        train = KINDS[kind]
        if kind == "benchmark":
            began = time.monotonic()
            assert not _is_killed(train, whole)
            length, n_runs = time.monotonic() - began, len(list(whole.glob("*/summary.json")))
            made = 2 * len(list(whole.rglob("*")))  # each under another name at first
            n = kill_everywhere(train, killed, int(n_kills), 0, n_runs, made, length)
        else:
            train(str(whole), go_on=False)
            n = kill_again_and_again(train, killed, int(n_kills), 0, int(changes))
        print(f"{n} kills; different: {differences(whole, killed) or 'nothing'}")  # noqa: T201
