"""How tests compose and run a configuration: in this process, as the command line would."""

import io
import math
import os
import pickle
import pty
import subprocess
import sys
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from matplotlib.figure import Figure
from omegaconf import DictConfig

from deltaflow.commands import train
from deltaflow.config.composition.runs import compose_run
from deltaflow.config.options import config_directory

if TYPE_CHECKING:  # torch takes its time, and not every test needs it
    from deltaflow.experiment.results.result import Run

CONF = config_directory()
ROOT = CONF.parent
TABLE = ROOT / "tests" / "my.csv"
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "120"}


def composed(overrides: list[str], directory: Path) -> DictConfig:
    return compose_run(overrides, directory)[0]


def run(overrides: list[str], directory: Path, command: Sequence[str] = (), **named) -> "Run":
    from deltaflow.experiment.planning.plan import RunPlan
    from deltaflow.experiment.run import run_alone

    config, choices = compose_run(overrides, directory)
    return run_alone(RunPlan(config, directory, choices, overrides, command), **named)


def run_all(settings: Sequence[list[str]], directory: Path) -> list["Run"]:
    """Run many configurations; those of one shape are trained as one stack."""
    from deltaflow.experiment.compatibility import stack_key
    from deltaflow.experiment.planning.plan import RunPlan
    from deltaflow.experiment.run import run_together

    stacks, done = defaultdict(list), {}
    for number, overrides in enumerate(settings):
        config, choices = compose_run(overrides, directory / str(number))
        plan = RunPlan(config, directory / str(number), choices, overrides)
        stacks[stack_key(config) or number].append((number, plan))
    for stack in stacks.values():
        numbers, plans = zip(*stack, strict=True)
        done |= dict(zip(numbers, run_together(plans), strict=True))
    for outcome in done.values():
        if isinstance(outcome, BaseException):
            raise outcome
    return [done[number] for number in range(len(settings))]


def assert_alike(ours: pl.DataFrame, alone: pl.DataFrame, tolerance: float) -> None:
    """Two tables are the same, numbers but for a tolerance."""
    assert ours.shape == alone.shape
    for name in alone.columns:
        assert ours[name].null_count() == alone[name].null_count(), name
        if alone[name].dtype != pl.Float64:
            assert ours[name].equals(alone[name]), name
            continue
        pairs = zip(ours[name].to_list(), alone[name].to_list(), strict=True)
        for value, other in pairs:
            expected = other if other is None else pytest.approx(other, tolerance, 1e-12, True)
            assert value == expected, name


def blank_pictures(patch: pytest.MonkeyPatch) -> None:
    """Let pictures of runs and sweeps be blank: to draw one takes longer than a short training."""
    patch.setattr("deltaflow.figures.run.picture.RunPicture.draw", _blank)
    patch.setattr("deltaflow.experiment.completion._ENOUGH", math.inf)  # by no other process
    for name in ("profiles", "heatmaps", "decay", "curves", "effects"):
        patch.setattr(f"deltaflow.figures.sweep_figures.{name}", _blank)


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Let Hydra parse each file of conf/, and of its own, once, not in each composition."""
    Plugins.instance()  # which registers them
    for scheme, folder in (("file", str(CONF)), ("pkg", "hydra.conf")):
        source = SourcesRegistry.instance().resolve(scheme)
        patch.setattr(source, "load_config", _remembering(source.load_config, folder))


def _remembering(load: Callable, folder: str) -> Callable:
    known: dict[tuple[str, str], bytes] = {}

    def load_config(source, config_path):
        if source.path != folder:
            return load(source, config_path)
        key = source.provider, config_path
        if key not in known:
            known[key] = pickle.dumps(load(source, config_path))
        return pickle.loads(known[key])

    return load_config


def compose_once(patch: pytest.MonkeyPatch) -> None:
    """Spare Hydra a whole composition that tells it nothing but ``hydra.mode``, here the flag's."""
    patch.setattr("hydra._internal.hydra.Hydra.get_mode", lambda *_, **__: None)


def _blank(*_: object, **__: object) -> Figure:
    return Figure(figsize=(1, 1))


def type_in(monkeypatch, directory: Path, *arguments: str, full_error: str = "0") -> int:
    """Run the command line in this process and in a folder; its exit status."""
    monkeypatch.chdir(directory)
    monkeypatch.setenv("HYDRA_FULL_ERROR", full_error)
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with pytest.MonkeyPatch.context() as patch:
        if not any(one.startswith(("experiment=", "hydra.mode", "--", "-c")) for one in arguments):
            compose_once(patch)
        return exit_status(train.main)


def exit_status(command: Callable, *arguments: object) -> int:
    """Call a command, which may end the process; the exit status that it has then."""
    try:
        command(*arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@contextmanager
def terminal() -> Iterator[tuple[int, io.BytesIO]]:
    """A terminal to write to, and what was written there, all of it once it is closed."""
    ours, its = pty.openpty()
    seen = io.BytesIO()

    def read() -> None:
        with suppress(OSError):  # Linux's way to say that the other side has closed
            while chunk := os.read(ours, 65536):
                seen.write(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield its, seen
    finally:
        os.close(its)
        reader.join()
        os.close(ours)


def in_a_terminal(arguments: list[str], directory: Path, script: str) -> str:
    """All that a script writes to a terminal of its own."""
    with terminal() as (its, seen):
        subprocess.run(
            [sys.executable, str(ROOT / script), *arguments], stdout=its, stderr=its, check=True,
            cwd=directory, env=os.environ | TERMINAL,
        )  # fmt: skip
    return seen.getvalue().decode()
