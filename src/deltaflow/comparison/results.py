"""From tables to numbers: the best epoch, the flow numbers, intervals over seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.records import Replica

LEVEL = 0.95
FLOW_NUMBERS = ("vanishing_index", "decay_rate", "loss_gain", "vanishing_index_weight")
FIT_NUMBERS = ("decay_rate", "vanishing_index", "theory_error", "band")


def results(
    seeds: Sequence[int], diverged_at: Sequence[int], layers: pl.DataFrame, metrics: pl.DataFrame
) -> dict[str, Any]:
    """The fields of the summary that say what came out.

    Args:
        seeds: of the replicas.
        diverged_at: the step at which each diverged, negative for none.
        layers: the layers table.
        metrics: the metrics table.

    Returns:
        ``status``, ``replicas``, ``metrics`` of the replicas that did not diverge and ``flow``:
        at the start of all of them, at the end of those.
    """
    flow = flow_numbers(layers)
    last = int(metrics["epoch"].max() or 0)  # type: ignore[arg-type]
    judged = "validation" if (metrics["split"] == "validation").any() else "train"
    replicas: list[dict[str, Any]] = []
    for seed, step in zip(seeds, diverged_at, strict=True):
        best = best_epoch(metrics, seed)
        replicas.append(
            {
                "seed": seed,
                "status": "diverged" if step >= 0 else "completed",
                "diverged_at_step": step if step >= 0 else None,
                "best_epoch": best,
                "final": metric_values(metrics, seed, judged, last),
                "best": {} if best is None else metric_values(metrics, seed, "validation", best),
                "test": metric_values(metrics, seed, "test", last),
                "flow": flow.get(seed, {}),
            }
        )
    going = [replica for replica in replicas if replica["status"] == "completed"]
    return {
        "status": "completed" if going else "diverged",
        "replicas": replicas,
        "metrics": {
            moment: intervals(replica[moment] for replica in going)
            for moment in ("final", "best", "test")
        },
        "flow": intervals(
            {
                name: value
                for name, value in replica["flow"].items()
                if name.endswith("_start") or replica["status"] == "completed"
            }
            for replica in replicas
        ),
    }


def interval(values: Iterable[float | None], level: float = LEVEL) -> dict[str, float | int | None]:
    """Mean of the seeds' values and its interval, 95 % unless told, by Student's t, unadjusted.

    Args:
        values: one per seed; None and NaN are left out.
        level: of the interval, above 0 and below 1.

    Returns:
        ``mean``, ``low``, ``high`` and ``n``, the seeds counted; no interval for fewer than
        two, and no mean for none.

    >>> {name: round(value, 4) for name, value in interval([0.9, 1.0, None]).items()}
    {'mean': 0.95, 'low': 0.3147, 'high': 1.5853, 'n': 2}
    """
    known = np.array([v for v in values if v is not None and math.isfinite(v)])
    n = len(known)
    if n == 0:
        return {"mean": None, "low": None, "high": None, "n": 0}
    mean = float(known.mean())
    if n == 1:
        return {"mean": mean, "low": None, "high": None, "n": 1}
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1 + level) / 2) * known.std(ddof=1) / math.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n}


def intervals(rows: Iterable[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """:func:`interval` of every number that the seeds' rows share.

    Args:
        rows: one per seed, numbers by name.

    Returns:
        Intervals by name.
    """
    counted = list(rows)
    names = dict.fromkeys(name for row in counted for name in row)
    return {name: interval(row.get(name) for row in counted) for name in names}


def flow_numbers(layers: pl.DataFrame) -> dict[int, dict[str, float | None]]:
    """The flow of each seed's first and last recorded step in a few numbers.

    Args:
        layers: the layers table of one run.

    Returns:
        By seed: each of ``FLOW_NUMBERS`` with ``_start`` and ``_end``; None where it does
        not apply or is not finite.
    """
    numbers: dict[int, dict[str, float | None]] = {}
    for (seed,), rows in layers.group_by("seed", maintain_order=True):
        first, last = first_and_last(rows)
        numbers[int(seed)] = {
            f"{name}_{moment}": value
            for moment, step in (("start", first), ("end", last))
            for name, value in _profile_numbers(rows.filter(pl.col("step") == step)).items()
        }
    return numbers


def theory_fit(layers: pl.DataFrame) -> dict[str, float | None]:
    """How near the prediction the measured δ profile of step 0 is.

    Args:
        layers: the layers table of one run.

    Returns:
        As in the summary's field ``theory``: each of ``FIT_NUMBERS``, ``None`` where it does
        not apply or nothing was measured.
    """
    ratio = (pl.col("delta_norm") / pl.col("predicted_delta_norm")).log10()
    rows = (
        layers.filter(pl.col("step") == 0, pl.col("predicted_delta_norm") > 0)
        .with_columns(ratio=ratio)
        .filter(pl.col("ratio").is_finite())
        .group_by("layer")
        .agg(
            pl.col("ratio").mean(),
            pl.col("predicted_delta_norm").log().mean().exp(),
            variance=(pl.col("predicted_delta_norm_spread") ** 2).mean() / pl.len(),
        )
        .sort("layer")
    )
    if not len(rows):
        return dict.fromkeys(FIT_NUMBERS)
    profile, ratios, variance = (
        rows[name].to_numpy() for name in ("predicted_delta_norm", "ratio", "variance")
    )
    numbers = (
        decay_rate(profile),
        vanishing_index(profile),
        np.sqrt(np.square(ratios).mean()),
        2 * np.sqrt(variance.mean()) / math.log(10),
    )
    return {
        name: float(value) if math.isfinite(value) else None
        for name, value in zip(FIT_NUMBERS, numbers, strict=True)
    }


def without_diverged(layers: pl.DataFrame, replicas: Iterable[Replica]) -> pl.DataFrame:
    """The rows of the replicas that did not diverge; all of them, if none is left.

    Args:
        layers: the layers table of one run.
        replicas: as in its summary.

    Returns:
        Rows of the layers table, to take means over.
    """
    going = [replica.seed for replica in replicas if not replica.has_diverged]
    return layers.filter(pl.col("seed").is_in(going)) if going else layers


def first_and_last(layers: pl.DataFrame) -> tuple[int, int]:
    """The first and the last recorded step.

    Args:
        layers: the layers table, with at least one row.

    Returns:
        Their numbers.
    """
    return int(layers["step"].min()), int(layers["step"].max())  # type: ignore[arg-type]


def metric_values(metrics: pl.DataFrame, seed: int, split: str, epoch: int) -> dict[str, float]:
    """Loss and metrics of a seed after one epoch.

    Args:
        metrics: the metrics table.
        seed: which replica.
        split: train, validation or test.
        epoch: counted from 0.

    Returns:
        Values by metric, those that apply; none if there is no such row.
    """
    rows = metrics.filter(
        (pl.col("seed") == seed) & (pl.col("split") == split) & (pl.col("epoch") == epoch)
    )
    values = rows.drop("seed", "epoch", "split").row(0, named=True) if len(rows) else {}
    return {name: value for name, value in values.items() if value is not None}


def best_epoch(metrics: pl.DataFrame, seed: int) -> int | None:
    """The epoch with the lowest validation loss, the first of equals.

    Args:
        metrics: the metrics table.
        seed: which replica.

    Returns:
        The epoch, or ``None`` without a finite validation loss.
    """
    rows = metrics.filter(
        (pl.col("seed") == seed) & (pl.col("split") == "validation") & pl.col("loss").is_finite()
    ).sort("loss", "epoch")
    return int(rows["epoch"][0]) if len(rows) else None


def _profile_numbers(rows: pl.DataFrame) -> dict[str, float | None]:
    """Flow numbers of one seed at one step; the rows are its layers."""
    ordered = rows.sort("layer")
    hidden, output = ordered[:-1], ordered[-1]
    delta = hidden["delta_norm"].to_numpy()
    entries = hidden["fan_in"] * hidden["fan_out"]
    weight = (hidden["sample_grad_rms"] * entries.sqrt()).to_numpy()
    numbers = {
        "vanishing_index": vanishing_index(delta),
        "vanishing_index_weight": vanishing_index(weight),
        "decay_rate": decay_rate(delta),
        "loss_gain": output["delta_rms"][0],
    }
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}
