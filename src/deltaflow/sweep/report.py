"""A report on runs: gathered once, ranked in the terminal, written as tables, page and figures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.comparison import Comparison, compare_runs
from deltaflow.comparison.grouped_runs import GroupedRuns, group_runs
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.records import SUMMARY, SearchRecord, read_search
from deltaflow.system.escaping import encodable, short_path
from deltaflow.system.second_process import running_process

PAGE, FIGURES = "report.html", "figures"


@dataclass(frozen=True)
class Report:
    """A report that is ready to be shown and written.

    Attributes:
        directory: where it goes.
        grouped: the runs.
        comparison: what it says of them.
    """

    directory: Path
    grouped: GroupedRuns
    comparison: Comparison

    @property
    def has_failures(self) -> bool:
        """Whether a run failed or was stopped."""
        statuses = {run.status for run in self.grouped.runs.values()}
        return bool(statuses & {"failed", "interrupted"})


def report_on(
    runs: Sequence[CollectedRun],
    directory: Path,
    title: str,
    baseline: str | None = None,
    search: SearchRecord | None = None,
) -> Report:
    """Gather and compare runs.

    Args:
        runs: as collected.
        directory: where the report will go.
        title: of the report.
        baseline: the configuration to compare with; ``None`` for the best.
        search: whose trials the runs are; ``None`` if they are not one's.

    Returns:
        The report; nothing is written yet.

    Raises:
        ValueError: for a baseline that is none.
    """
    grouped = group_runs(runs)
    return Report(directory, grouped, compare_runs(grouped, title, directory, baseline, search))


def title_of(directories: Sequence[Path]) -> str:
    """What a report on these folders is called."""
    names = [encodable(path.resolve().name) for path in directories]
    if len(names) > 1:
        return f"{len(names)} folders: {', '.join(names)}"
    kind = "Run" if os.path.lexists(directories[0] / SUMMARY) else "Sweep"
    return f"{kind} {names[0].removeprefix('sweep_')}"


def search_of(directories: Sequence[Path]) -> SearchRecord | None:
    """The search whose trials the runs in these folders are, if they are one's."""
    return read_search(directories[0]) if len(directories) == 1 else None


def write_report(report: Report, kind: str = "png") -> None:
    """Write ``runs.parquet``, ``runs.csv``, ``report.html`` and ``figures/``.

    Args:
        report: to write.
        kind: of the figures, one of ``FORMATS``.

    Raises:
        OSError: if there is no room, or no permission. What can be written is.
    """
    report.directory.mkdir(parents=True, exist_ok=True)
    errors = []
    for write in (_write_runs, _write_page, partial(_write_figures, kind=kind)):
        try:
            write(report)
        except Exception as error:  # a fault of one part must not cost the others
            errors.append(error)
    if errors:
        raise errors[0]


def print_places(out: Console, directory: Path) -> None:
    """Say where a report is."""
    for label, name in (("Report", PAGE), ("Figures", FIGURES), ("Table", "runs.csv")):
        out.print(Text(f"{label:<13}{short_path(directory.absolute() / name)}"), soft_wrap=True)


def _write_runs(report: Report) -> None:
    write_runs(runs_table(report.grouped, report.directory), report.directory)


def _write_page(report: Report) -> None:
    from deltaflow.page import write_page  # plotly takes its time

    write_page(report.comparison, report.directory / PAGE)


def _write_figures(report: Report, kind: str) -> None:
    from deltaflow.figures.sweep_figures import write_figures  # matplotlib takes its time

    write_figures(report.comparison, report.directory / FIGURES, kind, running_process())
