"""A job of Hydra: a single run, or a run of a sweep."""

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
from deltaflow.experiment.planning.identity import identity
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.results.result import Run
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

RunCoroutine = Generator[RunPlan, Run | BaseException, float | None]
"""A run of a sweep as a coroutine: it yields its plan, is sent the result or the error, and returns
its ``sweep.optimized_metric``."""
PendingRun = tuple[RunCoroutine, RunPlan]

STACK: ContextVar[list[PendingRun] | None] = ContextVar("STACK", default=None)
"""The pending runs of the stack that is being assembled; ``None`` if each is trained alone."""

_OF_SWEEP = re.compile(r"[+~]*(sweep|resume)\b")  # overrides that are not recorded with a run


def train(
    config: DictConfig, command: Sequence[str] = (), with_traceback: bool = False
) -> float | None:
    """Train a single run, or a run of a sweep.

    A failed run of a sweep raises no error; the sweep continues and reports it at the end.

    Returns:
        The ``sweep.optimized_metric`` of a run of a sweep, for Hydra's sweepers; ``None`` if it has
        none, or is still pending.

    Raises:
        SystemExit: with status 1, if a single run fails.
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
        raise interruption(directory) from None  # the signal came after the end of the run


def _train_in_sweep(
    config: DictConfig, command: Sequence[str], with_traceback: bool
) -> float | None:
    """Train a run of a sweep, or add it to the stack that is being assembled."""
    run = _run_coroutine(config, command, with_traceback)
    try:
        plan = next(run)
    except StopIteration as end:  # the lease was not granted, or the run failed before it began
        return cast(float | None, end.value)
    if (stack := STACK.get()) is not None:
        stack.append((run, plan))
        return None
    first = HydraConfig.get().job.num == 0  # once per sweep: how the table was read
    (value,) = train_pending([(run, plan)], console() if first else None)
    return value


def train_pending(
    pending: Sequence[PendingRun], console: Console | None, bar: Progress | None = None
) -> list[float | None]:
    """Train pending runs as one stack.

    Args:
        pending: runs with the same :func:`deltaflow.experiment.compatibility.stack_key`.
        console: console for how the table was read; ``None`` for silence.
        bar: the sweep's progress bar; ``None`` for none.

    Returns:
        The ``sweep.optimized_metric`` of each run; ``None`` for a run without one.
    """
    values: list[float | None] = []
    try:
        outcomes = run_together([plan for _, plan in pending], console, bar)
        if bar is not None:
            bar.wipe()
        for (run, _), outcome in zip(pending, outcomes, strict=True):
            try:
                run.send(outcome)
            except StopIteration as end:
                values.append(end.value)
    finally:
        for run, _ in pending:
            run.close()
    return values


def _run_coroutine(
    config: DictConfig, command: Sequence[str], with_traceback: bool
) -> RunCoroutine:
    """Take the lease of a run, yield its plan, and print the result that is sent back."""
    out, settings = console(), HydraConfig.get()
    proposed = Path(settings.runtime.output_dir)
    sweep, name = Path(settings.sweep.dir).absolute(), proposed.name
    resumed, fail_fast = config.sweep.resume is not None, config.sweep.fail_fast
    said: str | None = None
    value: float | None = None
    try:
        goal, sha = Goal.of(config.sweep), identity(config)
        with lease(sweep, proposed, sha, resumed, fail_fast) as given:
            name = given.directory.name
            if given.granted:
                _use_directory(given.directory)
                if given.resumes:
                    config.resume = str(given.directory)
                outcome = yield _plan(config, command, sha)
                if isinstance(outcome, BaseException):
                    raise outcome
                said = ranking.describe_run(outcome.record)
                value = goal.value(outcome.record)
            else:
                said = _refusal(given)
                if given.finished is not None:
                    value = goal.value(given.finished)
    except Exception as error:
        print_error(printable(f"{name}: {explain(error)}"))
        if with_traceback:
            traceback.print_exc()
        with suppress(OSError):  # the disk may be full
            note_failure(sweep)
        if fail_fast:
            go_on = f"Go on with the same command and `{resume_override(settings.sweep.dir)}`."
            print_error(f"stopped at the first failure, as `sweep.fail_fast` asks. {go_on}")
    if said:
        with suppress(OSError):  # the records are complete, and the report will show them
            out.print(printable(f"{name}: {said}"), soft_wrap=True, markup=False)
    return value


def _plan(config: DictConfig, command: Sequence[str], sha: str | None = None) -> RunPlan:
    """The plan of the run that Hydra has composed."""
    settings, composed, resolved = HydraConfig.get(), config, config.copy()
    with suppress(OmegaConfBaseException):  # an unresolvable reference, which the run will report
        OmegaConf.resolve(resolved)  # while references to Hydra's settings can be resolved
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


def _use_directory(directory: Path) -> None:
    """Set Hydra's output directory, if it is not the one that Hydra chose."""
    settings: Any = HydraConfig.get()  # a DictConfig, despite its annotation
    if Path(settings.runtime.output_dir) != directory:
        with read_write(settings), open_dict(settings):
            settings.runtime.output_dir = str(directory)
        configure_log(settings.job_logging, settings.verbose)


def _refusal(given: Lease) -> str | None:
    """Why a lease was not granted; ``None`` if the whole sweep has stopped."""
    if given.finished is not None:
        return f"{ranking.describe_run(given.finished)} (kept)"
    if given.running is not None:
        other = given.running
        who = f"process {other.process} on {other.host}" if other.process else "another"
        return f"left to {who}, which works on it. If it does not, delete {given.directory}"
    return None
