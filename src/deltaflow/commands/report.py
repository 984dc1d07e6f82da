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

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deltaflow.comparison.collection import collect
from deltaflow.config.messages import command
from deltaflow.figures.formats import FORMATS
from deltaflow.sweep.report import print_places, report_on, title_of, write_report
from deltaflow.system.errors import UserError
from deltaflow.terminal.ranking import print_ranking
from deltaflow.terminal.screen import console

_SETTINGS = ("output", "format", "baseline")
_BEST = "best"


@dataclass(frozen=True)
class Settings:
    """What the command was told.

    Attributes:
        directories: that hold runs.
        output: where the report goes.
        format: of the figures.
        baseline: a configuration's name, or ``best``.
    """

    directories: tuple[Path, ...]
    output: str | None = None
    format: str = FORMATS[0]
    baseline: str = _BEST


@command
def main(arguments: Sequence[str]) -> None:
    """Report; the exit status is 0 only if everything was written."""
    _run(read_settings(arguments))


def read_settings(arguments: Sequence[str]) -> Settings:
    """Tell folders and settings apart.

    Names of run directories hold equals signs too, so only those of the settings are settings.

    Args:
        arguments: as typed.

    Raises:
        ValueError: for a setting that there is not, or without a value, or no folder.

    >>> read_settings(["outputs/0_activation=relu", "--format", "svg"]).format
    'svg'
    """
    given: dict[str, str] = {}
    folders, rest = [], iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name in _SETTINGS and equals:
            given[name] = value
        elif name.startswith("--") and name[2:] in _SETTINGS:
            following = value if equals else next(rest, None)
            if following is None:
                raise UserError(
                    f"A flag must have a value. Found `{argument}` without one. See --help."
                )
            given[name[2:]] = following
        elif argument.startswith("-"):
            raise UserError(
                f"A report takes folders, --output, --format and --baseline. Found `{argument}`. "
                "See --help."
            )
        else:
            folders.append(Path(argument))
    settings = Settings(tuple(folders), **given)
    if not folders:
        raise UserError(
            "A report must be given folders that hold runs. Found none. "
            "Name a sweep's directory, such as `outputs`."
        )
    if settings.format not in FORMATS:
        raise UserError(
            f"`format` must be one of {', '.join(FORMATS)}. Found `{settings.format}`. "
            "Use `format=svg`."
        )
    if settings.output == "":
        raise UserError("`output` must be a folder. Found nothing. Use `output=outputs/report`.")
    return settings


def _run(settings: Settings) -> None:
    runs, out = collect(settings.directories), console()
    named = None if settings.baseline == _BEST else settings.baseline
    directory = _output(settings)
    report = report_on(runs, directory, title_of(settings.directories), named)
    print_ranking(out, report.comparison)
    write_report(report, settings.format)
    print_places(out, directory)


def _output(settings: Settings) -> Path:
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
