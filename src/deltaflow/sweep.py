"""What happens around the runs of a sweep: a directory of their own, and their ranking."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from deltaflow.messages import explain, print_error
from deltaflow.records.summary import SUMMARY, read_summary
from deltaflow.resumption import has_failed, open_sweep


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
