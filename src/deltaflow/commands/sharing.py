"""Decides whether a sweep starts a second process, which trains some of its stacks.

A stack uses several cores only in its matrix products. The other work and the pictures use one
core. So two processes with one thread each train two stacks faster than one process with two
threads.
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

from deltaflow.system.child_processes.second_process import second_process
from deltaflow.system.installation import PACKAGE, checkout
from deltaflow.system.processes import n_cores

MAY_SHARE: ContextVar[bool] = ContextVar("MAY_SHARE", default=False)
"""Whether this process only runs a command. Classes of a notebook or script exist only there."""

_ENOUGH = 8  # runs that take longer than the start of the second process
_NOT_SHARED = ("accelerator", "trainer.accelerator", "trainer.threads", "hydra.job")
"""Settings that rule out a second process if runs override them."""
_ALONE = ("trainer.threads", "sweep.fail_fast", "hydra.job.chdir", "hydra.job.env_set")
"""Settings that rule out a second process if they have a value."""


def is_own_program() -> bool:
    """Whether the running program is this project's, not a script or notebook of the user."""
    file = Path(getattr(sys.modules["__main__"], "__file__", None) or "nowhere").resolve()
    installed = Path(sysconfig.get_path("scripts"), "deltaflow-train")
    known = ((checkout() or PACKAGE) / "train.py", PACKAGE / "__main__.py", installed)
    return file in [path.resolve() for path in known]


def start_second_process(
    sweep: DictConfig, job_overrides: Sequence[Sequence[str]]
) -> Future[Any] | None:
    """Start the second process, which imports libraries while this process does, too.

    Returns:
        The future end of its imports; ``None`` if this process trains the sweep alone.
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
        process.load("deltaflow.figures.run.picture")  # while this process composes the runs
        return imports
    except OSError:  # no more processes
        return None
