"""Whether a sweep begins a second process, which trains some of its stacks.

A stack uses several cores in its products alone. What comes before and after them, and the
pictures, keeps one core busy. Two processes with a thread each train two stacks in less time than
one process with two threads.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial

from omegaconf import DictConfig, OmegaConf

from deltaflow.system.environment import imported
from deltaflow.system.processes import n_cores
from deltaflow.system.second_process import second_process

MAY_SHARE: ContextVar[bool] = ContextVar("MAY_SHARE", default=False)
"""Whether this process is a command's own: what a notebook defines is nowhere else."""

_ENOUGH = 8  # runs that take longer than the second process needs to start
_NOT_SHARED = ("accelerator", "trainer.accelerator", "trainer.threads", "hydra.job")
"""Settings that, where runs have their own, leave the sweep to one process."""
_ALONE = ("trainer.threads", "sweep.fail_fast", "hydra.job.chdir", "hydra.job.env_set")
"""Settings that, where they have a value, do so."""


def begin_second(sweep: DictConfig, job_overrides: Sequence[Sequence[str]]) -> bool:
    """Start the second process, which imports while this one does; return whether it is there.

    Args:
        sweep: configuration of the sweep.
        job_overrides: of each run.
    """
    typed = {override.lstrip("+").partition("=")[0] for own in job_overrides for override in own}
    set_to = partial(OmegaConf.select, sweep)
    refused = (
        not MAY_SHARE.get()
        or len(job_overrides) < _ENOUGH
        or n_cores() < 2
        or any(name.startswith(_NOT_SHARED) for name in typed)
        or set_to("trainer.accelerator") != "cpu"
        or any(map(set_to, _ALONE))
    )
    if refused:
        return False
    try:
        second_process().submit(imported, "deltaflow.commands.stacks")
    except OSError:  # no more processes
        return False
    return True
