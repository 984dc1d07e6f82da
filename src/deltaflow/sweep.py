"""What happens around the runs of a sweep: a directory of their own, and their ranking."""

import os
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from deltaflow.messages import explain, print_error
from deltaflow.names import resuming
from deltaflow.records.summary import SUMMARY, read_summary
from deltaflow.resumption import has_failed, open_sweep

# The sweep that this process conducts: when a launcher breaks, nobody else could tell.
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


def conclude_broken_sweep() -> None:
    """The end of a sweep whose launcher broke: what there is, and how to go on."""
    config = UNDER_WAY.get()
    if config is not None:
        with suppress(SystemExit):  # the status is 1 anyway
            RankingCallback().on_multirun_end(config)
        hint = resuming(config.hydra.sweep.dir)
        print_error(f"the sweep broke off. Go on with the same command and `{hint}`.")


class RankingCallback(Callback):
    """At the end of a multirun: the ranking of all its runs, and the exit status."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the ranking.

        Raises:
            SystemExit: with status 1 if a run failed, or there was none.
        """
        from deltaflow.report.ranking import print_ranking
        from deltaflow.report.screen import console

        directory = Path(config.hydra.sweep.dir)
        folders = sorted(directory.iterdir(), key=_number)
        runs = [read_summary(folder) for folder in folders if (folder / SUMMARY).exists()]
        if not runs:
            print_error(
                f"A sweep must make at least one run. Found none in {directory}. Give each setting "
                "that varies a value, such as `network.depth=1,2,5`."
            )
            raise SystemExit(1)
        out = console()
        print_ranking(out, runs)
        out.print(f"Records      {directory.absolute()}", soft_wrap=True)
        if any(summary["status"] == "failed" for summary in runs):
            raise SystemExit(1)


def _number(folder: Path) -> tuple[int, str]:
    number, _, rest = folder.name.partition("_")
    return (int(number), rest) if number.isdigit() else (-1, folder.name)
