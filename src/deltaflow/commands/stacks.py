"""The runs of a sweep as stacks: all are composed, sorted by shape, and trained together."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from deltaflow.commands.job import STACK, Waiting, train_waiting
from deltaflow.experiment.stacking import most_networks, shape
from deltaflow.system.signals import raised_once
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

_MOST_RUNS = 100  # of a stack: each has files open


def launch(
    context: HydraContext,
    task: TaskFunction,
    sweep: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_number: int,
    max_networks: int | None,
) -> list[JobReturn]:
    """Train the runs of a sweep, those of one shape together.

    Args:
        context: Hydra's, which composes.
        task: trains a run, or has it wait in the stack that is gathered.
        sweep: configuration of the sweep.
        job_overrides: of each run.
        first_number: of the first run.
        max_networks: of a stack; ``None`` for as many as the memory holds.

    Returns:
        What Hydra notes of each job, in the order of the runs.
    """
    setup_globals()
    configure_log(sweep.hydra.hydra_logging, sweep.hydra.verbose)
    Path(str(sweep.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    configs = []
    for number, overrides in enumerate(job_overrides, start=first_number):
        config = context.config_loader.load_sweep_config(sweep, list(overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        configs.append(config)
    out = console()
    bar = Progress(out, len(configs)) if out.is_terminal else None
    returned: dict[int, JobReturn] = {}
    for stack in _stacks(configs, max_networks):
        waiting: list[Waiting] = []
        token = STACK.set(waiting)
        try:
            for index in stack:
                returned[index] = run_job(
                    hydra_context=context,
                    task_function=task,
                    config=configs[index],
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
        finally:
            STACK.reset(token)
        with raised_once():
            is_first = first_number + stack[0] == 0  # how a table was read is said once
            train_waiting(waiting, out if is_first else None, bar)
        configure_log(sweep.hydra.hydra_logging, sweep.hydra.verbose)
    return [returned[index] for index in range(len(configs))]


def _stacks(configs: Sequence[DictConfig], max_networks: int | None) -> list[list[int]]:
    """The numbers of the runs of each stack, those of the first run first."""
    stacks: dict[str, list[int]] = {}
    for index, config in enumerate(configs):
        hydra = config.hydra.job
        # The first two hold while a single run trains; the third asks for each run's end at once.
        alone = hydra.chdir or hydra.env_set or config.sweep.fail_fast
        stacks.setdefault((not alone and shape(config)) or f"{index} alone", []).append(index)
    found = []
    for members in stacks.values():
        most = max_networks or most_networks(configs[members[0]])
        taken: list[int] = []
        n_networks = 0
        for index in members:
            n_seeds = int(configs[index].n_seeds)
            if taken and (n_networks + n_seeds > most or len(taken) == _MOST_RUNS):
                found.append(taken)
                taken, n_networks = [], 0
            taken.append(index)
            n_networks += n_seeds
        found.append(taken)
    return found
