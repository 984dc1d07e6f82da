"""Where the time of a sweep goes: composition, training, diagnostics, records, report.

A sweep is run in a process of its own, as the command line runs it. The functions
named here are timed; while one calls another, the outer one's clock stands still, so that the
phases add up to the whole. Only the report is one phase whatever it does. Of a sweep that two
processes share, it is the first one's time; waiting for the second is ``other``.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from threading import get_ident
from typing import Any

from deltaflow import UserError
from deltaflow.system.files import replace_file

SWEEP = (
    "activation=sigmoid,tanh,relu,leaky", "init=torch,xavier,he", "network.depth=2,5,10,20",
    "n_seeds=16",
)  # fmt: skip
START, REPORT, OTHER = "imports", "report", "other"
TIMED = {
    "composition": (
        "hydra._internal.config_loader_impl:ConfigLoaderImpl.load_configuration",
        "hydra._internal.config_loader_impl:ConfigLoaderImpl.load_sweep_config",
        "deltaflow.commands.hydra_job:identity", "deltaflow.config.limits:check",
        "deltaflow.experiment.planning.plan:identity",
        "deltaflow.experiment.planning.plan:_hyperparameters",
        "deltaflow.experiment.building.assembly:datamodule",
        "deltaflow.experiment.building.assembly:module",
    ),
    "training": ("lightning.pytorch:Trainer.fit", "lightning.pytorch:Trainer.test"),
    "diagnostics": (
        "deltaflow.training.callbacks.flow:FlowRecorder.on_train_batch_start",
        "deltaflow.training.callbacks.flow:FlowRecorder.after_backward",
        "deltaflow.training.callbacks.flow:FlowRecorder.after_update",
        "deltaflow.training.callbacks.flow:FlowRecorder.on_train_batch_end",
        "deltaflow.training.callbacks.flow:FlowRecorder.on_train_end",
        "deltaflow.training.callbacks.histograms:HistogramRecorder.on_after_backward",
        "deltaflow.experiment.building.builders:theory",
        "deltaflow.experiment.active_run:copied_layers",
        "deltaflow.experiment.active_run:summarize",
    ),
    "records": (
        "deltaflow.flow.rows:layer_rows",
        "deltaflow.training.callbacks.flow:log_layer_charts",
        "deltaflow.training.loggers:write", "deltaflow.records:TableWriter.append",
        "deltaflow.records:TableWriter.close", "deltaflow.records.recording:claim_directory",
        "deltaflow.records.recording:write_summary",
        "deltaflow.experiment.active_run:write_settings",
        "deltaflow.experiment.active_run:read_table",
        "deltaflow.experiment.planning.plan:first_summary",
        "deltaflow.experiment.active_run:ActiveRun.begin_training",
        "deltaflow.experiment.active_run:log_picture",
        "deltaflow.experiment.active_run:log_verdicts",
        "deltaflow.experiment.active_run:log_outcome",
        "deltaflow.experiment.results.result:Run.draw",
        "deltaflow.figures.run.picture:RunPicture.png",
        "lightning.pytorch:Trainer.save_checkpoint",
        "deltaflow.training.loggers:TensorBoardRun.log_metrics",
        "lightning.pytorch.loggers:TensorBoardLogger.finalize",
    ),
    REPORT: ("deltaflow.sweep.callbacks:RankingCallback.on_multirun_end",),
}  # fmt: skip
"""What begins each phase, as ``module:name`` or ``module:class.name``."""
PHASES = (START, *TIMED, OTHER)


class PhaseTimer:
    """Seconds by phase; one phase at a time, that of the thread that makes the timer.

    Args:
        first: the phase that begins now.
        clock: seconds, from any beginning.

    Attributes:
        seconds: by phase, of what has been left.
    """

    def __init__(self, first: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._thread = get_ident()
        self._under_way = [first]
        self._since = clock()

    def enter(self, phase: str) -> None:
        """Begin a phase; the one under way stands still."""
        self._count()
        self._under_way.append(phase)

    def leave(self) -> None:
        """End the phase that began last."""
        self._count()
        self._under_way.pop()

    def within(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose time is the phase's."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if get_ident() != self._thread:
                return function(*args, **kwargs)
            self.enter(REPORT if REPORT in self._under_way else phase)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return timed

    def _count(self) -> None:
        now = self._clock()
        self.seconds[self._under_way[-1]] += now - self._since
        self._since = now


def time_functions(timer: PhaseTimer) -> None:
    """Let the functions of ``TIMED`` tell the timer when they are called, in this process."""
    for phase, functions in TIMED.items():
        for function in functions:
            module, _, path = function.partition(":")
            *parents, name = path.split(".")
            owner: Any = importlib.import_module(module)
            for parent in parents:
                owner = getattr(owner, parent)
            setattr(owner, name, timer.within(phase, getattr(owner, name)))


def seconds(overrides: Sequence[str] = SWEEP) -> dict[str, float]:
    """Run a sweep in a process of its own, and say how long each phase took.

    Args:
        overrides: as on the command line, behind ``-m``.

    Returns:
        Seconds by phase: ``imports`` from the start of the process on, those of ``TIMED``, and
        ``other``. They add up to the whole, but for the end of the process.

    Raises:
        ValueError: if the sweep fails.
    """
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory) / "phases.json"
        where = f"hydra.sweep.dir='{directory}/sweep'"
        found_here = f"import sys; sys.path.insert(1, {str(Path(__file__).parents[1])!r})"
        program = f"from benchmark.phases import main; main({str(kept)!r}, {time.time()})"
        command = [sys.executable, "-c", f"{found_here}; {program}", "-m", *overrides, where]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            raise UserError(ended.stderr.strip().removeprefix("deltaflow: "))
        found: dict[str, float] = json.loads(kept.read_text())
    return dict.fromkeys(PHASES, 0.0) | found


def main(kept: str, started: float) -> None:
    """The command line under stopwatches.

    Args:
        kept: file for the seconds of each phase.
        started: when this process did, in seconds of the epoch.
    """
    from deltaflow.commands import sharing, train

    sharing.MAY_SHARE.set(True)  # as the command line does
    before = time.time() - started
    timer = PhaseTimer(START)
    time_functions(timer)
    timer.enter(OTHER)
    try:
        train.main()
    finally:
        timer.leave()
        timer.seconds[START] += before
        replace_file(Path(kept), json.dumps(timer.seconds).encode())
