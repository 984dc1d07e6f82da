"""Contents of sweeps that nobody trained: small, large, one-sided, failed, and hostile.

Their numbers obey a toy of the theory: δ changes by a factor per layer that the activation
and the initialisation give, and a network learns as far as δ reaches its first layer.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Content = dict[str, Any]

SLOPES = {"sigmoid": 0.24, "tanh": 0.86, "relu": 0.72, "leaky": 0.75}
GAINS = {"torch": 0.58, "xavier": 1.02, "he": 1.4}
T = 2.13  # two-sided 95 % of t, 15 degrees of freedom
HOSTILE = (
    "</script><script>alert('script')</script>",
    "<img src=x onerror=alert('img')>",
    "<b>bold</b> & <a href='https://example.com/'>a link</a> &lt;i&gt;",
    "quotes \" ' ` ${alert('template')} %{x} {{7*7}}",
    "lines\nand\u2028separators\u2029and\ttabs",
    "emoji 🧪, مرحبا, \u202eright to left\u202c, \ud800 alone",
    "</noscript><svg onload=alert('svg')> <!-- </style> ]]>",
    "javascript:alert(1)",
    "x" * 400,
    "__proto__",
)


def sweep(
    activation: Sequence[str] = ("sigmoid", "tanh", "relu", "leaky"),
    init: Sequence[str] = ("torch", "xavier", "he"),
    depth: Sequence[int] = (2, 5, 10, 20),
    lr: Sequence[float] = (0.1,),
    n_seeds: int = 16,
    n_runs: int | None = None,
) -> Content:
    """A sweep over everything that has more than one value."""
    choices = {"activation": activation, "init": init, "network.depth": depth, "optimizer.lr": lr}
    axes = [{"name": name, "values": list(some)} for name, some in choices.items() if len(some) > 1]
    combinations = list(itertools.product(activation, init, depth, lr))[:n_runs]
    runs = [_run(n, *chosen, axes, n_seeds) for n, chosen in enumerate(combinations)]
    return _content(runs, axes, n_seeds)


def small() -> Content:
    """The sweep that everybody runs first; among its runs one that diverged and one that failed."""
    content = sweep(activation=("sigmoid", "tanh", "relu"), init=("xavier", "he"), depth=(5, 10))
    _diverge(content["runs"][-1])
    _fail(content["runs"][-2], "failed", "RuntimeError: no space left on device")
    return _ranked(content)


def full() -> Content:
    """48 configurations, some of which came to a bad end."""
    content = sweep()
    for run in content["runs"]:
        if run["axes"]["init"] == "he" and run["axes"]["network.depth"] == 20:
            if run["axes"]["activation"] == "leaky":
                _diverge(run)
            elif run["axes"]["activation"] == "relu":
                run |= {"n_diverged": 3, "n_lost": 3}
    _fail(content["runs"][5], "failed", "OSError: [Errno 28] No space left on device")
    _fail(content["runs"][17], "interrupted", "stopped by Ctrl-C in epoch 12")
    return _ranked(content)


def one_run() -> Content:
    """A single run with a single seed: no axis, no interval, nothing to compare with."""
    content = sweep(activation=("tanh",), init=("xavier",), depth=(10,), n_seeds=1)
    return content | {"kind": "run"}


def no_axis() -> Content:
    """The same configuration three times: nothing was swept."""
    content = sweep(activation=("relu",), init=("he",), depth=(5,))
    (run,) = content["runs"]
    content["runs"] = [run | {"id": n, "name": f"{n}_defaults"} for n in range(3)]
    return content


def one_axis() -> Content:
    """Five learning rates."""
    rates = (0.001, 0.01, 0.03, 0.1, 0.3)
    return sweep(activation=("relu",), init=("he",), depth=(5,), lr=rates)


def linear() -> Content:
    """Networks without a hidden layer: no profile, no decay."""
    content = sweep(init=("torch",), depth=(2,))
    for run in content["runs"]:
        run["profile"] = None
        for name in run["numbers"]:
            if "decay" in name or "index" in name or "theory" in name:
                run["numbers"][name] = _number(None)
    return content


def all_failed() -> Content:
    """Not one run reached its first step."""
    content = sweep(depth=(2, 5), init=("he",))
    for run in content["runs"]:
        _fail(run, "failed", "ValueError: `network.width` must be at least 1. Found 0.")
    return content | {"baseline": None, "effects": []}


def all_diverged() -> Content:
    """Every seed of every run became non-finite."""
    content = sweep(depth=(10, 20), init=("he",))
    for run in content["runs"]:
        _diverge(run)
    return content | {"baseline": None, "effects": []}


def empty() -> Content:
    """No run at all."""
    content = sweep(depth=(2,), init=("he",))
    return content | {"runs": [], "axes": [], "effects": [], "baseline": None, "notes": []}


def thousand() -> Content:
    """A thousand configurations."""
    rates = [round(10 ** (-3 + n / 10), 5) for n in range(21)]
    return sweep(lr=rates, n_runs=1000)


def hostile() -> Content:
    """Every string tries to become markup, code or a reference."""
    content = sweep(activation=HOSTILE[:5], init=HOSTILE[5:8], depth=(5,))
    content |= {"title": HOSTILE[0], "heading": HOSTILE[0], "headline": list(HOSTILE)}
    content |= {"sentence": HOSTILE[2], "command": HOSTILE[3]}
    content |= {"versions": HOSTILE[4], "notes": list(HOSTILE)}
    renamed = {"activation": HOSTILE[1], "init": HOSTILE[9]}
    content["numbers"][0]["title"] = HOSTILE[2]
    content["numbers"][1]["unit"] = HOSTILE[1]
    for axis in content["axes"]:
        axis["name"] = renamed[axis["name"]]
    for effect in content["effects"]:
        effect["axis"] = renamed[effect["axis"]]
    for run, text in zip(content["runs"], itertools.cycle(HOSTILE), strict=False):
        run["axes"] = {renamed[name]: value for name, value in run["axes"].items()}
        run |= {"name": text, "label": text, "directory": text, "command": text, "config": text}
        run |= {"reason": text, "verdicts": [{"kind": text, "words": text}]}
    return content


def _content(runs: list[dict[str, Any]], axes: list[dict[str, Any]], n_seeds: int) -> Content:
    columns = ["vanishing_index_start", "vanishing_index_end", "decay_rate_start"]
    columns += ["decay_rate_end", "predicted_decay_rate", "theory_error", "dead_fraction_end"]
    columns += ["saturated_fraction_end", "wall_seconds"]
    swept = " × ".join(f"{a['name']} ({', '.join(map(str, a['values']))})" for a in axes)
    content = {
        "title": "Sweep 2026-11-23_10-00-00",
        "kind": "sweep",
        "heading": f"What {swept or 'nothing'} changes in test accuracy on iris",
        "headline": ["Highest test accuracy: 0.9.", "11 of 47 others cannot be told from it."],
        "sentence": f"{len(runs)} configurations × {n_seeds} seeds: {swept or 'one choice'}, "
        "on iris with ce.",
        "command": "python train.py -m activation=sigmoid,tanh,relu,leaky init=torch,xavier,he "
        f"network.depth=2,5,10,20 n_seeds={n_seeds}",
        "versions": "deltaflow 0.1.0, torch 2.13.0",
        "metric": {
            "name": "accuracy",
            "moment": "test",
            "higher_is_better": True,
            "limits": [0.0, 1.0],
        },
        "terms": [{"term": "decay rate", "meaning": "δ changes by it per layer going back"}],
        "axes": axes,
        "baseline": None,
        "notes": [
            "Intervals are 95 % by t over seeds, unadjusted for the number of configurations.",
            "The best of many looks better than it is: its mean was picked for being high.",
            "All seeds share one split of the data; another split may rank otherwise.",
        ],
        "effects": _effects(runs, axes),
        "numbers": [
            {"name": "accuracy", "title": "test accuracy", "unit": "", "over_seeds": True},
            *(
                {
                    "name": name,
                    "title": name.replace("_", " "),
                    "unit": "s" if name == "wall_seconds" else "",
                    "over_seeds": name.endswith(("_start", "_end")),
                }
                for name in columns
            ),
        ],
        "runs": runs,
    }
    return _ranked(content)


def _run(
    number: int,
    activation: str,
    init: str,
    depth: int,
    lr: float,
    axes: Sequence[Mapping[str, Any]],
    n_seeds: int,
) -> dict[str, Any]:
    random = np.random.default_rng(number)
    theory = SLOPES.get(activation, 0.7) * GAINS.get(init, 1.2)
    rate = theory * math.exp(random.normal(0, 0.03))
    rate_end = rate ** random.uniform(0.6, 0.95)
    lost = -(depth - 1) * math.log10(rate)
    reach = 1 / (1 + math.exp(1.6 * (abs(lost) - 3.2))) * math.exp(-((math.log10(lr) + 1) ** 2))
    best = 0.34 + 0.63 * reach + random.normal(0, 0.008)
    steps = np.unique(np.linspace(0, 600, 24).astype(int))
    chosen = {"activation": activation, "init": init, "network.depth": depth, "optimizer.lr": lr}
    swept = {axis["name"]: chosen[axis["name"]] for axis in axes}
    label = " ".join(f"{name}={value}" for name, value in swept.items()) or "defaults"
    dead = {"relu": 0.12, "leaky": 0.0}.get(activation)
    saturated = {"sigmoid": 0.02, "tanh": 0.07}.get(activation)
    numbers = {
        "accuracy": _number(min(best, 1), 0.012, n_seeds),
        "vanishing_index_start": _number(lost, 0.11, n_seeds),
        "vanishing_index_end": _number(-(depth - 1) * math.log10(rate_end), 0.2, n_seeds),
        "decay_rate_start": _number(rate, 0.02, n_seeds),
        "decay_rate_end": _number(rate_end, 0.03, n_seeds),
        "predicted_decay_rate": _number(theory, None, n_seeds),
        "theory_error": _number(abs(rate / theory - 1), 0.01, n_seeds),
        "dead_fraction_end": _number(dead, 0.04, n_seeds),
        "saturated_fraction_end": _number(saturated, 0.01, n_seeds),
        "wall_seconds": _number(2.1 + 0.31 * depth + random.normal(0, 0.2), None, 1),
    }
    words = (
        f"δ loses {lost:.1f} decades from layer {depth} back to layer 1; theory predicts "
        f"{-(depth - 1) * math.log10(theory):.1f}. Try `init=he`."
    )
    verdict = {"kind": "vanishing", "words": words}
    if abs(lost) < 1.3:
        verdict = {"kind": "healthy", "words": "Nothing stands out: δ keeps its length."}
    return {
        "id": number,
        "name": f"{number}_{label.replace(' ', ',')}",
        "label": label,
        "directory": f"outputs/sweep_2026-11-23_10-00-00/{number}_{label.replace(' ', ',')}",
        "axes": swept,
        "status": "completed",
        "reason": None,
        "n_seeds": n_seeds,
        "each": "seed",
        "n_diverged": 0,
        "n_lost": 0,
        "n_zero": {"start": 0, "end": 0},
        "numbers": numbers,
        "against": None,
        "verdicts": [verdict],
        "command": f"python train.py {label} n_seeds={n_seeds}",
        "config": _config(activation, init, depth, lr, n_seeds),
        "profile": _profile(depth, theory, rate, rate_end, n_seeds, random),
        "heatmap": _heatmap(depth, rate, rate_end, steps, random),
        "curves": _curves(best, reach, n_seeds, random),
        "confusion": _confusion(best, n_seeds),
        "results": [
            {"title": "test, last", "values": {"accuracy": numbers["accuracy"]}},
            {"title": "the largest class, always", "values": {"accuracy": _number(0.34, None, 0)}},
        ],
    }


def _confusion(share: float, n_seeds: int) -> dict[str, Any]:
    """Three classes of ten rows, the first never mistaken."""
    wrong = round(min(1 - share, 0.6) * 5)
    counts = [[10, 0, 0], [0, 10 - wrong, wrong], [0, wrong, 10 - wrong]]
    counts = [[n * n_seeds for n in row] for row in counts]
    return {"part": "test", "classes": ["setosa", "versicolor", "virginica"], "counts": counts}


def _profile(
    depth: int,
    theory: float,
    rate: float,
    rate_end: float,
    n_seeds: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    back = np.arange(depth - 1, -1, -1)

    def moment(factor: float, scale: float, width: float) -> dict[str, Any]:
        mean = scale * factor**back * np.exp(random.normal(0, 0.04, depth))
        band = np.exp(width * (0.5 + back / depth)) if n_seeds > 1 else np.full(depth, np.nan)
        return _spread(mean, mean / band, mean * band, n_seeds)

    return {
        "layers": list(range(1, depth + 1)),
        "theory": _list(0.31 * theory**back),
        "start": moment(rate, 0.3, 0.25),
        "end": moment(rate_end, 0.04, 0.6),
    }


def _heatmap(
    depth: int, rate: float, rate_end: float, steps: np.ndarray, random: np.random.Generator
) -> dict[str, Any]:
    back = np.arange(depth - 1, -1, -1)[:, None]
    share = steps[None, :] / steps[-1]
    slope = math.log10(rate) + (math.log10(rate_end) - math.log10(rate)) * share
    values = math.log10(0.3) - 0.9 * share + back * slope + random.normal(0, 0.06, (depth, 24))
    output = np.full((1, 24), math.log10(0.4)) - 0.8 * share
    grid = np.concatenate([values, output])
    return {
        "layers": list(range(1, depth + 2)),
        "steps": [int(step) for step in steps],
        "values": [_list(row) for row in grid],
    }


def _curves(best: float, reach: float, n_seeds: int, random: np.random.Generator) -> dict[str, Any]:
    epochs = np.unique(np.linspace(1, 100, 40).astype(int))
    learnt = 1 - np.exp(-epochs / (4 + 40 * (1 - reach)))

    def part(gap: float) -> dict[str, Any]:
        loss = 1.1 - (0.98 - gap) * reach * learnt + random.normal(0, 0.012, len(epochs))
        accuracy = 0.34 + (best - 0.34 - gap / 4) * learnt + random.normal(0, 0.006, len(epochs))
        return {
            "epochs": [int(epoch) for epoch in epochs],
            "loss": _band(np.maximum(loss, 0.01), 0.03, n_seeds),
            "accuracy": _band(np.minimum(accuracy, 1), 0.02, n_seeds),
        }

    return {"train": part(0.0), "validation": part(0.08)}


def _band(mean: np.ndarray, width: float, n_seeds: int) -> dict[str, Any]:
    half = np.full(len(mean), width if n_seeds > 1 else np.nan)
    return _spread(mean, mean - half, mean + half, n_seeds)


def _spread(mean: np.ndarray, low: np.ndarray, high: np.ndarray, n_seeds: int) -> dict[str, Any]:
    seeds = [_list(mean + (n - 1) * (mean - low) / 2) for n in range(n_seeds if n_seeds < 4 else 0)]
    few = seeds if n_seeds > 1 else []
    return {"mean": _list(mean), "low": _list(low), "high": _list(high), "seeds": few}


def _effects(
    runs: Sequence[Mapping[str, Any]], axes: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    effects, combinations = [], {"n_cells": 12, "n_all": 12}
    for axis in axes:
        for value in axis["values"]:
            means = [
                run["numbers"]["accuracy"]["mean"]
                for run in runs
                if run["axes"][axis["name"]] == value
            ]
            if means:
                number = _number(float(np.mean(means)), 0.02, len(means))
                effects.append({"axis": axis["name"], "value": value, **number, **combinations})
    return effects


def _ranked(content: Content) -> Content:
    """Best first, the others compared with the first."""
    bad = ("completed", "diverged", "interrupted", "failed")

    def order(run: Mapping[str, Any]) -> tuple[int, float]:
        return bad.index(run["status"]), -(run["numbers"]["accuracy"]["mean"] or 0)

    runs = sorted(content["runs"], key=order)
    best = runs[0]["numbers"]["accuracy"]["mean"]
    for run in runs:
        mean = run["numbers"]["accuracy"]["mean"]
        run["against"] = None
        if len(runs) > 1 and run is not runs[0] and mean is not None:
            gap = mean - best
            p = min(1.0, math.exp(-abs(gap) * 400))
            half = 0.015
            run["against"] = {
                "difference": _round(gap), "low": _round(gap - half), "high": _round(gap + half),
                "p": _round(p), "p_holm": _round(min(1.0, p * len(runs))), "n": run["n_seeds"],
            }  # fmt: skip
    return content | {"runs": runs, "baseline": runs[0]["id"] if len(runs) > 1 else None}


def _diverge(run: dict[str, Any]) -> None:
    run |= {"status": "diverged", "n_diverged": run["n_seeds"], "n_lost": run["n_seeds"]}
    run["against"] = None
    run["reason"] = f"all {run['n_seeds']} seeds diverged, the first at step 34"
    run["verdicts"] = [{"kind": "divergence", "words": "Losses are not finite from step 34 on."}]
    for name, number in run["numbers"].items():
        if name == "accuracy" or name.endswith("_end"):
            number |= {"mean": None, "low": None, "high": None, "n": 0}
    run["profile"]["end"] = None
    values = run["heatmap"]["values"]
    run["heatmap"]["values"] = [row[:6] + [None] * (len(row) - 6) for row in values]


def _fail(run: dict[str, Any], status: str, reason: str) -> None:
    run |= {"status": status, "reason": reason, "verdicts": [], "against": None}
    run |= {"profile": None, "heatmap": None, "curves": {}}
    run["numbers"] = {name: _number(None) for name in run["numbers"]}


def _number(mean: float | None, half: float | None = None, n: int = 0) -> dict[str, Any]:
    known = mean is not None
    low, high = (mean - half, mean + half) if known and half and n > 1 else (None, None)
    ends = {"low": _round(low), "high": _round(high)}
    return {"mean": _round(mean), **ends, "n": n if known else 0, "alike": False}


def _list(values: np.ndarray) -> list[float | None]:
    return [_round(float(value)) if np.isfinite(value) else None for value in values]


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _config(activation: str, init: str, depth: int, lr: float, n_seeds: int) -> str:
    return f"""seed: 0
n_seeds: {n_seeds}
activation:
  _target_: deltaflow.nn.activations.{activation}
init:
  _target_: deltaflow.nn.initializers.{init}
network:
  _target_: deltaflow.nn.network.FullyConnected
  depth: {depth}
  width: 32
  hidden_sizes: null
  normalization: none
  dropout: 0.0
data:
  _target_: deltaflow.data.sources.iris
  batch_size: 16
  split: [0.6, 0.2, 0.2]
  split_seed: 0
  label_noise: 0.0
  train_rows: null
loss:
  _target_: deltaflow.nn.objectives.CrossEntropy
optimizer:
  _target_: torch.optim.SGD
  lr: {lr}
  momentum: 0.9
scheduler:
  _target_: deltaflow.experiment.building.trainer.Constant
trainer:
  max_epochs: 100
  precision: 32
  gradient_clip_norm: null
  profiler: null
  threads: null
diagnostics:
  every_n_steps: 10
  histogram_every_n_steps: 100
  effective_rank: false
accelerator: cpu
"""
