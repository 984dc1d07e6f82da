"""What a run costs beside a plain PyTorch loop and bare Lightning, as ratios.

    python scripts/benchmark.py accelerator=gpu repeats=9 output=gpu.json

Settings of its own, with their defaults; every other override goes to the training:

    repeats=5        rounds; each measures everything once, in turn
    epochs=null      how long to train; null: as configured
    n_seeds=32       replicas of the stack that is compared with one network
    processes=true   whole processes too, imports and all
    format=table     or markdown
    output=null      a JSON file for all that was measured
    sweep=false      true: where the time of a sweep of 48 runs goes, and nothing else
"""

import importlib.metadata
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch.nn.utils import parameters_to_vector

from benchmark import phases
from benchmark.contestants import (
    Trained,
    Work,
    train_by_lightning,
    train_by_loop,
    train_by_run,
)
from benchmark.predictions import DIAGRAM, PREDICTION, predictions
from benchmark.tables import show, spread
from deltaflow.config.composition import split_settings
from deltaflow.config.messages import command
from deltaflow.system.errors import UserError
from deltaflow.system.files import replace_file
from deltaflow.terminal.screen import console

WARM_UP_EPOCHS = 5  # few enough that rounding has not grown yet, whatever the network
TOLERANCES = {"32-true": 1e-3, "64-true": 1e-10}  # of weights, relative to the largest
OFF, BARE = ["diagnostics=off"], ["diagnostics=off", "logger=none"]
LOOP, LIGHTNING, OURS, PROCESS = "plain loop", "bare Lightning", "deltaflow", "train.py"


@dataclass(frozen=True)
class Settings:
    """The benchmark's own settings, as on the command line."""

    repeats: int = 5
    epochs: int | None = None
    n_seeds: int = 32
    processes: bool = True
    format: str = "table"
    output: str | None = None
    sweep: bool = False


@command
def main(arguments: Sequence[str]) -> None:
    """Measure and report; the exit status is 0 only if everything went well."""
    settings, overrides = parse(arguments)
    results = (measure_sweep if settings.sweep else measure)(settings, overrides)
    show(results, markdown=settings.format == "markdown")
    if output := settings.output:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        replace_file(Path(output), json.dumps(results, indent=2).encode())


def parse(arguments: Sequence[str]) -> tuple[Settings, list[str]]:
    """The benchmark's own settings, and the overrides that belong to the training.

    Raises:
        ValueError: for settings that cannot be measured.
    """
    settings, overrides = split_settings(arguments, Settings, "The benchmark")
    formats = ("table", "markdown")
    if settings.repeats < 1 or settings.n_seeds < 2 or settings.format not in formats:
        raise UserError(
            "`repeats` must be at least 1, `n_seeds` at least 2, `format` table or markdown. Found "
            f"`repeats={settings.repeats} n_seeds={settings.n_seeds} format={settings.format}`. "
            "Use `repeats=5 n_seeds=32 format=table`."
        )
    epochs = [] if settings.epochs is None else [f"trainer.max_epochs={settings.epochs}"]
    return settings, overrides + epochs


def measure(settings: Settings, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Train every contestant, round by round, and compare.

    Returns:
        In JSON's own types: ``settings``, ``machine``, ``same_work`` (how far apart weights
        are after the warm-up), ``seconds`` of every round, and ``comparisons``.

    Raises:
        ValueError: for settings that no run can have, or if weights are too far apart.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # as a run does
    n_seeds = settings.n_seeds
    work = Work.of([*overrides, f"n_seeds={n_seeds}"])
    warm_up = replace(work, epochs=min(work.epochs, WARM_UP_EPOCHS))
    differences = _same_work(warm_up, _trainings(warm_up, overrides))
    trainings = _trainings(work, overrides)
    variants: list[list[str]] = [[], OFF, [f"n_seeds={n_seeds}"]] if settings.processes else []
    processes = {_name(PROCESS, v): partial(_process, [*overrides, *v]) for v in variants}
    clocks = predictions(overrides) | processes
    seconds: dict[str, list[float]] = {name: [] for name in [*trainings, *clocks]}
    for _ in track(range(settings.repeats), console=console(True), transient=True):
        for name, train in trainings.items():
            seconds[name].append(train()[0])
        for name, clock in clocks.items():
            seconds[name].append(clock())
    return {
        "settings": asdict(settings) | {"epochs": work.epochs, "overrides": list(overrides)},
        "machine": _machine(work.device),
        "same_work": {"epochs": warm_up.epochs, "largest_difference": differences},
        "seconds": seconds,
        "comparisons": _compare(seconds, n_seeds),
    }


