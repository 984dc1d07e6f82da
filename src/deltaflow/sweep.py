"""What happens around the runs of a sweep: a directory of their own, and their report."""

import os
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.text import Text

from deltaflow.messages import explain, print_error
from deltaflow.names import resuming
from deltaflow.resumption import has_failed, open_sweep

# The sweep that this process conducts: when it is stopped from outside, Hydra does not tell.
UNDER_WAY: ContextVar[DictConfig | None] = ContextVar("UNDER_WAY", default=None)


def runs_at_once(launcher: str) -> int | None:
    """How many runs a launcher gets at a time, the next ones when all of these have ended.

    Submitit on one machine begins all that it gets at the same time, each in a process.

    Args:
        launcher: its ``_target_``.

    Returns:
        As many as there are cores for it, and ``None`` for others: all.
    """
    if not launcher.endswith("submitit_launcher.LocalLauncher"):
        return None
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


class DirectoryCallback(Callback):
    """Before any run of a sweep begins: where they all go, and at the end, whether they went."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Make the sweep's directory ready.

        Raises:
            SystemExit: with status 1, if the records of another are in it, or if there is no
                sweep in it that could be resumed.
        """
        try:
            sweep, resumed = Path(config.hydra.sweep.dir), config.sweep.resume
        except OmegaConfBaseException:  # Hydra will meet the same error, and say so
            return
        try:
            if resumed is not None and Path(resumed) != sweep:
                raise ValueError(
                    "A sweep that is resumed goes on in its own directory. Found "
                    f"`sweep.resume={resumed}` with `hydra.sweep.dir={sweep}`. Leave the latter "
                    "out."
                )
            open_sweep(sweep, resumed is not None)
            UNDER_WAY.set(config)
        except (ValueError, OSError) as error:
            print_error(explain(error))
            raise SystemExit(1) from error  # Hydra swallows any other exception of a callback

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Tell by the exit status of failures that left no record.

        Raises:
            SystemExit: with status 1 if there was one.
        """
        if has_failed(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)


def how_to_go_on() -> str:
    """What to type to go on with the sweep that this process conducts; empty if there is none."""
    config = UNDER_WAY.get()
    if config is None:
        return ""
    return f"Go on with the same command and `{resuming(config.hydra.sweep.dir)}`."


def conclude_broken_sweep() -> None:
    """The end of a sweep whose launcher broke: what there is, and how to go on."""
    config = UNDER_WAY.get()
    if config is not None:
        with suppress(SystemExit):  # the status is 1 anyway
            RankingCallback().on_multirun_end(config)
        print_error(f"the sweep broke off. {how_to_go_on()}")


class RankingCallback(Callback):
    """At the end of a multirun: its ranking and its report, and the exit status."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the ranking, and write the report into the sweep's directory.

        Raises:
            SystemExit: with status 1 if a run failed or was stopped, there was none, or the
                report could not be written.
        """
        from deltaflow.report.build import print_places, report_on, title_of, write_report
        from deltaflow.report.collect import collect
        from deltaflow.report.ranking import describe_run, print_ranking
        from deltaflow.report.screen import console

        directory, out = Path(config.hydra.sweep.dir), console()
        try:
            runs = collect([directory])
        except ValueError:
            print_error(
                f"A sweep must make at least one run. Found none in {directory}. Give each setting "
                "that varies a value, such as `network.depth=1,2,5`."
            )
            raise SystemExit(1) from None
        try:
            report = report_on(runs, directory, title_of([directory]))
        except Exception as error:
            for run in runs:
                said = run.reason or describe_run(run.summary)
                out.print(f"{run.directory.name}: {said}", soft_wrap=True, markup=False)
            print_error(f"The runs could not be compared. {explain(error)}")
            raise SystemExit(1) from error
        print_ranking(out, report.digest)
        out.print(Text(f"Records      {directory.absolute()}"), soft_wrap=True)
        try:
            write_report(report)
        except Exception as error:
            print_error(f"The report could not be written. {explain(error)}")
            raise SystemExit(1) from error
        print_places(out, directory)
        if report.has_failures:
            raise SystemExit(1)
