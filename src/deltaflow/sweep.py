"""What happens around runs: names and directories of their own, and a sweep's ranking."""

import re
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from deltaflow.messages import print_error
from deltaflow.records.summary import SUMMARY, read_summary

SLUG_BYTES = 80


def slug(number: int | str, overrides: str) -> str:
    """The name of a run within its sweep: its number, and what sets it apart.

    Args:
        number: of the job.
        overrides: Hydra's ``override_dirname``.

    Returns:
        At most 80 bytes that every file system takes.

    >>> slug(3, "activation=relu,network.depth=5,data.path=/tmp/my data.csv")
    '3_activation=relu,network.depth=5,data.path=-tmp-my-data.csv'
    """
    readable = re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", overrides).strip("-.,")
    return f"{number}_{readable}"[:SLUG_BYTES].rstrip("-_.,=")


class OwnDirectoryCallback(Callback):
    """Before Hydra writes anything: no run or sweep goes where another has been."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse the directory of an earlier run.

        Raises:
            SystemExit: with status 1, if there is one.
        """
        self._refuse(config.hydra.run, SUMMARY)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse the directory of an earlier sweep.

        Raises:
            SystemExit: with status 1, if there is one.
        """
        self._refuse(config.hydra.sweep, f"*/{SUMMARY}")

    def _refuse(self, where: DictConfig, records: str) -> None:
        try:
            directory = Path(where.dir)
        except OmegaConfBaseException:  # Hydra will meet the same error, and say so
            return
        if directory.is_dir() and any(directory.glob(records)):
            print_error(
                "A run or sweep needs a directory of its own. Found the records of another in "
                f"{directory}. Name a new one, or delete that."
            )
            raise SystemExit(1)  # Hydra swallows any other exception of a callback


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
