"""Reads the tables of many runs: profiles, heatmaps, curves, and shares of units.

Each table is read once, only the needed columns, and thinned before anything is computed. So a
thousand runs take seconds, and little more memory than the largest run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from deltaflow.comparison.configurations.configuration import Configuration
from deltaflow.comparison.flow_numbers import positive_log
from deltaflow.comparison.series.bands import UNITS, Band, Curve, Heatmap, Profile, rounded
from deltaflow.comparison.series.seed_lines import lines, values_by_seed
from deltaflow.comparison.statistics.intervals import ANY, Scale, bounds, scale_of
from deltaflow.records import LAYERS, METRICS, Schema, number_replicas, read_columns

MAX_STEPS, MAX_EPOCHS = 24, 40
_AT_ONCE = 64  # configurations that are read at once
_FLOW = ("seed", "step", "layer", "delta_norm", "predicted_delta_norm", *UNITS)


@dataclass
class Tables:
    """Data from the tables of configurations, by the number of the configuration.

    Attributes:
        profiles: depth profiles of δ.
        heatmaps: heatmaps of δ by layer and step.
        curves: learning curves, by part of the data.
        units: for each (run, seed) the largest share in a hidden layer at the end, by column.
        zeros: the (run, seed) pairs with a hidden layer where δ is 0, at ``start`` and ``end``.
        unreadable: the error message for tables that cannot be read.
    """

    profiles: dict[int, Profile] = field(default_factory=dict)
    heatmaps: dict[int, Heatmap] = field(default_factory=dict)
    curves: dict[int, dict[str, Curve]] = field(default_factory=dict)
    units: dict[tuple[int, int], dict[str, float | None]] = field(default_factory=dict)
    zeros: dict[str, set[tuple[int, int]]] = field(
        default_factory=lambda: {"start": set(), "end": set()}
    )
    unreadable: dict[int, str] = field(default_factory=dict)


def read_tables(configurations: Sequence[Configuration], metric: str) -> Tables:
    """Read the tables of all runs.

    Args:
        configurations: the configurations whose runs are read.
        metric: the metric that is read in addition to the loss.

    Returns:
        The data; a table that cannot be read is treated as one that was not written.
    """
    found = Tables()
    names = list(dict.fromkeys(("loss", metric)))
    for at in range(0, len(configurations), _AT_ONCE):
        batch = configurations[at : at + _AT_ONCE]
        flow = _read(batch, _flow, found.unreadable)
        if len(flow):
            found.units |= _units(flow.filter("counted", "hidden"))
            for moment, pairs in found.zeros.items():
                pairs |= set(flow.filter("hidden", "zero", moment).select("run", "seed").rows())
            found.heatmaps |= _heatmaps(flow.filter("counted", "shown"))
            found.profiles |= _profiles(flow.filter("hidden"))
        curves = _read(batch, lambda one: _metrics(one, names), found.unreadable)
        if len(curves):
            found.curves |= _curves(curves, names, {one.number: one for one in batch})
    return found


def _read(
    batch: Sequence[Configuration],
    rows: Callable[[Configuration], pl.DataFrame],
    unreadable: dict[int, str],
) -> pl.DataFrame:
    """The rows of all configurations in a batch, with a column for the configuration's number."""
    frames = []
    for one in batch:
        try:
            number = pl.lit(one.number, pl.Int64)
            frames.append(rows(one).with_columns(configuration=number))
        except ValueError as error:
            unreadable[one.number] = str(error)
    return pl.concat(frames, rechunk=True) if frames else pl.DataFrame()


def _flow(one: Configuration) -> pl.DataFrame:
    """Rows of the layers tables of a configuration's runs, at a few steps."""
    frame = _rows(one, LAYERS, _FLOW)
    steps = _thin(frame.filter("counted")["step"], MAX_STEPS)
    start = pl.col("start")
    return (
        frame.with_columns(
            hidden=pl.col("layer") < pl.col("layer").max(),
            start=pl.col("step") == 0,
            end=pl.col("step") == pl.col("step").max().over("run", "seed"),
            shown=pl.col("step").is_in(steps),
            zero=pl.col("delta_norm") == 0,
        )
        .filter(start | (pl.col("counted") & (pl.col("end") | pl.col("shown"))))
        .with_columns(
            log=positive_log("delta_norm"),
            theory=pl.when(start).then(positive_log("predicted_delta_norm")),
        )
        .drop("delta_norm", "predicted_delta_norm")
    )


def _metrics(one: Configuration, names: Sequence[str]) -> pl.DataFrame:
    """Rows of the metrics tables of a configuration's runs, at a few epochs."""
    frame = _rows(one, METRICS, ("seed", "epoch", "split", *names)).filter("counted")
    shown = pl.col("epoch").is_in(_thin(frame["epoch"], MAX_EPOCHS))
    return frame.filter(pl.col("split") != "test", shown)


