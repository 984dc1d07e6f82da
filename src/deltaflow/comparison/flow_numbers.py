"""Flow numbers: the layers table of one run in a few numbers per seed."""

import math

import numpy as np
import polars as pl

from deltaflow.flow.profiles import Array, decay_rate, vanishing_index
from deltaflow.records import Summary, number_replicas

FLOW_NUMBERS = ("vanishing_index", "decay_rate", "loss_gain", "vanishing_index_weight")
FIT_NUMBERS = ("decay_rate", "vanishing_index", "theory_error", "band")
_PROFILES = ("delta_norm", "sample_grad_rms", "delta_rms", "fan_in", "fan_out")


def positive_log(name: str) -> pl.Expr:
    """log₁₀ of a column; null where the value is 0, null or not finite.

    Quantities that span decades are averaged over seeds as logarithms. Zeros are left out of these
    means and are counted separately.
    """
    value = pl.col(name)
    return pl.when((value > 0) & value.is_finite()).then(value.log10())


def flow_numbers(layers: pl.DataFrame) -> dict[int, dict[str, float | None]]:
    """Compute the flow numbers of each seed at its first and last recorded step.

    Returns:
        For each seed, the ``FLOW_NUMBERS`` with ``_start`` and ``_end``; ``None`` if a number does
        not apply or is not finite.
    """
    ordered = layers.select("seed", "step", "layer", *_PROFILES).sort("seed", "step", "layer")
    steps = ordered["step"].to_numpy()
    profiles = ordered.select(pl.col(_PROFILES).cast(pl.Float64).fill_null(math.nan)).to_numpy()
    counts = ordered.group_by("seed", maintain_order=True).len()
    numbers: dict[int, dict[str, float | None]] = {}
    begin = 0
    for seed, n_rows in counts.iter_rows():
        end = begin + n_rows
        first = begin + np.searchsorted(steps[begin:end], steps[begin], side="right")
        last = begin + np.searchsorted(steps[begin:end], steps[end - 1], side="left")
        numbers[seed] = {
            f"{name}_{moment}": value
            for moment, rows in (("start", slice(begin, first)), ("end", slice(last, end)))
            for name, value in _profile_numbers(profiles[rows]).items()
        }
        begin = end
    return numbers


def theory_fit(layers: pl.DataFrame) -> dict[str, float | None]:
    """Compare the measured δ profile of step 0 with theory's.

    Returns:
        The ``FIT_NUMBERS``, whose meaning is in the summary's field ``theory``; ``None`` if a
        number does not apply or nothing was measured.
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
        2 * np.sqrt(variance.astype(float).mean()) / math.log(10),
    )
    return {
        name: float(value) if math.isfinite(value) else None
        for name, value in zip(FIT_NUMBERS, numbers, strict=True)
    }


def without_diverged(table: pl.DataFrame, summary: Summary) -> pl.DataFrame:
    """Select the rows of the replicas that did not diverge; all rows if every replica did.

    Args:
        table: the layers table or the metrics table of one run.
        summary: the run's summary.

    Returns:
        The rows; with folds, ``seed`` is replaced by ``seed · n_folds + fold``.
    """
    n = summary.n_folds
    kept = [one.seed * n + one.fold for one in summary.replicas if not one.has_diverged]
    table = number_replicas(table, n)
    return table.filter(pl.col("seed").is_in(kept)) if kept else table


def first_and_last(layers: pl.DataFrame) -> tuple[int, int]:
    """The numbers of the first and the last recorded step in a table that is not empty."""
    return int(layers["step"].min()), int(layers["step"].max())  # type: ignore[arg-type]


def with_common_end(layers: pl.DataFrame) -> pl.DataFrame:
    """Give the last step of seeds that stopped early the number of the run's last step."""
    step, last = pl.col("step"), pl.col("step").max()
    return layers.with_columns(step=pl.when(step == last.over("seed")).then(last).otherwise(step))


def _profile_numbers(rows: Array) -> dict[str, float | None]:
    """Flow numbers of one seed at one step, from ``[n_layers, len(_PROFILES)]``."""
    delta, sample_grad, _, fan_in, fan_out = rows[:-1].T
    numbers = {
        "vanishing_index": vanishing_index(delta),
        "vanishing_index_weight": vanishing_index(sample_grad * np.sqrt(fan_in * fan_out)),
        "decay_rate": decay_rate(delta),
        "loss_gain": rows[-1, _PROFILES.index("delta_rms")],
    }
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}
