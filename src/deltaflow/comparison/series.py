"""What a report takes from the tables of many runs: profiles, heatmaps, curves, units.

A few columns of each table are read, once, and thinned before anything is computed, so a
thousand runs take seconds, and little more memory than the largest of them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from deltaflow.comparison.configuration import Configuration
from deltaflow.comparison.results import LEVEL
from deltaflow.records import LAYERS, METRICS, Schema

MOST_STEPS, MOST_EPOCHS = 24, 40
UNITS = ("dead_fraction", "saturated_fraction")
_AT_ONCE = 64  # configurations
_PARTS = ("mean", "std", "n")
_FLOW = ("seed", "step", "layer", "delta_norm", "predicted_delta_norm", *UNITS)


@dataclass
class Tables:
    """What the tables of some configurations say, by the configurations' numbers.

    Attributes:
        profiles: δ norm of the hidden layers, at the start of all seeds and at the end of those
            that did not diverge, with theory.
        heatmaps: log₁₀ δ norm by layer and step.
        curves: loss and metric by split and epoch.
        units: for each run and seed, the largest share in a hidden layer at the end.
        zeros: runs and seeds with a hidden layer where δ is 0, at the start and at the end.
        unreadable: what is wrong with tables that cannot be read.
    """

    profiles: dict[int, dict[str, Any]] = field(default_factory=dict)
    heatmaps: dict[int, dict[str, Any]] = field(default_factory=dict)
    curves: dict[int, dict[str, Any]] = field(default_factory=dict)
    units: dict[tuple[int, int], dict[str, float | None]] = field(default_factory=dict)
    zeros: dict[str, set[tuple[int, int]]] = field(
        default_factory=lambda: {"start": set(), "end": set()}
    )
    unreadable: dict[int, str] = field(default_factory=dict)


def read_tables(configurations: Sequence[Configuration], metric: str) -> Tables:
    """Read the tables of all runs.

    Args:
        configurations: whose runs to read.
        metric: shown beside the loss.

    Returns:
        What they say; a table that cannot be read is like one that was not written.
    """
    found = Tables()
    names = list(dict.fromkeys(("loss", metric)))
    for at in range(0, len(configurations), _AT_ONCE):
        batch = configurations[at : at + _AT_ONCE]
        flow = _read(batch, _flow, found.unreadable)
        if len(flow):
            found.units |= _units(flow.filter("going", "hidden"))
            for moment, own in found.zeros.items():
                own |= set(flow.filter("hidden", "zero", moment).select("run", "seed").rows())
            found.heatmaps |= _heatmaps(flow.filter("going", "shown"))
            found.profiles |= _profiles(flow.filter("hidden"))
        curves = _read(batch, lambda one: _metrics(one, names), found.unreadable)
        if len(curves):
            found.curves |= _curves(curves, names)
    return found


def significant(value: float | None) -> float | None:
    """A number to four digits; ``None`` for what is none.

    >>> significant(0.123456), significant(float("nan"))
    (0.1235, None)
    """
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _read(
    batch: Sequence[Configuration],
    rows: Callable[[Configuration], pl.DataFrame],
    unreadable: dict[int, str],
) -> pl.DataFrame:
    """The rows of all configurations of a batch, each with the number of its own."""
    frames = []
    for one in batch:
        try:
            number = pl.lit(one.number, pl.Int64)
            frames.append(rows(one).with_columns(configuration=number))
        except ValueError as error:
            unreadable[one.number] = str(error)
    return pl.concat(frames) if frames else pl.DataFrame()


def _flow(one: Configuration) -> pl.DataFrame:
    """The layers tables of a configuration's runs, at a few steps."""
    frame = _rows(one, LAYERS, _FLOW)
    steps = _thin(frame.filter("going")["step"], MOST_STEPS)
    norm, predicted, start = pl.col("delta_norm"), pl.col("predicted_delta_norm"), pl.col("start")
    return (
        frame.with_columns(
            hidden=pl.col("layer") < pl.col("layer").max(),
            start=pl.col("step") == 0,
            end=pl.col("step") == pl.col("step").max().over("run"),
            shown=pl.col("step").is_in(steps),
            zero=norm == 0,
        )
        .filter(start | (pl.col("going") & (pl.col("end") | pl.col("shown"))))
        .with_columns(
            log=pl.when((norm > 0) & norm.is_finite()).then(norm.log10()),
            theory=pl.when(start & (predicted > 0)).then(predicted.log10()),
        )
        .drop("delta_norm", "predicted_delta_norm")
    )


def _metrics(one: Configuration, names: Sequence[str]) -> pl.DataFrame:
    """The metrics tables of a configuration's runs, at a few epochs."""
    frame = _rows(one, METRICS, ("seed", "epoch", "split", *names)).filter("going")
    shown = pl.col("epoch").is_in(_thin(frame["epoch"], MOST_EPOCHS))
    return frame.filter(pl.col("split") != "test", shown)


