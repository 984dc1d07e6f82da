"""Runs that nobody trained, written as train.py leaves them behind."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from deltaflow.comparison.flow_numbers import theory_fit
from deltaflow.comparison.results import results
from deltaflow.records import LAYERS, METRICS

STEPS = (0, 10, 20)
EPOCHS = (0, 1, 2)
ROWS = {"train": 90, "validation": 30, "test": 30}


def layers(
    seeds: Sequence[int],
    depth: int = 3,
    rate: float = 0.5,
    steps: Sequence[int] = STEPS,
    norm: Callable[[int, int, int], float] | None = None,
) -> pl.DataFrame:
    """A network of width 4: δ changes by a rate per layer, a tenth more slowly at each step.

    Args:
        seeds: of the replicas.
        depth: hidden layers.
        rate: per layer, going back.
        steps: recorded.
        norm: of δ by seed, step and layer, instead.
    """
    norm = norm or (lambda seed, step, layer: (rate + step / 1000) ** (depth + 1 - layer))
    index = [(s, t, n) for s in seeds for t in steps for n in range(1, depth + 2)]
    hidden = [layer <= depth for _, _, layer in index]
    first = [at_start and step == 0 for at_start, (_, step, _) in zip(hidden, index, strict=True)]
    norms = [norm(*key) * (1 + 0.01 * key[0]) for key in index]
    size = len(index)
    return LAYERS.frame(
        dict(zip(("seed", "step", "layer"), zip(*index, strict=True), strict=True))
        | {"fan_in": [4] * size, "fan_out": [4] * size, "delta_norm": norms}
        | {"delta_rms": [value / 2 for value in norms], "sample_grad_rms": norms}
        | {
            "predicted_delta_norm": [
                rate ** (depth + 1 - layer) if known else None
                for known, (_, _, layer) in zip(first, index, strict=True)
            ],
            "predicted_delta_norm_spread": [0.1 if known else None for known in first],
            "dead_fraction": [
                layer / 10 + step / 100 if known else None
                for known, (_, step, layer) in zip(hidden, index, strict=True)
            ],
        }
    )


def metrics(
    seeds: Sequence[int], accuracy: Callable[[int], float | None], epochs: Sequence[int] = EPOCHS
) -> pl.DataFrame:
    """A loss that falls, and an accuracy that is the same at any time."""
    index = [(s, e, split) for s in seeds for e in epochs for split in ("train", "validation")]
    index += [(seed, epochs[-1], "test") for seed in seeds]
    return METRICS.frame(
        dict(zip(("seed", "epoch", "split"), zip(*index, strict=True), strict=True))
        | {"loss": [1 / (2 + epoch) + 0.01 * seed for seed, epoch, _ in index]}
        | {"accuracy": [accuracy(seed) for seed, _, _ in index]}
    )


def write_run(
    directory: Path,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] = range(4),
    accuracy: Callable[[int], float | None] = lambda seed: 0.9 + 0.01 * seed,
    diverged: Mapping[int, int] | None = None,
    error: str | None = None,
    tables: tuple[pl.DataFrame, pl.DataFrame] | None = None,
    **fields: object,
) -> Path:
    """Write a run.

    Args:
        directory: the run directory.
        overrides: that it had.
        seeds: of its replicas, one after another.
        accuracy: by seed, in every split and epoch.
        diverged: the step at which a seed diverged.
        error: of a run that failed.
        tables: its layers and metrics, instead of those above.
        fields: of the summary, instead of its own.

    Returns:
        The run directory.
    """
    flow, curves = tables or (layers(seeds), metrics(seeds, accuracy))
    summary = {
        "status": "failed" if error else "completed",
        "error": error, "started": "2026-01-01T00:00:00+00:00", "wall_seconds": 2.0,
        "process": 1, "host": f"not-{socket.gethostname()}",
        "command": ["train.py", "-m", "swept"], "overrides": list(overrides),
        "choices": {"activation": "relu", "data": "iris", "loss": "ce"},
        "versions": {"deltaflow": "0.1.0", "torch": "2.13.0"},
        "replicas": [], "metrics": {}, "flow": {}, "theory": None, "verdicts": [],
    }  # fmt: skip
    if not error:
        at = [(diverged or {}).get(seed, -1) for seed in seeds]
        summary |= results(list(seeds), at, flow, curves, rows=ROWS)
        summary["theory"] = {"activation": "ReLU()"} | theory_fit(flow)
        summary["verdicts"] = [{"kind": "healthy", "words": "Gradients flow."}]
    directory.mkdir(parents=True)
    (directory / "summary.json").write_text(json.dumps(summary | fields, default=str))
    (directory / ".hydra").mkdir()
    (directory / ".hydra" / "config.yaml").write_text(_config(overrides, seeds))
    if not error:
        flow.write_parquet(directory / "layers.parquet")
        curves.write_parquet(directory / "metrics.parquet")
    return directory


def _config(overrides: Sequence[str], seeds: Sequence[int]) -> str:
    """As Hydra writes it, as far as what is set goes."""
    settings = dict(override.lstrip("+").split("=", 1) for override in overrides)
    logger = settings.pop("logger", "tensorboard")
    own = "".join(f"{name}: {value}\n" for name, value in settings.items() if name != "seed")
    return f"seed: {seeds[0]}\nn_seeds: {len(seeds)}\n{own}logger:\n  main:\n    kind: {logger}\n"
