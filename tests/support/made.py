"""Sweeps that nobody ran, with the numbers that a test wants, as claims read them."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import written
from claims.runs import Runs
from deltaflow import load_run

Settings = Mapping[str, Any]
SEEDS = range(12)


def made_runs(
    folder: Path,
    axes: Mapping[str, Sequence[Any]],
    accuracy: Callable[[Settings, int], float] = lambda settings, seed: 0.9,
    norm: Callable[[Settings, int, int, int], float] | None = None,
    seconds: Callable[[Settings], float] = lambda settings: 1.0,
    seeds: Sequence[int] = SEEDS,
    **columns: str,
) -> Runs:
    """A run for each combination of the axes' values.

    Args:
        folder: for the runs.
        axes: values by name.
        accuracy: by settings and seed; the loss is 1 minus it.
        norm: of δ in a layer, by settings, seed, step and layer.
        seconds: that a run took, by settings.
        seeds: of each run; those of a run with a setting ``seed`` begin with that.
        columns: of the layers table that are copies of another one.
    """
    made = []
    for number, values in enumerate(itertools.product(*axes.values())):
        settings = dict(zip(axes, values, strict=True))
        own = [settings.get("seed", 0) + seed for seed in seeds]
        depth = settings.get("network.depth", 2)
        layers = written.layers(
            own, depth, norm=None if norm is None else _of(norm, settings)
        ).with_columns(**{name: pl.col(source) for name, source in columns.items()})
        metrics = written.metrics(own, _of(accuracy, settings)).with_columns(
            loss=1 - pl.col("accuracy")
        )
        made.append(written.write_run(
            folder / f"{number}_run",
            [f"{name}={value}" for name, value in settings.items()],
            own,
            tables=(layers, metrics),
            hyperparameters=settings,
            wall_seconds=seconds(settings),
            n_parameters=100,
        ))  # fmt: skip
    return Runs(tuple(map(load_run, made)))


def _of(function: Callable[..., float], settings: Settings) -> Callable[..., float]:
    return lambda *place: function(settings, *place)