def measure_sweep(settings: Settings, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Run a sweep in each round, and split its time.

    Returns:
        In JSON's own types: ``settings``, ``machine``, and ``phases``, each with its seconds.

    Raises:
        ValueError: if the sweep fails.
    """
    sweep = [*phases.SWEEP, *overrides]
    rounds = [phases.seconds(sweep) for _ in range(settings.repeats)]
    return {
        "settings": asdict(settings) | {"overrides": sweep},
        "machine": _machine(torch.device("cpu")),
        "phases": {phase: [seconds[phase] for seconds in rounds] for phase in phases.PHASES},
    }


def _trainings(work: Work, overrides: Sequence[str]) -> dict[str, Callable[[], Trained]]:
    """Whoever trains in this process, by name; the plain loops over all replicas come last."""
    stack = [f"n_seeds={len(work.seeds)}"]
    variants: list[list[str]] = [BARE, OFF, [], stack, BARE + stack]
    return {
        LOOP: partial(train_by_loop, work, 1),
        LIGHTNING: partial(train_by_lightning, work),
        **{_name(OURS, v): partial(train_by_run, work, [*overrides, *v]) for v in variants},
        f"{LOOP} × {len(work.seeds)}": partial(train_by_loop, work, len(work.seeds)),
    }


def _same_work(work: Work, trainings: Mapping[str, Callable[[], Trained]]) -> dict[str, float]:
    """How far each contestant's weights end from those of the plain loops, at most."""
    weights = {
        name: torch.stack([parameters_to_vector(n.parameters()).detach().cpu() for n in train()[1]])
        for name, train in trainings.items()
    }
    *_, references = weights.values()
    differences = {}
    for name, reached in weights.items():
        apart = (reached - references[: len(reached)]).abs().max() / references.abs().max()
        differences[name] = apart.item()
        if not differences[name] <= TOLERANCES[work.precision]:
            raise UserError(
                "All that is compared must reach the same weights, up to "
                f"{TOLERANCES[work.precision]} of the largest. Found {differences[name]:.1e} for "
                f"«{name}» after {work.epochs} epochs. Use a step size that does not diverge."
            )
    return differences


def _name(who: str, overrides: Sequence[str] = ()) -> str:
    return " ".join([who, *overrides])


def _process(overrides: Sequence[str]) -> float:
    """Seconds that ``python train.py`` takes, from its start to its end."""
    with tempfile.TemporaryDirectory() as directory:
        program = (
            "from deltaflow.commands.train import main; main()"  # train.py, without a checkout too
        )
        command = [sys.executable, "-c", program, f"hydra.run.dir='{directory}'", *overrides]
        started = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - started
    if ended.returncode:
        raise UserError(ended.stderr.strip().removeprefix("deltaflow: "))
    return seconds


def _compare(seconds: Mapping[str, Sequence[float]], n_seeds: int) -> list[dict[str, Any]]:
    """Ratios within each round, so that what slows a whole round down cancels."""
    stack = [f"n_seeds={n_seeds}"]
    comparisons: list[tuple[str, str | None, float | None]] = [
        (_name(OURS, BARE), LOOP, None),
        (_name(OURS, BARE), LIGHTNING, None),
        (LIGHTNING, LOOP, None),
        (_name(OURS), LIGHTNING, None),
        (_name(OURS), _name(OURS, OFF), None),
        (_name(OURS, stack), _name(OURS), None),
        (_name(OURS, BARE + stack), f"{LOOP} × {n_seeds}", None),
        (_name(PROCESS), None, 20),
        (_name(PROCESS), _name(PROCESS, OFF), 1.2),
        (_name(PROCESS, stack), _name(PROCESS), 3),
        (PREDICTION, None, 0.2),
        (DIAGRAM, None, 5),
    ]
    return [
        {"measured": measured, "reference": reference, "limit": limit}
        | spread([a / (seconds[reference][i] if reference else 1) for i, a in enumerate(times)])
        for measured, reference, limit in comparisons
        if (times := seconds.get(measured))
    ]


def _machine(device: torch.device) -> dict[str, str | int | None]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": f"{device.type} ({name})",
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "lightning": importlib.metadata.version("lightning"),
    }
