"""What a network costs among many: beside others, by replicas, by shape, and beside the limit.

The work is a tanh network of six hidden layers of 32 units, 400 steps of 15 of 120 rows of Iris,
with diagnostics, records and TensorBoard on unless a line says otherwise. Each run of ours has a
process of its own, whose memory is told too.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger

from benchmark import programs, rivals
from benchmark.clock import peak_memory
from benchmark.same_work import require_same, warm_up
from benchmark.trainings import Work, fit_clock, train_by_lightning, train_by_loop
from deltaflow import UserError, train

WORK = (
    "data=iris", "data.split=[0.8,0.2,0]", "data.batch_size=15", "activation=tanh",
    "network.depth=6", "network.width=32", "optimizer.lr=0.05", "trainer.max_epochs=50",
)  # fmt: skip
BARE = ("diagnostics=off", "logger=none")
MANY = 256
ONCE = 1024  # replicas, of more of which there is one round
SHAPES = {
    "the work": (), "depth 2": ("network.depth=2",), "depth 20": ("network.depth=20",),
    "width 64": ("network.width=64",), "width 128": ("network.width=128",),
    "batch 60": ("data.batch_size=60",), "relu": ("activation=relu",), "adam": ("optimizer=adam",),
}  # fmt: skip
CADENCES = {
    "no diagnostics, no logs": BARE, "no diagnostics": BARE[:1], "every 10 steps (default)": (),
    "every 100 steps": ("diagnostics.every_n_steps=100",),
    "every step": ("diagnostics.every_n_steps=1",),
}  # fmt: skip
WIDE = (
    "data=digits", "network.depth=8", "network.width=512", "data.batch_size=128",
    "trainer.max_epochs=4", "optimizer.lr=0.01", *BARE,
)  # fmt: skip
WIDE_REPLICAS = 16
OF_RATE = 0.7
"""Share of the machine's rate that wide networks should reach."""
TARGETS = {"plain loop": 30, "Lightning with CSVLogger": 150, "scikit-learn": 20, "JAX": 2.5}
"""How many times as much as a network of ours each should take."""


def measure_scaling(options: Namespace) -> dict[str, Any]:
    """Measure all that was asked for, round by round.

    Returns:
        In JSON's own types: ``settings``, ``machine`` (but for the device) and ``tables``.

    Raises:
        ValueError: if a run fails, or an interpreter of ``--jax`` has none.
    """
    shared = [*WORK, *options.overrides]
    rate = rivals.product_rate()
    return {
        "settings": vars(options) | {"overrides": shared},
        "machine": {"cpus": torch.get_num_threads(), "products": f"{rate / 1e9:.0f} GFLOP/s"},
        "tables": [TABLES[name](shared, options, rate) for name in options.tables or TABLES],
    }


def run(overrides: Sequence[str], n_replicas: int) -> dict[str, float]:
    """Train in a process of its own.

    Returns:
        ``fit`` and ``whole``, seconds of ``Trainer.fit`` and of the run without imports, and
        ``peak``, bytes of memory.

    Raises:
        ValueError: if it fails.
    """
    found_here = f"import sys; sys.path.insert(1, {str(Path(__file__).parents[1])!r})"
    typed = [*overrides, f"n_seeds={n_replicas}"]
    program = f"{found_here}; from benchmark.scaling import main; main({typed!r})"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if ended.returncode:
        raise UserError(ended.stderr.strip().splitlines()[-1].removeprefix("deltaflow: "))
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main(overrides: Sequence[str]) -> None:
    """Train, and print what it took."""
    with tempfile.TemporaryDirectory() as directory, fit_clock(torch.device("cpu")) as fit:
        # Imports that wait until then; of another network, for theory remembers what it has seen.
        train(["trainer.max_epochs=1", "network.depth=1"], f"{directory}/warm")
        started = time.perf_counter()
        train(overrides, f"{directory}/run")
        whole = time.perf_counter() - started
    print(json.dumps({"fit": fit(), "whole": whole, "peak": peak_memory()}))


