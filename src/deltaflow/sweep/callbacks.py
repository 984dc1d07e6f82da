"""Hydra callbacks of a sweep: prepare its directory at the start, write its report at the end."""

import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deltaflow.config import limits
from deltaflow.config.description import describe, watch_note
from deltaflow.config.hyperparameters import swept
from deltaflow.config.messages import explain, print_error
from deltaflow.config.names import axes, resume_override
from deltaflow.sweep.progress import show_progress, stop_progress
from deltaflow.sweep.size import values_per_setting
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import printable, short_path

CURRENT_SWEEP: ContextVar[DictConfig | None] = ContextVar("CURRENT_SWEEP", default=None)
"""The sweep of this process; needed when it is interrupted, which calls no callback of Hydra."""


class DirectoryCallback(Callback):
    """Prepares the directory of a sweep, and reports failed runs by the exit status."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Check the sweep and prepare its directory.

        Raises:
            SystemExit: with status 1, if an override is not valid, the directory has other
                records, or there is no sweep to resume.
        """
        from deltaflow.sweep.directory import open_sweep  # a single run does not wait for polars

        try:
            sweep, resumed = Path(config.hydra.sweep.dir), config.sweep.resume
        except OmegaConfBaseException:  # Hydra will report the same error
            return
        varied: dict[str, float] = {}
        try:
            _refuse_resume(config.hydra.overrides.task)
            _refuse_several_values(config.hydra.overrides.task)
            limits.check_values(config, "sweep.")
            sweeper = str(OmegaConf.select(config, "hydra.sweeper._target_")).rpartition(".")[2]
            params = OmegaConf.select(config, "hydra.sweeper.params")
            if sweeper in ("BasicSweeper", "CombinationSweeper"):
                with suppress(HydraException):  # Hydra will report it
                    varied = values_per_setting(config.hydra.overrides.task, params)
            elif sweeper == "SearchSweeper":
                varied = dict.fromkeys(axes(config.hydra.overrides.task, params), math.inf)
            if resumed is not None and Path(resumed) != sweep:
                raise UserError(
                    "A sweep that is resumed goes on in its own directory. Found "
                    f"`sweep.resume={resumed}` with `hydra.sweep.dir={sweep}`. Leave the latter "
                    "out."
                )
            open_sweep(sweep, resumed is not None)
            # Resolving the name here lets all runs know which settings vary.
            with suppress(OmegaConfBaseException):
                _ = config.hydra.sweep.subdir
            CURRENT_SWEEP.set(config)
            _announce(config, varied)
            launcher = str(OmegaConf.select(config, "hydra.launcher._target_"))
            if not launcher.endswith("StackLauncher"):  # it has its own progress bar
                show_progress(sweep, round(math.prod(varied.values())) if varied else None)
        except (ValueError, OSError) as error:
            print_error(explain(error))
            raise SystemExit(1) from error  # Hydra swallows any other exception of a callback

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Exit with status 1 if a run has failed, even without a record of it.

        Raises:
            SystemExit: with status 1 if a run has failed.
        """
        from deltaflow.sweep.directory import has_failed

        if has_failed(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)


def _announce(config: DictConfig, varied: Mapping[str, float]) -> None:
    """Print what the sweep will train, and how to watch it."""
    from deltaflow.terminal.screen import announce

    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    counts = " × ".join(f"{name} ({n:g})" for name, n in varied.items())
    n_runs = f"{math.prod(varied.values()):g} runs: {counts}" if varied else ""
    if math.inf in varied.values():  # a search
        n_runs = f"{config.hydra.sweeper.n_trials} trials: {', '.join(varied)}"
    with suppress(OmegaConfBaseException):  # an unresolvable reference, which the runs will report
        said = " · ".join(filter(None, [n_runs, describe(config, choices, varied)]))
        announce("Sweep", said, watch_note(config, choices))


def _refuse_resume(overrides: Sequence[str]) -> None:
    """Refuse ``resume=…``, which resumes a single run.

    Raises:
        ValueError: if it is among the overrides.
    """
    for override in overrides:
        if override.lstrip("+").startswith("resume="):
            raise UserError(
                f"A sweep goes on by `sweep.resume=…`, with its directory. Found `{override}`, "
                "which goes on with one run. Use that, or leave -m out."
            )


def _refuse_several_values(overrides: Sequence[str]) -> None:
    """Refuse several values for a setting of the sweep itself.

    Raises:
        ValueError: for the first such setting.
    """
    for name in swept(overrides):
        if name.startswith("sweep."):
            (typed,) = (o for o in overrides if o.lstrip("+").startswith(f"{name}="))
            raise UserError(
                f"`{name}` takes one value for all runs of a sweep. Found `{typed}`. If a comma is "
                f"part of a name, put it into quotes: `'{name}=\"a, b\"'`."
            )


def resume_hint() -> str:
    """How to resume the sweep of this process, as a sentence; empty if there is none."""
    config = CURRENT_SWEEP.get()
    if config is None:
        return ""
    go_on = f"Go on with the same command and `{resume_override(config.hydra.sweep.dir)}`."
    return f"What was measured until then is kept. {go_on}"


def report_stopped_sweep() -> None:
    """Report on the runs of a sweep that was interrupted or whose launcher failed."""
    from deltaflow.sweep.directory import has_runs

    stop_progress()
    config = CURRENT_SWEEP.get()
    if config is not None and has_runs(Path(config.hydra.sweep.dir)):
        with suppress(SystemExit):  # the status is not 0 anyway
            RankingCallback().on_multirun_end(config)


class RankingCallback(Callback):
    """Prints the ranking of a sweep, writes its report, and sets the exit status."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the ranking, and write the report into the sweep's directory.

        Raises:
            SystemExit: with status 1 if a run failed or was stopped, there was none, or the
                report could not be written.
        """
        stop_progress()
        directory = Path(config.hydra.sweep.dir)
        try:
            failed = self._report(directory)
        except KeyboardInterrupt:
            again = f"`python scripts/report.py {shlex.quote(str(directory))}`"
            raise KeyboardInterrupt(f"All runs are there. {again} reports on them.") from None
        except Exception as error:  # Hydra would swallow it
            print_error(f"The runs could not be compared. {explain(error)}")
            raise SystemExit(1) from error
        finally:
            CURRENT_SWEEP.set(None)
        if failed:
            raise SystemExit(1)

    def _report(self, directory: Path) -> bool:
        """Print and write the report; return whether a run or the report has failed."""
        from deltaflow.comparison.collection import collect
        from deltaflow.sweep.report import (
            print_places,
            report_on,
            search_of,
            title_of,
            write_report,
        )
        from deltaflow.system.files import folders
        from deltaflow.terminal.ranking import describe_run, print_ranking
        from deltaflow.terminal.screen import console, say

        out = console()
        try:
            runs = collect([directory])
        except ValueError:
            if any(folder.name[:1].isdigit() for folder in folders(directory)):
                out.print("There is nothing to report yet: others have begun with all runs.")
                return False
            print_error(
                f"A sweep must make at least one run. Found none in {directory}. Give each setting "
                "that varies a value, such as `network.depth=1,2,5`."
            )
            return True
        try:
            search = search_of([directory])
            report = report_on(runs, directory, title_of([directory]), search=search)
        except Exception:
            for run in runs:
                said = run.reason or describe_run(run.summary)
                out.print(printable(f"{run.name}: {said}"), soft_wrap=True, markup=False)
            raise

        def show() -> None:
            print_ranking(out, report.comparison)
            say(out, "Records", short_path(directory.absolute()))

        def write() -> None:
            write_report(report)
            print_places(out, directory)

        failed = report.has_failures
        for what, step in (("shown", show), ("written", write)):
            try:
                step()
            except Exception as error:  # the other step is still possible
                print_error(f"The report could not be {what}. {explain(error)}")
                failed = True
        return failed
