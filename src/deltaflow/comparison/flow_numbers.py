"""From the layers table of one run to numbers, and how they are averaged over seeds."""

import math
from collections.abc import Iterable

import numpy as np
import polars as pl

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.records import Replica

FLOW_NUMBERS = ("vanishing_index", "decay_rate", "loss_gain", "vanishing_index_weight")
FIT_NUMBERS = ("decay_rate", "vanishing_index", "theory_error", "band")


def positive_log(name: str) -> pl.Expr:
    """log₁₀ of a column, null where it is 0, not finite or not there.

    Whatever spans decades is averaged over seeds in this way, wherever it is shown; zeros have
    no logarithm, so they are left out of the mean and counted in words.
    """
    value = pl.col(name)
    return pl.when((value > 0) & value.is_finite()).then(value.log10())


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
