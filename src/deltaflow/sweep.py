"""What happens around runs: names and directories of their own, and a sweep's report."""

import re
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.text import Text

from deltaflow.messages import explain, print_error
from deltaflow.records.summary import SUMMARY

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
