"""A report on runs, at any time: of a sweep that is going or was stopped, of several, of one run.

    python scripts/report.py outputs/sweep_A outputs/sweep_B format=svg

It takes folders that hold runs, prints the ranking, and writes report.html, runs.parquet,
runs.csv and figures/. Nothing but records is read. Settings, with their defaults; --format svg
is format=svg, and so on:

    output=DIR       where to: the folder itself if one is given, else outputs/report_<unique>
    format=png       of the figures: png, svg or pdf
    baseline=best    the configuration that others are compared with, by its label or a part of
                     it, such as "activation=relu init=he"
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from deltaflow.commands.analysis.parser import Parser
from deltaflow.config.messages import entry_point
from deltaflow.figures.formats import FORMATS
from deltaflow.system.errors import UserError

_SETTINGS = ("output", "format", "baseline")


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Report; the exit status is 0 only if everything was written."""
    settings = read_settings(arguments)
    from deltaflow.comparison.collection import collect  # polars takes its time
    from deltaflow.sweep.report import print_places, report_on, search_of, title_of, write_report
    from deltaflow.terminal.ranking import print_ranking
    from deltaflow.terminal.screen import console

    runs, out, directory = collect(settings.directories), console(), _output(settings)
    asked = settings.directories
    report = report_on(runs, directory, title_of(asked), settings.baseline, search_of(asked))
    print_ranking(out, report.comparison)
    write_report(report, settings.format)
    print_places(out, directory)


def read_settings(arguments: Sequence[str]) -> Namespace:
    """Tell folders and settings apart.

    Names of run directories hold equals signs too, so only those of the settings are settings.

    Returns:
        ``directories``, ``output``, ``format`` and ``baseline``, which is ``None`` for the best.

    Raises:
        ValueError: for a setting that does not exist or has no value, or without a folder.

    >>> read_settings(["outputs/0_activation=relu", "--format", "svg"]).format
    'svg'
    """
    parser = Parser("A report takes folders that hold runs, output=, format= and baseline=.")
    parser.add_argument("directories", nargs="+", type=Path, metavar="folder")
    parser.add_argument("--output")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument("--baseline")
    settings = parser.parse_intermixed_args(
        [f"--{one}" if one.partition("=")[0] in _SETTINGS else one for one in arguments]
    )
    if settings.output == "":
        raise UserError("`output` must be a folder. Found nothing. Use `output=outputs/report`.")
    if settings.baseline == "best":
        settings.baseline = None
    return settings


def _output(settings: Namespace) -> Path:
    """Where the report goes.

    Raises:
        ValueError: if there is a file.
    """
    if settings.output is not None:
        directory = Path(settings.output)
    elif len(settings.directories) == 1:
        directory = settings.directories[0]
    else:
        from deltaflow.config.names import unique_name  # Hydra takes its time

        directory = Path("outputs") / unique_name(kind="report")
    if directory.exists() and not directory.is_dir():
        raise UserError(
            f"`output` must be a folder. Found {directory}, which is a file. Name another one."
        )
    return directory
