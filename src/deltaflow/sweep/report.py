"""A report on runs: their comparison, written as a table, a page and figures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.comparison import Comparison, compare_runs
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns, group_runs
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.records import SUMMARY, SearchRecord, read_search
from deltaflow.system.child_processes.second_process import running_process
from deltaflow.system.escaping import encodable, short_path
from deltaflow.terminal.screen import say

PAGE, FIGURES = "report.html", "figures"


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes:
        directory: the directory into which it is written.
        grouped: the runs, grouped by configuration.
        comparison: the comparison of the groups.
    """

    directory: Path
    grouped: GroupedRuns
    comparison: Comparison

    @property
    def has_failures(self) -> bool:
        """Whether a run failed or was interrupted."""
        statuses = {run.status for run in self.grouped.runs.values()}
        return bool(statuses & {"failed", "interrupted"})


def report_on(
    runs: Sequence[CollectedRun],
    directory: Path,
    title: str,
    baseline: str | None = None,
    search: SearchRecord | None = None,
) -> Report:
    """Group and compare runs; nothing is written yet.

    Args:
        runs: the collected runs.
        directory: the directory into which the report is written.
        title: title of the report.
        baseline: the configuration to compare with; ``None`` for the best.
        search: the search whose trials the runs are; ``None`` if they are not from a search.

    Raises:
        ValueError: if the baseline is not one of the configurations.
    """
    grouped = group_runs(runs)
    return Report(directory, grouped, compare_runs(grouped, title, directory, baseline, search))


def title_of(directories: Sequence[Path]) -> str:
    """The title of a report on runs in these folders."""
    names = [encodable(path.resolve().name) for path in directories]
    if len(names) > 1:
        return f"{len(names)} folders: {', '.join(names)}"
    kind = "Run" if os.path.lexists(directories[0] / SUMMARY) else "Sweep"
    return f"{kind} {names[0].removeprefix('sweep_')}"


def search_of(directories: Sequence[Path]) -> SearchRecord | None:
    """The search whose trials are the runs in these folders; ``None`` if there is none."""
    return read_search(directories[0]) if len(directories) == 1 else None


def write_report(report: Report, kind: str = "png") -> None:
    """Write ``runs.parquet``, ``runs.csv``, ``report.html`` and ``figures/``.

    Args:
        report: the report.
        kind: file format of the figures, one of ``FORMATS``.

    Raises:
        OSError: if a file cannot be written. The other files are written nevertheless.
    """
    report.directory.mkdir(parents=True, exist_ok=True)
    errors = []
    for write in (_write_runs, _write_page, partial(_write_figures, kind=kind)):
        try:
            write(report)
        except Exception as error:  # the other files are still possible
            errors.append(error)
    if errors:
        raise errors[0]


def print_places(out: Console, directory: Path) -> None:
    """Print the paths of a report."""
    for label, name in (("Report", PAGE), ("Figures", FIGURES), ("Table", "runs.csv")):
        say(out, label, short_path(directory.absolute() / name))


def _write_runs(report: Report) -> None:
    write_runs(runs_table(report.grouped, report.directory), report.directory)


def _write_page(report: Report) -> None:
    from deltaflow.page import write_page  # plotly is slow to import

    write_page(report.comparison, report.directory / PAGE)


def _write_figures(report: Report, kind: str) -> None:
    from deltaflow.figures.sweep_figures import write_figures  # matplotlib is slow to import

    write_figures(report.comparison, report.directory / FIGURES, kind, running_process())
