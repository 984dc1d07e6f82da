"""The command line: from what was typed to a run, and from any error to one message.

torch is imported only when a run begins, so help and mistakes are quick.
"""

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from rich.console import Console

from deltaflow.commands.flags import check_flags
from deltaflow.commands.process import prepare
from deltaflow.config import limits, registration  # noqa: F401  # workers compose once this is imported
from deltaflow.config.messages import INTERRUPTED, explain, is_lost_worker, print_error
from deltaflow.config.names import resume_override
from deltaflow.config.options import config_directory
from deltaflow.experiment.ending import interrupted
from deltaflow.experiment.identity import identity
from deltaflow.records.summary import SUMMARY
from deltaflow.sweep.callbacks import CURRENT_SWEEP, report_stopped_sweep, resume_hint
from deltaflow.sweep.directory import note_failure
from deltaflow.sweep.resumption import Lease, lease
from deltaflow.sweep.worker import ends_with_parent
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import printable
from deltaflow.system.signals import raised_again, raised_once
from deltaflow.terminal import ranking
from deltaflow.terminal.run import print_run
from deltaflow.terminal.screen import console

if TYPE_CHECKING:
    from deltaflow.experiment.result import Run

_OF_SWEEP = re.compile(r"[+~]*sweep\b")  # overrides that are not a run's own

_RAY = {
    "RAY_DEDUP_LOGS": "0",  # lines of two runs that differ in numbers alone are two lines
    "RAY_COLOR_PREFIX": "0",  # which would be there in files too
}


def train(config: DictConfig, command: Sequence[str] = (), with_traceback: bool = False) -> None:
    """One run, alone or as part of a sweep.

    A run of a sweep never raises: the sweep goes on, and its end reports.

    Args:
        config: composed.
        command: as typed.
        with_traceback: show where errors come from.

    Raises:
        SystemExit: with status 1, if a run on its own fails.
    """
    if HydraConfig.get().mode == RunMode.RUN:
        _train_alone(config, command, with_traceback)
    else:
        _train_in_sweep(config, command, with_traceback)


def _train_alone(config: DictConfig, command: Sequence[str], with_traceback: bool) -> None:
    out = console()
    try:
        if OmegaConf.select(config, "sweep.resume") is not None:
            raise UserError(
                "`sweep.resume` goes on with a sweep. Found it with one run. Put -m first, and "
                "the values of that sweep, or leave it out."
            )
        limits.check(config)  # a mistake need not wait for torch
        result = _run(config, command, console=out, bar=out if out.is_terminal else None)
        print_run(out, result.directory, result.record, result.layers)
    except KeyboardInterrupt as stop:
        directory = Path(HydraConfig.get().runtime.output_dir)
        if stop.args or not (directory / SUMMARY).exists():
            raise
        raise interrupted(directory) from None  # it came when the run had been ended
    except Exception as error:
        if with_traceback:
            raise
        print_error(explain(error))
        raise SystemExit(1) from error


def _train_in_sweep(config: DictConfig, command: Sequence[str], with_traceback: bool) -> None:
    out, settings = console(), HydraConfig.get()
    wanted = Path(settings.runtime.output_dir)
    sweep, name = Path(settings.sweep.dir).absolute(), wanted.name
    resumed, fail_fast = config.sweep.resume is not None, config.sweep.fail_fast
    said: str | None = None
    try:
        with lease(sweep, wanted, identity(config), resumed, fail_fast) as given:
            name = given.directory.name
            if given.granted:
                _write_to(given.directory)
                first = settings.job.num == 0  # once for a sweep
                summary = _run(config, command, console=out if first else None).record
                said = ranking.describe_run(summary)
            else:
                said = _why_not(given)
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


def _run(
    config: DictConfig, command: Sequence[str], console: Console | None, bar: Console | None = None
) -> "Run":
    from deltaflow.experiment.run import run

    settings = HydraConfig.get()
    return run(
        config,
        Path(settings.runtime.output_dir),
        choices=dict(settings.runtime.choices),
        overrides=[o for o in settings.overrides.task if not _OF_SWEEP.match(o)],
        command=command,
        console=console,
        bar=bar,
        hydra=OmegaConf.to_yaml(HydraConfig.instance().cfg),
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


def main() -> None:
    """Run the command line; the exit status is 0 only if everything went well."""
    run_command_line(sys.argv)


def run_command_line(typed: Sequence[str]) -> None:
    """Run what was typed, in this process, which is then no longer as it was.

    Args:
        typed: the program and its arguments.

    Raises:
        SystemExit: with another status than 0, if anything went wrong.
    """
    with_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, where it would print for itself
    sys.path.append(os.getcwd())  # classes of the user's own, named by `_target_`
    for name, value in _RAY.items():  # must be there before Ray is imported
        os.environ.setdefault(name, value)
    CURRENT_SWEEP.set(None)
    command = list(typed)
    parent = os.getpid()
    prepare()

    def application(config: DictConfig) -> None:
        prepare()
        with raised_once(), ends_with_parent(parent):
            train(config, command, with_traceback)

    with raised_once():
        try:
            _in_one_message(application, command[1:], with_traceback)
        except KeyboardInterrupt:  # while something else was being said
            raise SystemExit(INTERRUPTED) from None


def _in_one_message(
    application: Callable[[DictConfig], None], arguments: Sequence[str], with_traceback: bool
) -> None:
    """Let Hydra run an application, and end in one message whatever ends it."""
    try:
        check_flags(arguments)
        _apply(application, arguments)
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        kept = resume_hint() or str(stop)
        print_error(f"interrupted. {kept}".strip())
        with suppress(KeyboardInterrupt), raised_again():  # once more, and nothing is reported
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


def _apply(application: Callable[[DictConfig], None], arguments: Sequence[str]) -> None:
    """Let Hydra run an application: `hydra.main` would do so for ``sys.argv`` and nothing else."""
    version.setbase("1.3")
    parser = get_args_parser()
    _run_hydra(
        args=parser.parse_args(arguments), args_parser=parser, task_function=application,
        config_path=str(config_directory()), config_name="train",
    )  # fmt: skip
