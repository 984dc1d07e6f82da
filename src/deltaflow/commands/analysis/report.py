"""Report on runs: of one or more sweeps, even running or stopped ones, or a single run.

    python scripts/report.py outputs/sweep_A outputs/sweep_B format=svg

It takes folders that hold runs, prints the ranking, and writes report.html, runs.parquet,
runs.csv and figures/. Only records are read. Settings, with their defaults (--format svg is the
same as format=svg):

    output=DIR       directory of the report: the given folder if it is one, else
                     outputs/report_<unique>
    format=png       file format of the figures: png, svg or pdf
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
    """Print and write the report; the exit status is 0 only if there was no error."""
    settings = read_settings(arguments)
    from deltaflow.comparison.collection import collect  # polars is slow to import
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
    """Parse folders and settings.

    Names of run directories have equals signs, too, so only known names are settings.

    Returns:
        ``directories``, ``output``, ``format`` and ``baseline``, which is ``None`` for the best.

    Raises:
        ValueError: if a setting does not exist or has no value, or no folder is given.

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
    """The directory of the report.

    Raises:
        ValueError: if it is a file.
    """
    if settings.output is not None:
        directory = Path(settings.output)
    elif len(settings.directories) == 1:
        directory = settings.directories[0]
    else:
        from deltaflow.config.names import unique_name  # Hydra is slow to import

        directory = Path("outputs") / unique_name(kind="report")
    if directory.exists() and not directory.is_dir():
        raise UserError(
            f"`output` must be a folder. Found {directory}, which is a file. Name another one."
        )
    return directory
