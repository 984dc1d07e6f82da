"""The runs of a sweep as stacks: all are composed, sorted by shape, and trained together.

A stack is one job, whatever starts it: this process, or any launcher of Hydra's, which sees no
more than a list of jobs and a function to call for each.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from deltaflow.commands.hydra_job import STACK, Waiting, train_waiting
from deltaflow.commands.shared_stacks import can_share, train_shared
from deltaflow.config.sweep_composition import SweepComposer
from deltaflow.experiment.builders import n_folds
from deltaflow.experiment.compatibility import max_networks, stack_key
from deltaflow.sweep.directory import SHARED
from deltaflow.sweep.worker import ends_with_parent
from deltaflow.system.processes import n_cores
from deltaflow.system.signals import single_interrupt
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

_MOST_RUNS = 100  # of a stack: each has files open
_JOB = (f"hydra.sweep.subdir={SHARED}", "hydra.output_subdir=null", "hydra.job.chdir=false")
"""Overrides of a job that is a stack: it has no directory of its own, its runs have."""


@dataclass(frozen=True)
class SweptRun:
    """A run of a sweep, before it is composed: its number, and its overrides."""

    number: int
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class StackTask:
    """Trains one of several stacks, in this process or in one that a launcher started.

    Attributes:
        context: Hydra's, with the callbacks.
        task: trains a run, or has it wait in the stack that is gathered.
        composer: of the sweep's runs.
        stacks: the runs of each.
        conductor: number of the process that conducts the sweep.
    """

    context: HydraContext
    task: TaskFunction
    composer: SweepComposer
    stacks: Sequence[Sequence[SweptRun]]
    conductor: int

    @property
    def directory(self) -> Path:
        """The sweep's."""
        return Path(str(self.composer.sweep.hydra.sweep.dir))

    def __call__(self, _config: DictConfig) -> list[JobReturn]:
        """Train the stack whose number is that of Hydra's job."""
        setup_globals()
        return self.train(HydraConfig.get().job.num)

    def train(self, number: int, bar: Progress | None = None) -> list[JobReturn]:
        """Train a stack.

        Args:
            number: which of them.
            bar: of the sweep.

        Returns:
            What Hydra notes of each of its runs.
        """
        stack, hydra = self.stacks[number], self.composer.sweep.hydra
        waiting: list[Waiting] = []
        with single_interrupt(), ends_with_parent(self.conductor):
            token = STACK.set(waiting)
            returned, begun = [], []
            try:
                for run in stack:
                    n_waiting = len(waiting)
                    returned.append(self._begin(run))
                    begun += returned[-1:] * (len(waiting) - n_waiting)
            finally:
                STACK.reset(token)
            is_first = stack[0].number == 0  # how a table was read is said once for a sweep
            values = train_waiting(waiting, console() if is_first else None, bar)
            for job, value in zip(begun, values, strict=True):
                job.return_value = value
        configure_log(hydra.hydra_logging, hydra.verbose)
        return returned

    def _begin(self, run: SweptRun) -> JobReturn:
        config = self.composer.compose(run.overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = run.number
        return run_job(
            hydra_context=self.context,
            task_function=self.task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def launch(
    launcher: Launcher | None,
    context: HydraContext,
    task: TaskFunction,
    sweep: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_number: int,
    second: Future[Any] | None = None,
) -> list[JobReturn]:
    """Train the runs of a sweep, those of one shape together.

    Args:
        launcher: starts the stacks; ``None`` for this process, one after another.
        context: Hydra's, which composes.
        task: trains a run, or has it wait in the stack that is gathered.
        sweep: configuration of the sweep.
        job_overrides: of each run.
        first_number: of the first run.
        second: the end of the second process's imports, if it trains some of the stacks.

    Returns:
        What Hydra notes of each run, in their order.
    """
    setup_globals()
    configure_log(sweep.hydra.hydra_logging, sweep.hydra.verbose)
    Path(str(sweep.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    composer = SweepComposer(context.config_loader, sweep)
    runs = [SweptRun(n, tuple(own)) for n, own in enumerate(job_overrides, start=first_number)]
    n_processes = _n_processes(launcher) if second is None else 2
    stacks = _stacks(composer, runs, n_processes)
    stack_task = StackTask(context, task, composer, stacks, os.getpid())
    numbers = range(len(stacks))
    if launcher is None:
        out = console()
        bar = Progress(out, len(runs)) if out.is_terminal else None
        if second is not None and len(stacks) > 1 and can_share(stack_task, second):
            jobs = train_shared(stack_task, out, bar)
        else:
            jobs = [stack_task.train(number, bar) for number in numbers]
    else:
        quiet = HydraContext(context.config_loader, Callbacks())  # which hear of runs, not stacks
        launcher.setup(hydra_context=quiet, task_function=stack_task, config=sweep)
        # Submitit on one machine begins all that it gets at the same time, each in a process.
        size = n_processes if type(launcher).__name__ == "LocalLauncher" else len(stacks)
        batches = [numbers[first : first + size] for first in range(0, len(stacks), size)]
        jobs = [
            job.return_value
            for batch in batches
            for job in launcher.launch([list(_JOB) for _ in batch], batch[0])
        ]
    found = {
        run.number: returned
        for stack, job in zip(stacks, jobs, strict=True)
        for run, returned in zip(stack, job, strict=True)
    }
    return [found[run.number] for run in runs]


def _n_processes(launcher: Launcher | None) -> int:
    """How many stacks train side by side on this machine, as far as it is known."""
    kind = type(launcher).__name__
    if kind == "JoblibLauncher":
        from joblib import effective_n_jobs

        return int(effective_n_jobs(launcher.joblib["n_jobs"]))  # type: ignore[union-attr]
    return n_cores() if kind == "LocalLauncher" else 1


def _stacks(
    composer: SweepComposer, runs: Sequence[SweptRun], n_processes: int
) -> list[list[SweptRun]]:
    """The runs of each stack, those of the first run first; enough to give each process one.

    A shape stays whole where there are others enough for all processes: a stack of twice the runs
    takes less than twice the time.
    """
    shapes: dict[str, list[tuple[SweptRun, int]]] = {}
    most: dict[str, int] = {}
    for run in runs:
        config = composer.look(run.overrides)
        job = config.hydra.job
        # The first two hold while a single run trains; the third asks for each run's end at once.
        alone = job.chdir or job.env_set or config.sweep.fail_fast
        key = None if alone else stack_key(config)
        if key is None:
            shapes[f"{run.number} alone"] = [(run, 1)]
            continue
        shapes.setdefault(key, []).append((run, int(config.n_seeds) * n_folds(config)))
        if key not in most:
            most[key] = max_networks(config, n_processes)
    found = []
    n_pieces = 1 if len(shapes) >= 2 * n_processes else n_processes
    for key, members in shapes.items():
        share = math.ceil(sum(n_seeds for _, n_seeds in members) / n_pieces)
        limit = min(most.get(key, 1), share)
        taken: list[SweptRun] = []
        n_networks = 0
        for run, n_seeds in members:
            if taken and (n_networks + n_seeds > limit or len(taken) == _MOST_RUNS):
                found.append(taken)
                taken, n_networks = [], 0
            taken.append(run)
            n_networks += n_seeds
        found.append(taken)
    return found
