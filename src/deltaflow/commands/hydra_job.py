"""One job that Hydra has composed: a run on its own, or a run of a sweep."""

import re
import traceback
from collections.abc import Generator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from deltaflow.config.messages import errors_as_messages, explain, print_error
from deltaflow.config.names import resume_override
from deltaflow.experiment.failure import interruption
from deltaflow.experiment.identity import identity
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.result import Run
from deltaflow.experiment.run import run_alone, run_together
from deltaflow.records import SUMMARY
from deltaflow.sweep.directory import note_failure
from deltaflow.sweep.lease import Lease, lease
from deltaflow.sweep.search.goal import Goal
from deltaflow.system.escaping import printable
from deltaflow.terminal import ranking
from deltaflow.terminal.run import print_run
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

Steps = Generator[RunPlan, Run | BaseException, float | None]
"""A run of a sweep: it yields its plan, is sent the run, or the error that it failed by, and
returns its ``sweep.optimized_metric``."""
Waiting = tuple[Steps, RunPlan]

STACK: ContextVar[list[Waiting] | None] = ContextVar("STACK", default=None)
"""Where the runs of a stack wait to be trained together; ``None`` where each trains alone."""

_OF_SWEEP = re.compile(r"[+~]*(sweep|resume)\b")  # overrides that are not a run's own


def train(
    config: DictConfig, command: Sequence[str] = (), with_traceback: bool = False
) -> float | None:
    """Train one run, alone or as part of a sweep.

    A run of a sweep never raises: the sweep goes on, and its end reports.

    Returns:
        The ``sweep.optimized_metric`` of a run of a sweep, for Hydra's sweepers; ``None`` if it has
        none, or not yet.

    Raises:
        SystemExit: with status 1, if a run on its own fails.
    """
    if HydraConfig.get().mode == RunMode.RUN:
        _train_alone(config, command, with_traceback)
        return None
    return _train_in_sweep(config, command, with_traceback)


def _train_alone(config: DictConfig, command: Sequence[str], with_traceback: bool) -> None:
    out = console()
    try:
        with errors_as_messages(with_traceback):
            plan = _plan(config, command)
            result = run_alone(plan, console=out, bar=Progress(out) if out.is_terminal else None)
            print_run(out, result.directory, result.record, result.layers)
    except KeyboardInterrupt as stop:
        directory = Path(HydraConfig.get().runtime.output_dir)
        if stop.args or not (directory / SUMMARY).exists():
            raise
        raise interruption(directory) from None  # it came when the run had been ended


def _train_in_sweep(
    config: DictConfig, command: Sequence[str], with_traceback: bool
) -> float | None:
    """Train a run of a sweep; or, if a stack is being gathered, have it wait there."""
    steps = _steps(config, command, with_traceback)
    try:
        plan = next(steps)
    except StopIteration as end:  # it is not this run's turn, or it failed before it began
        return cast(float | None, end.value)
    if (stack := STACK.get()) is not None:
        stack.append((steps, plan))
        return None
    first = HydraConfig.get().job.num == 0  # how a table was read is said once for a sweep
    (value,) = train_waiting([(steps, plan)], console() if first else None)
    return value


def train_waiting(
    waiting: Sequence[Waiting], console: Console | None = None, bar: Progress | None = None
) -> list[float | None]:
    """Train runs that wait, as one stack, and bring each to its end.

    Args:
        waiting: of one shape.
        console: where to say how a table was read; ``None`` for silence.
        bar: of the sweep; ``None`` for none.

    Returns:
        The ``sweep.optimized_metric`` of each; ``None`` for one that has none.
    """
    values: list[float | None] = []
    try:
        outcomes = run_together([plan for _, plan in waiting], console, bar)
        if bar is not None:
            bar.wipe()
        for (steps, _), outcome in zip(waiting, outcomes, strict=True):
            try:
                steps.send(outcome)
            except StopIteration as end:
                values.append(end.value)
    finally:
        for steps, _ in waiting:
            steps.close()
    return values


def _steps(config: DictConfig, command: Sequence[str], with_traceback: bool) -> Steps:
    """A run of a sweep from its turn to what is said of it, all but its training."""
    out, settings = console(), HydraConfig.get()
    wanted = Path(settings.runtime.output_dir)
    sweep, name = Path(settings.sweep.dir).absolute(), wanted.name
    resumed, fail_fast = config.sweep.resume is not None, config.sweep.fail_fast
    said: str | None = None
    value: float | None = None
    try:
        goal, sha = Goal.of(config.sweep), identity(config)
        with lease(sweep, wanted, sha, resumed, fail_fast) as given:
            name = given.directory.name
            if given.granted:
                _write_to(given.directory)
                if given.resumes:
                    config.resume = str(given.directory)
                outcome = yield _plan(config, command, sha)
                if isinstance(outcome, BaseException):
                    raise outcome
                said = ranking.describe_run(outcome.record)
                value = goal.value(outcome.record)
            else:
                said = _why_not(given)
                if given.finished is not None:
                    value = goal.value(given.finished)
    except Exception as error:
        print_error(printable(f"{name}: {explain(error)}"))
        if with_traceback:
            traceback.print_exc()
        with suppress(OSError):  # the disk may be what failed
            note_failure(sweep)
        if fail_fast:
            go_on = f"Go on with the same command and `{resume_override(settings.sweep.dir)}`."
            print_error(f"stopped at the first failure, as `sweep.fail_fast` asks. {go_on}")
    if said:
        with suppress(OSError):  # the run is there all the same; the sweep's end will say so
            out.print(printable(f"{name}: {said}"), soft_wrap=True, markup=False)
    return value


def _plan(config: DictConfig, command: Sequence[str], sha: str | None = None) -> RunPlan:
    """What is to be trained, by what Hydra knows of the job."""
    settings, composed, resolved = HydraConfig.get(), config, config.copy()
    with suppress(OmegaConfBaseException):  # a reference leads nowhere: the run will say so
        OmegaConf.resolve(resolved)  # while it is known what leads to Hydra
        config = resolved
    return RunPlan(
        config,
        Path(settings.runtime.output_dir),
        choices=dict(settings.runtime.choices),
        overrides=[o for o in settings.overrides.task if not _OF_SWEEP.match(o)],
        command=command,
        hydra=OmegaConf.to_yaml(HydraConfig.instance().cfg),
        composed=composed,
        sha=sha,
    )


def _write_to(directory: Path) -> None:
    """Let Hydra, and what refers to it, know of another directory than the one it chose."""
    settings: Any = HydraConfig.get()  # a DictConfig, whatever its type says
    if Path(settings.runtime.output_dir) != directory:
        with read_write(settings), open_dict(settings):
            settings.runtime.output_dir = str(directory)
        configure_log(settings.job_logging, settings.verbose)


def _why_not(given: Lease) -> str | None:
    """Why a run does not begin; nothing if the whole sweep has stopped."""
    if given.finished is not None:
        return f"{ranking.describe_run(given.finished)} (kept)"
    if given.running is not None:
        other = given.running
        who = f"process {other.process} on {other.host}" if other.process else "another"
        return f"left to {who}, which works on it. If it does not, delete {given.directory}"
    return None
