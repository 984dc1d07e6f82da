"""What happens around the runs of a sweep: a directory of their own, and their report."""

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
from rich.text import Text

from deltaflow.config import limits
from deltaflow.config.description import describe, watch_note
from deltaflow.config.hyperparameters import swept
from deltaflow.config.messages import explain, print_error
from deltaflow.config.names import axes, resume_override
from deltaflow.sweep.progress import show_progress, stop_progress
from deltaflow.sweep.size import extent
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import printable, short_path

# The sweep that this process conducts: when it is stopped from outside, Hydra does not tell.
CURRENT_SWEEP: ContextVar[DictConfig | None] = ContextVar("CURRENT_SWEEP", default=None)


class DirectoryCallback(Callback):
    """Before any run of a sweep begins: where they all go, and at the end, whether they went."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Make the sweep's directory ready.

        Raises:
            SystemExit: with status 1, if the records of another are in it, or if there is no
                sweep in it that could be resumed.
        """
        from deltaflow.sweep.directory import open_sweep  # a lone run does not wait for polars

        try:
            sweep, resumed = Path(config.hydra.sweep.dir), config.sweep.resume
        except OmegaConfBaseException:  # Hydra will meet the same error, and say so
            return
        varied: dict[str, float] = {}
        try:
            _refuse_resume(config.hydra.overrides.task)
            _refuse_several(config.hydra.overrides.task)
            limits.check_values(config, "sweep.")
            sweeper = str(OmegaConf.select(config, "hydra.sweeper._target_")).rpartition(".")[2]
            params = OmegaConf.select(config, "hydra.sweeper.params")
            if sweeper in ("BasicSweeper", "CombinationSweeper"):
                with suppress(HydraException):  # which Hydra will meet, and say so
                    varied = extent(config.hydra.overrides.task, params)
            elif sweeper == "SearchSweeper":
                varied = dict.fromkeys(axes(config.hydra.overrides.task, params), math.inf)
            if resumed is not None and Path(resumed) != sweep:
                raise UserError(
                    "A sweep that is resumed goes on in its own directory. Found "
                    f"`sweep.resume={resumed}` with `hydra.sweep.dir={sweep}`. Leave the latter "
                    "out."
                )
            open_sweep(sweep, resumed is not None)
            # It has no number yet, but from now on it is known to all runs what varies.
            with suppress(OmegaConfBaseException):
                _ = config.hydra.sweep.subdir
            CURRENT_SWEEP.set(config)
            _announce(config, varied)
            launcher = str(OmegaConf.select(config, "hydra.launcher._target_"))
            if not launcher.endswith("StackLauncher"):  # which has a bar of its own
                show_progress(sweep, round(math.prod(varied.values())) if varied else None)
        except (ValueError, OSError) as error:
            print_error(explain(error))
            raise SystemExit(1) from error  # Hydra swallows any other exception of a callback

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Tell by the exit status of failures that left no record.

        Raises:
            SystemExit: with status 1 if there was one.
        """
        from deltaflow.sweep.directory import has_failed

        if has_failed(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)


def _announce(config: DictConfig, varied: Mapping[str, float]) -> None:
    """Say at once what a sweep will train, and what there is to watch."""
    from deltaflow.terminal.screen import announce

    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    counts = " × ".join(f"{name} ({n:g})" for name, n in varied.items())
    n_runs = f"{math.prod(varied.values()):g} runs: {counts}" if varied else ""
    if math.inf in varied.values():  # of a search
        n_runs = f"{config.hydra.sweeper.n_trials} trials: {', '.join(varied)}"
    with suppress(OmegaConfBaseException):  # a reference leads nowhere: the runs will say so
        said = " · ".join(filter(None, [n_runs, describe(config, choices, varied)]))
        announce("Sweep", said, watch_note(config, choices))


def _refuse_resume(overrides: Sequence[str]) -> None:
    """Refuse what goes on with one run.

    Raises:
        ValueError: if it is there.
    """
    for override in overrides:
        if override.lstrip("+").startswith("resume="):
            raise UserError(
                f"A sweep goes on by `sweep.resume=…`, with its directory. Found `{override}`, "
                "which goes on with one run. Use that, or leave -m out."
            )


def _refuse_several(overrides: Sequence[str]) -> None:
    """Refuse several values of what is one for a sweep.

    Raises:
        ValueError: for the first.
    """
    for name in swept(overrides):
        if name.startswith("sweep."):
            (typed,) = (o for o in overrides if o.lstrip("+").startswith(f"{name}="))
            raise UserError(
                f"`{name}` takes one value for all runs of a sweep. Found `{typed}`. If a comma is "
                f"part of a name, put it into quotes: `'{name}=\"a, b\"'`."
            )


def resume_hint() -> str:
    """What to type to go on with the sweep that this process conducts; empty if there is none."""
    config = CURRENT_SWEEP.get()
    if config is None:
        return ""
    go_on = f"Go on with the same command and `{resume_override(config.hydra.sweep.dir)}`."
    return f"What was measured until then is kept. {go_on}"


def report_stopped_sweep() -> None:
    """The end of a sweep that was stopped, or whose launcher broke: the report on what there is."""
    from deltaflow.sweep.directory import has_runs

    stop_progress()
    config = CURRENT_SWEEP.get()
    if config is not None and has_runs(Path(config.hydra.sweep.dir)):
        with suppress(SystemExit):  # the status is not 0 anyway
            RankingCallback().on_multirun_end(config)


class RankingCallback(Callback):
    """At the end of a multirun: its ranking and its report, and the exit status."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the ranking, and write the report into the sweep's directory.

        Raises:
            SystemExit: with status 1 if a run failed or was stopped, there was none, or the
                report could not be written.
        """
        stop_progress()
        directory = Path(config.hydra.sweep.dir)
        try:
            failed = self._conclude(directory)
        except KeyboardInterrupt:
            again = f"`python scripts/report.py {shlex.quote(str(directory))}`"
            raise KeyboardInterrupt(f"All runs are there. {again} reports on them.") from None
        except Exception as error:  # which Hydra would swallow
            print_error(f"The runs could not be compared. {explain(error)}")
            raise SystemExit(1) from error
        finally:
            CURRENT_SWEEP.set(None)
        if failed:
            raise SystemExit(1)

    def _conclude(self, directory: Path) -> bool:
        """Show and write the report; return whether anything is amiss."""
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
        from deltaflow.terminal.screen import console

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
            out.print(Text(f"Records      {short_path(directory.absolute())}"), soft_wrap=True)

        def write() -> None:
            write_report(report)
            print_places(out, directory)

        failed = report.has_failures
        for what, step in (("shown", show), ("written", write)):
            try:
                step()
            except Exception as error:  # one must not keep the other from happening
                print_error(f"The report could not be {what}. {explain(error)}")
                failed = True
        return failed
