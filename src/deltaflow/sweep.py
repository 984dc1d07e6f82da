"""What happens around a multirun: names for its runs, and a ranking when all have ended."""

import re
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

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


class RankingCallback(Callback):
    """At the end of a multirun: the ranking of all its runs, and the exit status."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the ranking.

        Raises:
            SystemExit: with status 1 if a run failed.
        """
        from deltaflow.report.terminal import console, print_ranking

        directory = Path(config.hydra.sweep.dir)
        runs = [
            read_summary(folder)
            for folder in sorted(directory.iterdir(), key=_number)
            if (folder / SUMMARY).exists()
        ]
        out = console()
        print_ranking(out, runs)
        out.print(f"Records      {directory.absolute()}", soft_wrap=True)
        if any(summary["status"] == "failed" for summary in runs):
            raise SystemExit(1)


def _number(folder: Path) -> tuple[int, str]:
    number, _, rest = folder.name.partition("_")
    return (int(number), rest) if number.isdigit() else (-1, folder.name)
