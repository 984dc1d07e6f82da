"""The command line of training; every error ends in one message.

Slow libraries are imported only when a run begins, so help and error messages are quick.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deltaflow.commands.hydra_application import run_application
from deltaflow.commands.process import prepare_process
from deltaflow.commands.sharing import MAY_SHARE, is_own_program
from deltaflow.config import limits
from deltaflow.config.description import describe, watch_note
from deltaflow.config.messages import (
    INTERRUPTED,
    errors_as_messages,
    explain,
    is_lost_worker,
    print_error,
)
from deltaflow.sweep.callbacks import CURRENT_SWEEP, report_stopped_sweep, resume_hint
from deltaflow.sweep.worker import ends_with_parent
from deltaflow.system.environment import import_without_gc
from deltaflow.system.errors import UserError
from deltaflow.system.signals import another_interrupt, single_interrupt
from deltaflow.terminal.screen import announce

_RAY = {
    "RAY_DEDUP_LOGS": "0",  # do not merge lines that differ only in numbers
    "RAY_COLOR_PREFIX": "0",  # Ray would write colours to files as well
}


def main() -> None:
    """Run the command line; the exit status is 0 only if there was no error."""
    if is_own_program():
        MAY_SHARE.set(True)
    run_command_line(sys.argv)


def run_command_line(typed: Sequence[str]) -> None:
    """Run a command line in this process, which it changes for good.

    Raises:
        SystemExit: with a status other than 0, if there was an error.
    """
    with_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises errors instead of printing them
    sys.path.append(os.getcwd())  # for the user's classes, named by `_target_`
    for name, value in _RAY.items():  # must be there before Ray is imported
        os.environ.setdefault(name, value)
    CURRENT_SWEEP.set(None)
    prepare_process()
    application = Application(list(typed), with_traceback, os.getpid())
    with single_interrupt():
        try:
            _in_one_message(application, typed[1:], with_traceback)
        except KeyboardInterrupt:  # during another message
            raise SystemExit(INTERRUPTED) from None


@dataclass(frozen=True)
class Application:
    """The function that Hydra calls for each run, in this process or in a worker.

    Attributes:
        command: the command line, including the program.
        with_traceback: whether errors are printed with a traceback.
        parent: process id of the command.
    """

    command: Sequence[str]
    with_traceback: bool
    parent: int

    def __call__(self, config: DictConfig) -> float | None:
        """Train a run, or add it to the stack that is being assembled."""
        if os.getpid() != self.parent:
            prepare_process()
        with single_interrupt(), ends_with_parent(self.parent):
            return _train(config, self.command, self.with_traceback)


def _in_one_message(
    application: Callable[[DictConfig], float | None],
    arguments: Sequence[str],
    with_traceback: bool,
) -> None:
    """Let Hydra run an application, and print one message for any error."""
    try:
        from deltaflow.commands.resume import with_settings_of_run

        run_application(application, with_settings_of_run(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        kept = resume_hint() or str(stop)
        print_error(f"interrupted. {kept}".strip())
        with suppress(KeyboardInterrupt), another_interrupt():  # a second Ctrl-C skips the report
            report_stopped_sweep()
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader has gone, as after `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except SystemExit:
        raise
    except BaseException as error:  # a panic of polars is not an Exception
        if with_traceback:
            raise
        print_error(explain(error))
        if is_lost_worker(error):
            hint = resume_hint()
            report_stopped_sweep()
            print_error(f"the sweep broke off. {hint}")
        raise SystemExit(1) from error


def _announce(config: DictConfig) -> None:
    """Print what will be trained."""
    hydra: Any = HydraConfig.instance().cfg  # a DictConfig, despite its annotation
    choices = hydra.hydra.runtime.choices
    with suppress(OmegaConfBaseException):  # an unresolvable reference, which the run will report
        announce("Training", describe(config, choices), watch_note(hydra, choices))


def _train(config: DictConfig, command: Sequence[str], with_traceback: bool) -> float | None:
    """Check the configuration, which is quick, then import torch and train."""
    if HydraConfig.get().mode == RunMode.RUN:
        with errors_as_messages(with_traceback):
            if OmegaConf.select(config, "sweep.resume") is not None:
                raise UserError(
                    "`sweep.resume` goes on with a sweep. Found it with one run. Put -m first, "
                    "and the values of that sweep, or leave it out."
                )
            limits.check(config)
            _announce(config)
    import_without_gc("deltaflow.commands.hydra_job")
    from deltaflow.commands.hydra_job import train

    return train(config, command, with_traceback)
