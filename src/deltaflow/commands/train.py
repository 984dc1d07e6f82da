"""The command line: from what was typed to a run, and from any error to one message.

Libraries that take their time are imported once a run can begin, so help and mistakes are quick.
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
    "RAY_DEDUP_LOGS": "0",  # lines of two runs that differ in numbers alone are two lines
    "RAY_COLOR_PREFIX": "0",  # which would be there in files too
}


def main() -> None:
    """Run the command line; the exit status is 0 only if everything went well."""
    if is_own_program():
        MAY_SHARE.set(True)
    run_command_line(sys.argv)


def run_command_line(typed: Sequence[str]) -> None:
    """Run a program with its arguments in this process, which is then no longer as it was.

    Raises:
        SystemExit: with another status than 0, if anything went wrong.
    """
    with_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, where it would print for itself
    sys.path.append(os.getcwd())  # classes of the user's own, named by `_target_`
    for name, value in _RAY.items():  # must be there before Ray is imported
        os.environ.setdefault(name, value)
    CURRENT_SWEEP.set(None)
    prepare_process()
    application = Application(list(typed), with_traceback, os.getpid())
    with single_interrupt():
        try:
            _in_one_message(application, typed[1:], with_traceback)
        except KeyboardInterrupt:  # while something else was being said
            raise SystemExit(INTERRUPTED) from None


@dataclass(frozen=True)
class Application:
    """What Hydra calls for each run, in whatever process.

    Attributes:
        command: the command line, the program first.
        with_traceback: whether errors come with one.
        parent: number of the process that conducts.
    """

    command: Sequence[str]
    with_traceback: bool
    parent: int

    def __call__(self, config: DictConfig) -> float | None:
        """Train a run, or have it wait in a stack."""
        prepare_process()
        with single_interrupt(), ends_with_parent(self.parent):
            return _train(config, self.command, self.with_traceback)


def _in_one_message(
    application: Callable[[DictConfig], float | None],
    arguments: Sequence[str],
    with_traceback: bool,
) -> None:
    """Let Hydra run an application, and end in one message whatever ends it."""
    try:
        from deltaflow.commands.resume import with_settings_of_run

        run_application(application, with_settings_of_run(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        kept = resume_hint() or str(stop)
        print_error(f"interrupted. {kept}".strip())
        with suppress(KeyboardInterrupt), another_interrupt():  # once more, and nothing is reported
            report_stopped_sweep()
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # nobody reads any more, as after `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except SystemExit:
        raise
    except BaseException as error:  # polars' panics are no Exception
        if with_traceback:
            raise
        print_error(explain(error))
        if is_lost_worker(error):
            hint = resume_hint()
            report_stopped_sweep()
            print_error(f"the sweep broke off. {hint}")
        raise SystemExit(1) from error


def _announce(config: DictConfig) -> None:
    """Say at once what will be trained."""
    hydra: Any = HydraConfig.instance().cfg  # a DictConfig, whatever its type says
    choices = hydra.hydra.runtime.choices
    with suppress(OmegaConfBaseException):  # a reference leads nowhere: the run will say so
        announce("Training", describe(config, choices), watch_note(hydra, choices))


def _train(config: DictConfig, command: Sequence[str], with_traceback: bool) -> float | None:
    """Train what Hydra has composed, once it can be: a mistake need not wait for torch."""
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