def _rows(one: Configuration, schema: Schema, columns: Sequence[str]) -> pl.DataFrame:
    """The rows of all replicas of a configuration, each replica from one run.

    The seeds are taken from the tables, because the summary of a run that has not ended lists
    none. The column ``counted`` is true for replicas that did not diverge, or for all if every
    replica did. The frame is rechunked, because polars treats a column in chunks of one row as a
    single value.
    """
    frames, known = [], set(one.sources)
    for number, run in one.runs.items():
        frame = read_columns(run.directory, schema, ("fold", *columns))
        frame = number_replicas(frame, one.n_folds).drop("fold")
        own = [seed for seed, source in one.sources.items() if source == number]
        new = frame.filter(~pl.col("seed").is_in(list(known)))
        known |= set(new["seed"].unique())
        frame = pl.concat([frame.filter(pl.col("seed").is_in(own)), new])
        frames.append(frame.with_columns(run=pl.lit(number, pl.Int64)))
    whole = pl.concat(frames, rechunk=True).with_columns(
        lost=pl.col("seed").is_in(list(one.diverged))
    )
    return whole.with_columns(counted=~pl.col("lost") | pl.col("lost").all()).drop("lost")


def _thin(values: pl.Series, most: int) -> list[int]:
    """At most ``most`` of the different values, evenly spaced, with the first and the last."""
    some = values.unique().sort().to_numpy()
    places = np.linspace(0, len(some) - 1, min(most, len(some))).round().astype(int)
    return [int(value) for value in some[places]]


def _units(hidden: pl.DataFrame) -> dict[tuple[int, int], dict[str, float | None]]:
    largest = [pl.col(name).fill_nan(None).max() for name in UNITS]
    ends = hidden.filter("end").group_by("run", "seed").agg(largest)
    return {(run, seed): dict(zip(UNITS, units, strict=True)) for run, seed, *units in ends.rows()}


def _heatmaps(flow: pl.DataFrame) -> dict[int, Heatmap]:
    means = flow.group_by("configuration", "layer", "step").agg(pl.col("log").mean())
    found = {}
    for number, rows in _each(means, "layer", "step"):
        grid = rows.pivot("step", index="layer", values="log")
        steps = sorted(int(name) for name in grid.columns if name != "layer")
        values = [rounded(row) for row in grid.select(map(str, steps)).rows()]
        found[number] = Heatmap(grid["layer"].to_list(), steps, values)
    return found


def _profiles(hidden: pl.DataFrame) -> dict[int, Profile]:
    start = hidden.filter("start")
    measured = pl.col("log").is_not_null().any().over("configuration")
    ends = _geometric(hidden.filter("counted", "end", ~pl.col("start")).filter(measured))
    theories = start.group_by("configuration", "layer").agg(pl.col("theory").mean())
    found, bands = {}, _geometric(start)
    for number, rows in _each(theories, "layer"):
        theory = rounded(_power(rows["theory"])) if rows["theory"].count() else None
        found[number] = Profile(rows["layer"].to_list(), theory, bands[number], ends.get(number))
    return found


def _curves(
    metrics: pl.DataFrame, names: Sequence[str], configurations: Mapping[int, Configuration]
) -> dict[int, dict[str, Curve]]:
    spreads = [expression for name in names for expression in _spread(name)]
    means = metrics.group_by("configuration", "split", "epoch").agg(spreads)
    by_seed = {
        name: values_by_seed(metrics, ("configuration", "split"), "epoch", name) for name in names
    }
    found: dict[int, dict[str, Curve]] = {}
    for number, rows in _each(means, "split", "epoch"):
        data_rows = configurations[number].first.summary.rows
        for (split,), of_split in rows.group_by(["split"], maintain_order=True):
            bands = {
                name: _band(
                    _bounds(of_split, name, scale_of(name, data_rows.get(str(split)))),
                    lines(by_seed[name].get((number, split)), of_split["epoch"]),
                )
                for name in names
                if of_split[name].count()
            }
            epochs = (of_split["epoch"] + 1).to_list()  # number of epochs trained
            found.setdefault(number, {})[str(split)] = Curve(epochs, bands)
    return found


def _spread(name: str) -> list[pl.Expr]:
    known = pl.col(name).filter(pl.col(name).is_finite())
    return [known.mean(), known.std().alias(f"{name}_std"), known.len().alias(f"{name}_n")]


def _geometric(hidden: pl.DataFrame) -> dict[int, Band]:
    """The geometric mean of the δ norm by layer, with its band, for each configuration."""
    by_seed = values_by_seed(hidden, ("configuration",), "layer", "log")
    spreads = hidden.group_by("configuration", "layer").agg(_spread("log"))
    return {
        number: _band(
            map(_power, _bounds(rows, "log", ANY)),
            map(_power, lines(by_seed.get((number,)), rows["layer"])),
        )
        for number, rows in _each(spreads, "layer")
    }


def _band(bounds: Iterable[Any], seeds: Iterable[Any]) -> Band:
    mean, low, high = map(rounded, bounds)
    return Band(mean, low, high, [*map(rounded, seeds)])


def _bounds(rows: pl.DataFrame, name: str, scale: Scale) -> tuple[Any, Any, Any]:
    """Mean and ends of the interval, as in ``comparison.statistics.intervals.interval``."""
    mean, std, n = (
        rows[column].cast(pl.Float64).to_numpy() for column in (name, f"{name}_std", f"{name}_n")
    )
    some = np.where(n > 1, n, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest float overflow
        return mean, *bounds(mean, std / np.sqrt(some), some - 1, scale, some)


def _power(logarithms: Any) -> Any:
    with np.errstate(over="ignore"):
        return 10 ** np.asarray(logarithms, dtype=float)


def _each(frame: pl.DataFrame, *order: str) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each configuration."""
    for (number,), rows in frame.sort(order).group_by(["configuration"], maintain_order=True):
        yield int(str(number)), rows
