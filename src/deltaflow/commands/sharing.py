"""Whether a sweep begins a second process, which trains some of its stacks.

A stack uses several cores in its products alone. What comes before and after them, and the
pictures, keeps one core busy. Two processes with a thread each train two stacks in less time than
one process with two threads.
"""

import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from deltaflow.config.options import config_directory
from deltaflow.system.processes import n_cores
from deltaflow.system.second_process import second_process

MAY_SHARE: ContextVar[bool] = ContextVar("MAY_SHARE", default=False)
"""Whether this process is a command's own: what a notebook or a script defines is nowhere else."""

_ENOUGH = 8  # runs that take longer than the second process needs to start
_NOT_SHARED = ("accelerator", "trainer.accelerator", "trainer.threads", "hydra.job")
"""Settings that, where runs have their own, leave the sweep to one process."""
_ALONE = ("trainer.threads", "sweep.fail_fast", "hydra.job.chdir", "hydra.job.env_set")
"""Settings that, where they have a value, do so."""


def is_own_program() -> bool:
    """Whether the program that runs is this project's, and no script or notebook of the user's."""
    file = Path(getattr(sys.modules["__main__"], "__file__", None) or "nowhere").resolve()
    installed = Path(sysconfig.get_path("scripts"), "deltaflow-train")
    package = Path(__file__).parents[1] / "__main__.py"
    known = (config_directory().parent / "train.py", package, installed)
    return file in [path.resolve() for path in known]


def begin_second(sweep: DictConfig, job_overrides: Sequence[Sequence[str]]) -> Future[Any] | None:
    """Start the second process, which imports while this one does.

    Args:
        sweep: configuration of the sweep.
        job_overrides: of each run.

    Returns:
        The end of its imports; ``None`` if the sweep is left to this process.
    """
    typed = {
        override.lstrip("+").partition("=")[0]
        for own in job_overrides
        for override in own
        if not override.endswith("=null")
    }
    set_to = partial(OmegaConf.select, sweep)
    callbacks = (set_to("hydra.callbacks") or {}).values()
    refused = (
        not MAY_SHARE.get()
        or len(job_overrides) < _ENOUGH
        or n_cores() < 2
        or any(name.startswith(_NOT_SHARED) for name in typed)
        or set_to("trainer.accelerator") != "cpu"
        or any(map(set_to, _ALONE))
        or not all(str(one.get("_target_")).startswith("deltaflow.") for one in callbacks)
    )
    if refused:
        return None
    try:
        process = second_process()
        imports = process.load("deltaflow.commands.stacks")
        process.load("deltaflow.figures.run_picture")  # while this one composes
        return imports
    except OSError:  # no more processes
        return None
