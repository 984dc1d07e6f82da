"""What a run costs beside a plain PyTorch loop and bare Lightning, as ratios.

    python scripts/benchmark.py --repeats 9 --output gpu.json accelerator=gpu

Overrides go to the training, as in train.py.
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
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch.nn.utils import parameters_to_vector

from benchmark import phases
from benchmark.live_page import measure_live_page
from benchmark.predictions import DIAGRAM, PREDICTION, predictions
from benchmark.programs import apart, train_by_script
from benchmark.same_work import require_same, warm_up
from benchmark.scaling import MANY, TABLES, measure_scaling
from benchmark.tables import show, spread
from benchmark.trainings import Trained, Work, train_by_lightning, train_by_loop, train_by_run
from deltaflow import UserError
from deltaflow.config.messages import in_one_message
from deltaflow.system.files import replace_file
from deltaflow.terminal.screen import console

SIZES = [1, 16, 64, 256, 1024, 10_000]
OFF, BARE = ["diagnostics=off"], ["diagnostics=off", "logger=none"]
LOOP, LIGHTNING, OURS, PROCESS = "plain loop", "bare Lightning", "deltaflow", "train.py"
SCRIPT = "bare Lightning script"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report; the exit status is 0 only if everything went well."""
    options = parse(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # as a run does
    with in_one_message():
        results = WAYS[options.what](options)
        show(results, options.markdown)
        if options.output:
            path = Path(options.output)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(results, indent=2).encode())


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the command line; what cannot be measured ends in one message and exit status 2."""
    parser = ArgumentParser("benchmark.py", description=__doc__)
    add = parser.add_argument
    add("--repeats", type=int, default=5, help="rounds; each measures everything once, in turn (5)")
    add("--epochs", type=int, help="how long to train (as configured)")
    add("--n-seeds", type=int, default=32, help="replicas of the stack beside one network (32)")
    add("--no-processes", dest="processes", action="store_false", help="no whole processes")
    add("--markdown", action="store_true", help="tables for a page")
    add("--output", metavar="FILE", help="JSON of all that was measured")
    add("--sweep", dest="what", action="store_const", const="sweep", default="run",
        help="where the time of a sweep of 48 runs goes, only")  # fmt: skip
    add("--scaling", dest="what", action="store_const", const="scaling",
        help="what a network costs among many, beside others and the limit, only")  # fmt: skip
    add("--live-page", dest="what", action="store_const", const="live_page",
        help="how fast the live page answers in Chromium, only")  # fmt: skip
    add("--table", action="append", choices=TABLES, dest="tables",
        help="which of those of --scaling, may be repeated (all)")  # fmt: skip
    add("--many", type=int, default=MANY, help="networks of a stack for --scaling (256)")
    add("--replicas", type=_sizes, default=SIZES, help="sizes of stacks (1,16,64,256,1024,10000)")
    add("--jax", action="append", default=[], metavar="PYTHON",
        help="an interpreter with JAX, for --scaling; may be repeated")  # fmt: skip
    add("overrides", nargs="*", metavar="OVERRIDE", help="of the training, such as data=digits")
    options = parser.parse_intermixed_args(arguments)
    if options.repeats < 1 or options.n_seeds < 2:
        parser.error(
            "`--repeats` must be at least 1 and `--n-seeds` at least 2. Found "
            f"{options.repeats} and {options.n_seeds}."
        )
    if options.epochs is not None:
        options.overrides.append(f"trainer.max_epochs={options.epochs}")
    return options


def _sizes(typed: str) -> list[int]:
    return [max(1, int(size)) for size in typed.split(",")]


def measure(options: Namespace) -> dict[str, Any]:
    """Train in every way, round by round, and compare.

    Returns:
        In JSON's own types: ``settings``, ``machine``, ``same_work`` (how far apart weights
        are after the warm-up), ``seconds`` of every round, and ``comparisons``.

    Raises:
        ValueError: for settings that no run can have, or if weights are too far apart.
    """
    overrides, n_seeds = options.overrides, options.n_seeds
    work = Work.of([*overrides, f"n_seeds={n_seeds}"])
    first = warm_up(work)
    differences = _same_work(first, _trainings(first, overrides))
    trainings = _trainings(work, overrides)
    variants: list[list[str]] = [[], OFF, [f"n_seeds={n_seeds}"]] if options.processes else []
    processes = {_name(PROCESS, v): partial(_process, [*overrides, *v]) for v in variants}
    clocks = (
        predictions(overrides) | (_script(work, first) if options.processes else {}) | processes
    )
    seconds: dict[str, list[float]] = {name: [] for name in [*trainings, *clocks]}
    for _ in track(range(options.repeats), console=console(True), transient=True):
        for name, train in trainings.items():
            seconds[name].append(train()[0])
        for name, clock in clocks.items():
            seconds[name].append(clock())
    return {
        "settings": vars(options) | {"epochs": work.epochs},
        "machine": _machine(work.device),
        "same_work": {"epochs": first.epochs, "largest_difference": differences},
        "seconds": seconds,
        "comparisons": _compare(seconds, n_seeds),
    }


def measure_sweep(options: Namespace) -> dict[str, Any]:
    """Run a sweep in each round, and split its time.

    Returns:
        In JSON's own types: ``settings``, ``machine``, and ``phases``, each with its seconds.

    Raises:
        ValueError: if the sweep fails.
    """
    sweep = [*phases.SWEEP, *options.overrides]
    rounds = [phases.seconds(sweep) for _ in range(options.repeats)]
    return {
        "settings": vars(options) | {"overrides": sweep},
        "machine": _machine(torch.device("cpu")),
        "phases": {phase: [seconds[phase] for seconds in rounds] for phase in phases.PHASES},
    }


WAYS = {
    "run": measure,
    "sweep": measure_sweep,
    "scaling": measure_scaling,
    "live_page": measure_live_page,
}


def _trainings(work: Work, overrides: Sequence[str]) -> dict[str, Callable[[], Trained]]:
    """The ways of training in this process by name; the plain loops over all replicas are last."""
    stack = [f"n_seeds={len(work.seeds)}"]
    variants: list[list[str]] = [BARE, OFF, [], stack, BARE + stack]
    return {
        LOOP: partial(train_by_loop, work, 1),
        LIGHTNING: partial(train_by_lightning, work),
        **{_name(OURS, v): partial(train_by_run, work, [*overrides, *v]) for v in variants},
        f"{LOOP} × {len(work.seeds)}": partial(train_by_loop, work, len(work.seeds)),
    }


def _same_work(work: Work, trainings: Mapping[str, Callable[[], Trained]]) -> dict[str, float]:
    """How far the weights of each way of training end from those of the plain loops, at most."""
    weights = {
        name: torch.stack([parameters_to_vector(n.parameters()).detach().cpu() for n in train()[1]])
        for name, train in trainings.items()
    }
    *_, references = weights.values()
    differences = {}
    for name, reached in weights.items():
        apart = (reached - references[: len(reached)]).abs().max() / references.abs().max()
        differences[name] = apart.item()
        require_same(work, name, differences[name])
    return differences


def _script(work: Work, short: Work) -> dict[str, Callable[[], float]]:
    """The clock of a Lightning script that reaches our weights; none for work it is not taught."""
    try:
        _, reached = train_by_script(short)
    except UserError:
        return {}
    require_same(short, SCRIPT, apart(short, reached))
    return {SCRIPT: lambda: train_by_script(work)[0]}


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
        (_name(PROCESS), SCRIPT, 1.3),
        (_name(PROCESS), _name(PROCESS, OFF), 1.2),
        (_name(PROCESS, stack), _name(PROCESS), 3),
        (PREDICTION, None, 0.2),
        (DIAGRAM, None, 5),
    ]
    return [
        {"measured": measured, "reference": reference, "limit": limit}
        | spread([a / (seconds[reference][i] if reference else 1) for i, a in enumerate(times)])
        for measured, reference, limit in comparisons
        if (times := seconds.get(measured)) and (reference is None or reference in seconds)
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