def _rows(one: Configuration, schema: Schema, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of all replicas; those ``going`` did not diverge, or all, if none is left."""
    frames = []
    for number, run in one.runs.items():
        lost = [r.seed for r in run.summary.replicas if r.has_diverged]
        frame = run.table(schema, columns)
        frames.append(
            frame.with_columns(
                run=pl.lit(number, pl.Int64),
                lost=pl.col("seed").is_in(pl.lit(lost, pl.List(pl.Int64))),
            )
        )
    whole = pl.concat(frames)
    return whole.with_columns(going=~pl.col("lost") | pl.col("lost").all()).drop("lost")


def _thin(values: pl.Series, most: int) -> list[int]:
    """Evenly spaced ones, the first and the last among them."""
    some = values.unique().sort().to_numpy()
    places = np.linspace(0, len(some) - 1, min(most, len(some))).round().astype(int)
    return [int(value) for value in some[places]]


def _units(hidden: pl.DataFrame) -> dict[tuple[int, int], dict[str, float | None]]:
    largest = [pl.col(name).fill_nan(None).max() for name in UNITS]
    ends = hidden.filter("end").group_by("run", "seed").agg(largest)
    return {(run, seed): dict(zip(UNITS, units, strict=True)) for run, seed, *units in ends.rows()}


def _heatmaps(flow: pl.DataFrame) -> dict[int, dict[str, Any]]:
    means = flow.group_by("configuration", "layer", "step").agg(pl.col("log").mean())
    found = {}
    for number, rows in _each(means, "layer", "step"):
        grid = rows.pivot("step", index="layer", values="log")
        steps = sorted(int(name) for name in grid.columns if name != "layer")
        found[number] = {
            "layers": grid["layer"].to_list(),
            "steps": steps,
            "values": [_rounded(row) for row in grid.select(map(str, steps)).rows()],
        }
    return found


def _profiles(hidden: pl.DataFrame) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    keys = ("configuration", "layer")
    start, end = hidden.filter("start"), hidden.filter("going", "end", ~pl.col("start"))
    for number, rows in _each(start.group_by(keys).agg(*_spread("log"), _mean("theory")), "layer"):
        theory = rows["theory_mean"]
        found[number] = {
            "layers": rows["layer"].to_list(),
            "theory": _rounded(_power(theory)) if theory.count() else None,
            "start": _geometric(rows),
            "end": None,
        }
    for number, rows in _each(end.group_by(keys).agg(_spread("log")), "layer"):
        if number in found and rows["log_mean"].count():
            found[number]["end"] = _geometric(rows)
    return found


def _curves(metrics: pl.DataFrame, names: Sequence[str]) -> dict[int, dict[str, Any]]:
    spreads = [expression for name in names for expression in _spread(name)]
    means = metrics.group_by("configuration", "split", "epoch").agg(spreads)
    found: dict[int, dict[str, Any]] = {}
    for number, rows in _each(means, "split", "epoch"):
        for (split,), of_split in rows.group_by(["split"], maintain_order=True):
            found.setdefault(number, {})[str(split)] = {
                "epochs": (of_split["epoch"] + 1).to_list(),  # trained so far
            } | {
                name: {key: _rounded(values) for key, values in _band(of_split, name).items()}
                for name in names
                if of_split[f"{name}_mean"].count()
            }
    return found


def _spread(name: str) -> list[pl.Expr]:
    known = pl.col(name).filter(pl.col(name).is_finite())
    return [_mean(name), known.std().alias(f"{name}_std"), known.len().alias(f"{name}_n")]


def _mean(name: str) -> pl.Expr:
    return pl.col(name).filter(pl.col(name).is_finite()).mean().alias(f"{name}_mean")


def _band(rows: pl.DataFrame, name: str) -> dict[str, Any]:
    """Mean and interval, as :func:`deltaflow.comparison.results.interval` has them."""
    mean, std, n = (rows[f"{name}_{part}"].cast(pl.Float64).to_numpy() for part in _PARTS)
    some = np.where(n > 1, n, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the greatest there are
        half = stdtrit(some - 1, (1 + LEVEL) / 2) * std / np.sqrt(some)
        return {"mean": mean, "low": mean - half, "high": mean + half}


def _geometric(rows: pl.DataFrame) -> dict[str, list[float | None]]:
    """A band that was computed of logarithms."""
    return {name: _rounded(_power(values)) for name, values in _band(rows, "log").items()}


def _power(logarithms: Any) -> Any:
    with np.errstate(over="ignore"):
        return 10 ** np.asarray(logarithms, dtype=float)


def _each(frame: pl.DataFrame, *order: str) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each configuration."""
    for (number,), rows in frame.sort(order).group_by(["configuration"], maintain_order=True):
        yield int(str(number)), rows


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [significant(value) for value in values]
