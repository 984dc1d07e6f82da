"""What came out of one run: the best epoch, the flow numbers, intervals over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from deltaflow.comparison.flow_numbers import flow_numbers
from deltaflow.comparison.statistics.intervals import interval, scale_of
from deltaflow.comparison.statistics.repeats import ONCE, Repeats
from deltaflow.records import METRICS, Interval, Summary, told_apart

HEADLINES = ("accuracy", "r2", "loss")
"""The metrics that runs are judged by: the first that they have."""


def results(
    seeds: Sequence[int],
    diverged_at: Sequence[int],
    layers: pl.DataFrame,
    metrics: pl.DataFrame,
    rows: Mapping[str, int],
    stopped_at: Sequence[int] | None = None,
    folds: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The fields of the summary that say what came out.

    Args:
        seeds: of the replicas.
        diverged_at: the step at which each diverged, negative for none.
        layers: the layers table.
        metrics: the metrics table.
        rows: of each part of the data.
        stopped_at: the updates after which each stopped early, negative for none.
        folds: of the replicas; the first for all if ``None``.

    Returns:
        ``status``, ``rows``, ``replicas``, ``metrics`` of the replicas that did not diverge and
        ``flow``: at the start of all of them, at the end of those.
    """
    folds = folds or [0] * len(seeds)
    n_folds = len(set(folds))
    layers, metrics = (told_apart(table, n_folds) for table in (layers, metrics))
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
    """The rows that metrics of a moment are averages over; ``None`` if that is not known.

    Args:
        rows: of each part of the data.
        moment: ``final`` or ``best`` of the validation part, else the training part; ``test``.
    """
    return rows.get("test") if moment == "test" else rows.get("validation") or rows.get("train")


def repeats(rows: Mapping[str, int], moment: str, n_folds: int) -> Repeats:
    """How a run was repeated on its data.

    Args:
        rows: of each part of the data.
        moment: of the metrics, as of :func:`rows_judged`.
        n_folds: of each seed.
    """
    if n_folds == 1:
        return ONCE
    judged = rows_judged(rows, moment) or rows.get("validation") or 0
    return Repeats(n_folds, judged / max(rows.get("train", 0), 1))


def headline_metrics(summary: Summary) -> Mapping[str, Interval]:
    """The metrics that a run is judged by: of the test part, else after the last epoch."""
    return summary.metrics.get("test") or summary.metrics.get("final") or {}


def headline(summary: Summary) -> str:
    """The headline metric of a run, or how it ended if it did not complete."""
    metrics = headline_metrics(summary)
    name = next((name for name in HEADLINES if name in metrics), None)
    value = metrics[name].mean if name else None
    if summary.status != "completed" or value is None:
        return summary.status
    return f"{name} {value:.3g}"


def metric_values(metrics: pl.DataFrame, split: str) -> dict[int, dict[str, float]]:
    """Loss and metrics of each seed after its last epoch.

    Args:
        metrics: the metrics table.
        split: train, validation or test.

    Returns:
        By seed, values by metric, those that apply; without the seeds that have no such row.
    """
    rows = metrics.filter(pl.col("split") == split)
    last = rows.filter(pl.col("epoch") == pl.col("epoch").max().over("seed"))
    return {row["seed"]: _values(row) for row in last.iter_rows(named=True)}


def best_rows(metrics: pl.DataFrame) -> dict[int, tuple[int, dict[str, float]]]:
    """The epoch with the lowest validation loss, the first of equals, and its loss and metrics.

    Args:
        metrics: the metrics table.

    Returns:
        By seed, the epoch and values by metric; without the seeds that have no finite
        validation loss.
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
    """The interval of every number that the replicas have, as the summary holds it."""
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