def _beside_others(shared: Sequence[str], options: Namespace, rate: float) -> dict[str, Any]:
    """Milliseconds of one network of each, and ratios to the marginal network of ours."""
    lone = Work.of([*shared, "n_seeds=1"])
    stack = Work.of([*shared, f"n_seeds={options.many}"])
    jax = {python: _jax_name(stack, python) for python in options.jax}
    ways: dict[str, Callable[[], float]] = {
        "plain loop": lambda: train_by_loop(lone, 1)[0],
        "bare Lightning": lambda: train_by_lightning(lone)[0],
        "Lightning with CSVLogger": partial(_with_csv, lone),
        "scikit-learn": partial(rivals.train_by_sklearn, lone),
        "stacked loop": lambda: rivals.train_by_stacked_loop(stack)[0] / options.many,
        **{name: partial(_by_jax, stack, python) for python, name in jax.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    marginal: dict[str, list[float]] = {"fit": [], "whole": []}
    for _ in range(options.repeats):
        for name, way in ways.items():
            seconds[name].append(way())
        one, more = run(shared, 1), run(shared, options.many + 1)
        for clock, values in marginal.items():
            values.append((more[clock] - one[clock]) / options.many)
    ours = marginal["fit"]
    limit = _operations(lone) / rate
    rows = []
    for name, values in seconds.items():
        ratio = statistics.median(v / o for v, o in zip(values, ours, strict=True))
        target = next((t for who, t in TARGETS.items() if name.startswith(who)), None)
        claim = ["", ""] if target is None else [f"≥ {target}", "yes" if ratio >= target else "no"]
        rows.append([name, _ms(values), f"{ratio:.1f}", *claim])
    rows += [
        ["deltaflow, one network more: fit", _ms(ours), "1", "≤ 6 ms",
         "yes" if statistics.median(ours) <= 6e-3 else "no"],
        ["deltaflow, one network more: the whole run", _ms(marginal["whole"]), "", "", ""],
        ["products alone, at the machine's rate", f"{limit * 1e3:.2f}",
         f"{limit / statistics.median(ours):.2f}", "", ""],
    ]  # fmt: skip
    columns = ["one network", "ms", "of deltaflow's", "target", "holds"]
    return {"title": f"Beside others, {options.many} networks", "columns": columns, "rows": rows}


def _by_replicas(shared: Sequence[str], options: Namespace, _rate: float) -> dict[str, Any]:
    """Time and memory of stacks of several sizes."""
    rows = []
    for n in options.replicas:
        repeats = options.repeats if n <= ONCE else 1
        rounds = [run(shared, n) for _ in range(repeats)]
        fit, whole, peak = (
            statistics.median(found[clock] for found in rounds)
            for clock in ("fit", "whole", "peak")
        )
        rows.append([f"{n:,}", f"{fit:.2f}", f"{fit / n * 1e3:.2f}", f"{whole:.2f}",
                     f"{peak / 2**20:,.0f}"])  # fmt: skip
    columns = ["networks", "fit, s", "fit, ms a network", "whole run, s", "peak memory, MiB"]
    return {"title": "By the number of networks", "columns": columns, "rows": rows}


def _by_shape(shared: Sequence[str], options: Namespace, rate: float) -> dict[str, Any]:
    """Time of other networks and optimizers, and how much of it products take at their rate."""
    rows = []
    for name, own in SHAPES.items():
        fit = run([*shared, *own], options.many)["fit"] / options.many
        products = _operations(Work.of([*shared, *own, "n_seeds=1"])) / rate
        rows.append([name, f"{fit * 1e3:.2f}", f"{products / fit:.0%}"])
    columns = ["what", "fit, ms a network", "share of products at the machine's rate"]
    return {"title": f"By shape, {options.many} networks", "columns": columns, "rows": rows}


def _near_limit(shared: Sequence[str], options: Namespace, _rate: float) -> dict[str, Any]:
    """How near networks that are wide come to the machine's rate, which each round measures."""
    overrides, rows = [*shared, *WIDE, *options.overrides], []
    work = Work.of([*overrides, "n_seeds=1"])
    done = _operations(work) * WIDE_REPLICAS
    for number in range(options.repeats):
        rate, fit = rivals.product_rate(), run(overrides, WIDE_REPLICAS)["fit"]
        share = done / fit / rate
        rows.append([f"{number + 1}", f"{fit:.2f}", f"{done / fit / 1e9:.0f}", f"{rate / 1e9:.0f}",
                     f"{share:.0%}", "yes" if share >= OF_RATE else "no"])  # fmt: skip
    sizes, batch = work.module.network.sizes, work.batch_size
    title = (
        f"Near the limit: width {sizes[1]}, depth {len(sizes) - 2}, batch {batch}, "
        f"{WIDE_REPLICAS} networks, nothing measured"
    )
    columns = ["round", "fit, s", "GFLOP/s", "the machine's", "share", f"≥ {OF_RATE:.0%}"]
    return {"title": title, "columns": columns, "rows": rows}


def _by_cadence(shared: Sequence[str], options: Namespace, _rate: float) -> dict[str, Any]:
    """What measuring and logging cost, for one network and for many; ratios within rounds."""
    rows = [[name] for name in CADENCES]
    for n in (1, options.many):
        rounds = [
            [run([*shared, *own], n)["fit"] for own in CADENCES.values()]
            for _ in range(options.repeats)
        ]
        for row, fits in zip(rows, zip(*rounds, strict=True), strict=True):
            ratio = statistics.median(
                fit / bare for fit, (bare, *_) in zip(fits, rounds, strict=True)
            )
            row += [f"{statistics.median(fits):.2f}", f"{ratio:.2f}"]
    columns = ["measured", "1 network, s", "ratio", f"{options.many} networks, s", "ratio"]
    return {"title": "By what is measured", "columns": columns, "rows": rows}


TABLES: dict[str, Callable[[Sequence[str], Namespace, float], dict[str, Any]]] = {
    "others": _beside_others,
    "replicas": _by_replicas,
    "shape": _by_shape,
    "limit": _near_limit,
    "cadence": _by_cadence,
}


def _operations(work: Work) -> int:
    n_steps = work.epochs * -(-len(work.train[0]) // work.batch_size)
    return rivals.operations(work.module.network.sizes, work.batch_size, n_steps)


def _jax_name(work: Work, python: str) -> str:
    """What an interpreter's JAX is called, once it has reached our weights in a short training."""
    short = warm_up(work)
    version, _, reached = programs.train_by_jax(short, python)
    name = f"JAX {version}, vmap"
    require_same(short, name, programs.apart(short, reached))
    return name


def _by_jax(work: Work, python: str) -> float:
    return programs.train_by_jax(work, python)[1] / len(work.seeds)


def _with_csv(work: Work) -> float:
    with tempfile.TemporaryDirectory() as directory:
        return train_by_lightning(work, CSVLogger(directory))[0]


def _ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.2f}"
