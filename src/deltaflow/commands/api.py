"""deltaflow from Python, in a script or a notebook.

>>> import tempfile
>>> from deltaflow import load_run, run_sweep, train
>>> folder = tempfile.mkdtemp()
>>> run = train(["activation=tanh", "network.depth=4", "trainer.max_epochs=2"], f"{folder}/tanh")
>>> run.layers.filter(step=0, layer=1)["delta_norm"].len()
1
>>> run.summary["status"]
'completed'
>>> figure = run.draw()
>>> load_run(f"{folder}/tanh").layers.equals(run.layers)
True
>>> sweep = run_sweep(["network.depth=1,2", "trainer.max_epochs=2"], f"{folder}/sweep")
>>> sweep.runs["status"].to_list()
['completed', 'completed']
"""

from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deltaflow.commands.process import process_restored
from deltaflow.commands.train import run_command_line
from deltaflow.comparison.collection import collect
from deltaflow.comparison.command_lines import RUN_SWEEP, TRAIN
from deltaflow.comparison.comparison import Comparison, compare_runs
from deltaflow.comparison.configurations.grouped_runs import group_runs
from deltaflow.comparison.runs_table import runs_table
from deltaflow.config import limits
from deltaflow.config.composition.runs import compose_run, list_of_overrides
from deltaflow.config.messages import INTERRUPTED, errors_explained, explain
from deltaflow.config.names import unique_name
from deltaflow.data import ReplicaData
from deltaflow.experiment.building import assembly
from deltaflow.experiment.building.trainer import quiet_lightning
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.results.notebook import comparison_html
from deltaflow.experiment.results.result import Run, load_run
from deltaflow.experiment.run import run_alone
from deltaflow.nn.network import FullyConnected
from deltaflow.sweep.report import search_of, title_of
from deltaflow.system.errors import UserError
from deltaflow.system.files import open_to_append

LOG = "sweep.log"
"""The file in a sweep's directory with the output that the command line would have printed."""


@dataclass(frozen=True)
class Sweep:
    """The result of a sweep.

    Attributes:
        directory: the directory with the runs, the report and the figures.
        runs: a row per run and seed, as in ``runs.parquet``; its column ``directory`` is relative
            to the sweep's directory.
    """

    directory: Path
    runs: pl.DataFrame

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return compare([self])._repr_html_()

    def load(self, directory: str) -> Run:
        """Load a run by its ``directory`` in ``runs``.

        Raises:
            ValueError: if the records cannot be read.
        """
        return load_run(self.directory / directory)


@dataclass(frozen=True)
class Compared:
    """A comparison of runs.

    Attributes:
        comparison: the ranking, tests and effects.
        runs: a row per run and seed, as in ``runs.parquet``.
    """

    comparison: Comparison
    runs: pl.DataFrame

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return comparison_html(self.comparison)


def compare(runs: Iterable[Run | Sweep | str | Path], baseline: str | None = None) -> Compared:
    """Rank runs and compare them with a baseline.

    Args:
        runs: runs and sweeps, or their directories.
        baseline: the configuration to compare with, such as ``activation=relu``; the best if
            ``None``.

    Raises:
        ValueError: if there is no run, or the baseline is not one of the configurations.
    """
    folders = [Path(one) if isinstance(one, str | Path) else one.directory for one in runs]
    grouped = group_runs(collect(folders))
    where = Path.cwd()
    comparison = compare_runs(grouped, title_of(folders), where, baseline, search_of(folders))
    return Compared(comparison, runs_table(grouped, where))


def train(overrides: Iterable[str] = (), directory: str | Path | None = None) -> Run:
    """Train a network, as ``python train.py`` with the same overrides does.

    Args:
        overrides: such as ``["activation=tanh", "network.depth=10"]``.
        directory: the run directory; a new one in ``outputs/`` if ``None``.

    Returns:
        The run with its tables, summary, networks and picture.

    Raises:
        ValueError: if a setting is not valid, with the command line's message.
    """
    settings = _settings("train", overrides)
    folder = _folder(directory, ",".join(settings))
    with errors_explained():
        config, choices = compose_run(settings, folder)
    return run_alone(RunPlan(config, folder, choices, settings, [TRAIN, *settings]))


def assemble(overrides: Iterable[str] = ()) -> tuple[ReplicaData, FullyConnected]:
    """Build the data and the networks that :func:`train` starts with for the same overrides.

    Returns:
        The data, split and standardised, and R networks before training, in evaluation mode.

    Raises:
        ValueError: if a setting is not valid, with the command line's message.
    """
    settings = _settings("assemble", overrides)
    with errors_explained():
        config, _ = compose_run(settings, Path())
    limits.check(config)
    with quiet_lightning():
        data = assembly.datamodule(config)
        return data, assembly.module(config, data).network.eval()


def run_sweep(
    overrides: Iterable[str], directory: str | Path | None = None, *, resume: bool = False
) -> Sweep:
    """Train all combinations of some settings, as ``python train.py -m`` does.

    Args:
        overrides: such as ``["activation=relu,tanh", "network.depth=2,10"]``.
        directory: the sweep's directory; a new one in ``outputs/`` if ``None``.
        resume: whether to resume the sweep in that directory; finished runs are kept.

    Returns:
        The sweep, including failed runs. The output of this process is in ``sweep.log``; workers of
        a parallel launcher print to the terminal.

    Raises:
        ValueError: if no run was trained, with the command line's message.
        KeyboardInterrupt: if interrupted; the measurements so far are kept.
    """
    settings = _settings("run_sweep", overrides, with_hydra=True)
    folder = _folder(directory, None)
    if resume and not folder.is_dir():
        raise UserError(
            f"A sweep that goes on must be there. Found no folder {folder}. Leave `resume` out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    where = "sweep.resume" if resume else "hydra.sweep.dir"
    quoted = str(folder).replace("'", r"\'")
    with (
        open_to_append(folder / LOG) as log,
        process_restored(),
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        status = _status_of([RUN_SWEEP, "-m", *settings, f"{where}='{quoted}'"])
    if status == INTERRUPTED:
        raise KeyboardInterrupt(f"What was measured until then is in {folder}.")
    return Sweep(folder, runs_table(group_runs(collect([folder])), folder))


def _status_of(typed: list[str]) -> int:
    """Run a command and return its exit status.

    Raises:
        ValueError: if the command ends with an error.
    """
    try:
        run_command_line(typed)
    except SystemExit as stop:
        if isinstance(stop.__cause__, Exception):
            raise UserError(explain(stop.__cause__)) from stop.__cause__
        return int(stop.code or 0)
    return 0


def _settings(function: str, overrides: Iterable[str], with_hydra: bool = False) -> list[str]:
    expected = (
        f"`{function}` must be given a list of a run's settings, and where its records go as "
        "`directory`."
    )
    example = f'{function}(["activation=tanh"], "a/folder")'
    found = list_of_overrides(overrides, expected, example)
    if not with_hydra and any(setting.startswith("hydra.") for setting in found):
        raise UserError(f"{expected} Found {found!r}. Use `{example}`.")
    return found


def _folder(directory: str | Path | None, name: str | None) -> Path:
    """The absolute path of a directory, or of a new one in ``outputs/``."""
    new = unique_name(name) if name is not None else unique_name(kind="sweep")
    folder = Path(directory or Path("outputs") / new).absolute()
    if "\0" in str(folder):
        raise UserError(
            f"`directory` must be a path. Found {str(directory)!r}, with a NUL in it. Leave it out."
        )
    return folder
