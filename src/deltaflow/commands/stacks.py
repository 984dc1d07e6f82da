"""Trains the runs of a sweep as stacks: runs that fit together are trained at once.

A stack is one job, trained in this process or by any launcher of Hydra.
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

from deltaflow.commands.hydra_job import STACK, PendingRun, train_pending
from deltaflow.commands.shared_stacks import can_share, train_shared
from deltaflow.config.composition.sweeps import SweepComposer
from deltaflow.experiment.building.builders import n_folds
from deltaflow.experiment.compatibility import max_networks, stack_key
from deltaflow.sweep.directory import SHARED
from deltaflow.sweep.worker import ends_with_parent
from deltaflow.system.processes import n_cores
from deltaflow.system.signals import single_interrupt
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

_MAX_RUNS = 100  # runs in a stack, because each has open files
_JOB = (f"hydra.sweep.subdir={SHARED}", "hydra.output_subdir=null", "hydra.job.chdir=false")
"""Overrides of a stack's job, which has no directory of its own."""


@dataclass(frozen=True)
class SweptRun:
    """The number and the overrides of a run in a sweep."""

    number: int
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class StackTask:
    """A task that can train any stack of a sweep, in this process or in a launcher's.

    Attributes:
        context: Hydra's context, with the callbacks.
        task: the function that trains a run, or adds it to the stack that is being assembled.
        composer: composes the configurations of runs.
        stacks: the runs of each stack.
        parent: process id of the command that started the sweep.
    """

    context: HydraContext
    task: TaskFunction
    composer: SweepComposer
    stacks: Sequence[Sequence[SweptRun]]
    parent: int

    @property
    def directory(self) -> Path:
        """The sweep's directory."""
        return Path(str(self.composer.sweep.hydra.sweep.dir))

    def __call__(self, _config: DictConfig) -> list[JobReturn]:
        """Train the stack whose index is the number of Hydra's job."""
        setup_globals()
        return self.train(HydraConfig.get().job.num)

    def train(self, number: int, bar: Progress | None = None) -> list[JobReturn]:
        """Train a stack.

        Args:
            number: index of the stack.
            bar: the sweep's progress bar; ``None`` for none.

        Returns:
            Hydra's result of each run.
        """
        stack, hydra = self.stacks[number], self.composer.sweep.hydra
        pending: list[PendingRun] = []
        with single_interrupt(), ends_with_parent(self.parent):
            token = STACK.set(pending)
            returned, begun = [], []
            try:
                for run in stack:
                    n_pending = len(pending)
                    returned.append(self._begin(run))
                    begun += returned[-1:] * (len(pending) - n_pending)
            finally:
                STACK.reset(token)
            is_first = stack[0].number == 0  # once per sweep: how the table was read
            values = train_pending(pending, console() if is_first else None, bar)
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
    """Train the runs of a sweep as stacks.

    Args:
        launcher: Hydra's launcher, which gets a job per stack; ``None`` for this process.
        context: Hydra's context, with the callbacks.
        task: the function that trains a run, or adds it to the stack that is being assembled.
        sweep: the configuration of the sweep.
        job_overrides: the overrides of each run.
        first_number: number of the first run.
        second: the future end of the second process's imports; ``None`` without a second process.

    Returns:
        Hydra's result of each run, in the order of ``job_overrides``.
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
        quiet = HydraContext(
            context.config_loader, Callbacks()
        )  # the callbacks are called for runs, not for stacks
        launcher.setup(hydra_context=quiet, task_function=stack_task, config=sweep)
        # Submitit's local launcher starts all its jobs at once, each in a process.
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
    """Number of stacks that are trained at the same time on this machine, as far as it is known."""
    kind = type(launcher).__name__
    if kind == "JoblibLauncher":
        from joblib import effective_n_jobs

        return int(effective_n_jobs(launcher.joblib["n_jobs"]))  # type: ignore[union-attr]
    return n_cores() if kind == "LocalLauncher" else 1


def _stacks(
    composer: SweepComposer, runs: Sequence[SweptRun], n_processes: int
) -> list[list[SweptRun]]:
    """Divide the runs into stacks, at least one per process if possible.

    Runs with the same key stay together if there are enough other keys for all processes, because
    a stack of twice the runs takes less than twice the time.
    """
    groups: dict[str, list[tuple[SweptRun, int]]] = {}
    most: dict[str, int] = {}
    for run in runs:
        config = composer.look(run.overrides)
        job = config.hydra.job
        # The first two are set per process; the third needs the end of each run before the next.
        alone = job.chdir or job.env_set or config.sweep.fail_fast
        key = None if alone else stack_key(config)
        if key is None:
            groups[f"{run.number} alone"] = [(run, 1)]
            continue
        groups.setdefault(key, []).append((run, int(config.n_seeds) * n_folds(config)))
        if key not in most:
            most[key] = max_networks(config, n_processes)
    found = []
    n_pieces = 1 if len(groups) >= 2 * n_processes else n_processes
    for key, members in groups.items():
        share = math.ceil(sum(n_seeds for _, n_seeds in members) / n_pieces)
        limit = min(most.get(key, 1), share)
        taken: list[SweptRun] = []
        n_networks = 0
        for run, n_seeds in members:
            if taken and (n_networks + n_seeds > limit or len(taken) == _MAX_RUNS):
                found.append(taken)
                taken, n_networks = [], 0
            taken.append(run)
            n_networks += n_seeds
        found.append(taken)
    return found
