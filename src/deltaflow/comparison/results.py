"""The results of one run: the best epoch, the flow numbers, and intervals over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from deltaflow.comparison.flow_numbers import flow_numbers
from deltaflow.comparison.statistics.intervals import interval, scale_of
from deltaflow.comparison.statistics.repeats import ONCE, Repeats
from deltaflow.records import METRICS, Interval, Summary, number_replicas

MAIN_METRICS = ("accuracy", "r2", "loss")
"""The metrics by which runs are judged; the first one that a run has is used."""


def results(
    seeds: Sequence[int],
    diverged_at: Sequence[int],
    layers: pl.DataFrame,
    metrics: pl.DataFrame,
    rows: Mapping[str, int],
    stopped_at: Sequence[int] | None = None,
    folds: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Compute the fields of the summary that hold results.

    Args:
        seeds: the seed of each replica.
        diverged_at: the step at which each replica diverged; negative if it did not.
        layers: the layers table.
        metrics: the metrics table.
        rows: number of rows in each part of the data.
        stopped_at: the number of updates after which each replica stopped early; negative if it
            did not.
        folds: the fold of each replica; ``None`` if all have the first.

    Returns:
        The fields ``status``, ``rows``, ``replicas``, ``metrics`` and ``flow``. Means leave out
        replicas that diverged, except for the flow at the start.
    """
    folds = folds or [0] * len(seeds)
    n_folds = len(set(folds))
    layers, metrics = (number_replicas(table, n_folds) for table in (layers, metrics))
    flow = flow_numbers(layers)
    has_validation = bool((metrics["split"] == "validation").any())
    final = metric_values(metrics, "validation" if has_validation else "train")
    best = best_rows(metrics)
    test = metric_values(metrics, "test")
    replicas: dict[int, dict[str, Any]] = {
        (key := seed * n_folds + fold): {
            "seed": seed,
            "fold": fold,
            "status": "diverged" if step >= 0 else "completed",
            "diverged_at_step": step if step >= 0 else None,
            "stopped_at_step": stop if stop >= 0 else None,
            "best_epoch": best[key][0] if key in best else None,
            "final": final.get(key, {}),
            "best": best[key][1] if key in best else {},
            "test": test.get(key, {}),
            "flow": flow.get(key, {}),
        }
        for seed, fold, step, stop in zip(
            seeds, folds, diverged_at, stopped_at or [-1] * len(seeds), strict=True
        )
    }
    completed = {key: one for key, one in replicas.items() if one["status"] == "completed"}
    return {
        "status": "completed" if completed else "diverged",
        "rows": dict(rows),
        "replicas": [*replicas.values()],
        "metrics": {
            moment: _intervals(
                {key: one[moment] for key, one in completed.items()},
                rows_judged(rows, moment),
                repeats(rows, moment, n_folds),
            )
            for moment in ("final", "best", "test")
        },
        "flow": _intervals(
            {
                key: {
                    name: value
                    for name, value in one["flow"].items()
                    if name.endswith("_start") or key in completed
                }
                for key, one in replicas.items()
            },
            None,
            repeats(rows, "test", n_folds),
        ),
    }


def rows_judged(rows: Mapping[str, int], moment: str) -> int | None:
    """Number of rows that the metrics of a moment are averaged over; ``None`` if not known.

    Args:
        rows: number of rows in each part of the data.
        moment: ``test``; or ``final`` or ``best``, which are metrics of the validation part or,
            without one, of the training part.
    """
    return rows.get("test") if moment == "test" else rows.get("validation") or rows.get("train")


def repeats(rows: Mapping[str, int], moment: str, n_folds: int) -> Repeats:
    """How the metrics of a run's folds depend on each other.

    Args:
        rows: number of rows in each part of the data.
        moment: moment of the metrics, as in :func:`rows_judged`.
        n_folds: number of folds per seed.
    """
    if n_folds == 1:
        return ONCE
    judged = rows_judged(rows, moment) or rows.get("validation") or 0
    return Repeats(n_folds, judged / max(rows.get("train", 0), 1))


def main_metrics(summary: Summary) -> Mapping[str, Interval]:
    """The metrics of the test part or, without one, those after the last epoch."""
    return summary.metrics.get("test") or summary.metrics.get("final") or {}


def main_result(summary: Summary) -> str:
    """The main metric of a run with its value, or its status if it did not complete."""
    metrics = main_metrics(summary)
    name = next((name for name in MAIN_METRICS if name in metrics), None)
    value = metrics[name].mean if name else None
    if summary.status != "completed" or value is None:
        return summary.status
    return f"{name} {value:.3g}"


def metric_values(metrics: pl.DataFrame, split: str) -> dict[int, dict[str, float]]:
    """Loss and metrics of each seed after its last epoch.

    Args:
        metrics: the metrics table.
        split: ``train``, ``validation`` or ``test``.

    Returns:
        For each seed with a row of this split, the metrics that are not null, by name.
    """
    rows = metrics.filter(pl.col("split") == split)
    last = rows.filter(pl.col("epoch") == pl.col("epoch").max().over("seed"))
    return {row["seed"]: _values(row) for row in last.iter_rows(named=True)}


def best_rows(metrics: pl.DataFrame) -> dict[int, tuple[int, dict[str, float]]]:
    """The first epoch with the lowest validation loss, with its loss and metrics.

    Returns:
        For each seed with a finite validation loss, the epoch and the metrics by name.
    """
    rows = metrics.filter(pl.col("split") == "validation", pl.col("loss").is_finite())
    first = rows.sort("loss", "epoch").unique("seed", keep="first", maintain_order=True)
    return {row["seed"]: (row["epoch"], _values(row)) for row in first.iter_rows(named=True)}


def _values(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items()
            if name not in METRICS.key and value is not None}  # fmt: skip


def _intervals(
    replicas: Mapping[int, Mapping[str, float | None]],
    rows: int | None,
    repeated: Repeats,
) -> dict[str, dict[str, Any]]:
    """The interval of every number of the replicas, in the form of the summary."""
    names = dict.fromkeys(name for numbers in replicas.values() for name in numbers)
    return {
        name: asdict(
            interval(
                {key: numbers.get(name) for key, numbers in replicas.items()},
                scale=scale_of(name, rows),
                repeated=repeated,
            )
        )
        for name in names
    }
