"""Findings on settings that keep a network from learning, by closed form or by measurement.

Most are findings only if the network explains little.
"""

import math
from typing import Any

import numpy as np
import polars as pl

from deltaflow.verdicts.advice import shape, unusual_inputs
from deltaflow.verdicts.evidence import Evidence, median
from deltaflow.verdicts.findings.units import saturated_at_start
from deltaflow.verdicts.thresholds import (
    BOTTLENECK_UNITS,
    DEFAULT_WIDTH,
    FEWEST_STEPS,
    MAJORITY,
    NEGLIGIBLE,
    ORDINARY_SQUARE,
    USUAL_UPDATE,
)
from deltaflow.verdicts.verdict import Advice, Verdict

_WITHOUT_OUTPUT_ACTIVATION = "network.output_activation=null"


def doubled(evidence: Evidence) -> Verdict | None:
    """A softmax or sigmoid on the output precedes a loss that includes one."""
    found, own = evidence.constants, evidence.settings.output_activation
    if own not in ("softmax", "sigmoid") or not found.has_link:
        return None
    first = evidence.start.output["delta_rms"].drop_nans().to_numpy()
    numbers: dict[str, Any] = {
        "output_activation": own,
        "predicted_delta": found.delta,
        "predicted_delta_alone": found.delta_alone,
        "floor": found.floor,
    }
    if len(first):
        numbers["delta"] = float(first.mean())
    alone = found.delta_alone
    then = {"delta_factor": alone / found.delta} if found.delta else {"delta": alone}
    return Verdict("doubled", "start", numbers, advice=Advice((_WITHOUT_OUTPUT_ACTIVATION,), then))


def unreachable(evidence: Evidence) -> Verdict | None:
    """The output activation cannot reach the targets with any weights."""
    found, own = evidence.constants, evidence.settings.output_activation
    if own is None or (found.has_link and own in ("softmax", "sigmoid")):
        return None
    if not found.floor > NEGLIGIBLE * found.loss:
        return None
    numbers = {"output_activation": own, "floor": found.floor, "best_constant": found.loss}
    advice = Advice((_WITHOUT_OUTPUT_ACTIVATION,), {"floor": 0.0})
    return Verdict("unreachable", "start", numbers, advice=advice)


def unscaled(evidence: Evidence) -> Verdict | None:
    """The mean square of inputs or numeric targets is far from 1, which initialisations assume."""
    if evidence.settings.standardized or not evidence.fails or saturated_at_start(evidence):
        return None
    low, high = ORDINARY_SQUARE
    target = evidence.data.target_second_moment
    numbers: dict[str, Any] = {}
    if unusual_inputs(evidence):
        numbers["input_second_moment"] = float(np.mean(evidence.data.input_second_moment))
    if target is not None and not low <= target <= high:
        numbers["target_second_moment"] = target
    if not numbers:
        return None
    advice = Advice(("data.standardize=true",), dict.fromkeys(numbers, 1.0))
    return Verdict("unscaled", "start", numbers, advice=advice)


def decayed(evidence: Evidence) -> Verdict | None:
    """Weight decay is stronger than the loss, and had enough steps to shrink the weights."""
    settings = evidence.settings
    if not settings.weight_decay or settings.lr is None or not evidence.fails:
        return None
    pull = decay_pull(evidence)
    shrunk = settings.lr * settings.weight_decay * evidence.n_steps
    if not pull > 1 or shrunk < 1:
        return None
    numbers = {"weight_decay": settings.weight_decay, "pull": pull}
    return Verdict("weight_decay", "start", numbers, advice=Advice(("optimizer.weight_decay=0",)))


def decay_pull(evidence: Evidence) -> float:
    """The part of weight decay in the first update, relative to that of the loss.

    It is λ‖W‖ / ‖G‖ if the decay is added to the gradient, and ηλ‖W‖ / ‖ΔW‖ if it is decoupled
    (Loshchilov & Hutter 2019), with ΔW the update without decay. The mean over seeds; NaN if it
    is not known.
    """
    settings, rows = evidence.settings, evidence.start.rows
    entries = pl.col("fan_in") * pl.col("fan_out")
    square = pl.col("weight_rms") ** 2 * entries
    decay = (settings.lr or 0.0) * settings.weight_decay
    loss = (
        ((pl.col("update_ratio") ** 2 - decay**2).clip(0) * square).sum().sqrt() / decay
        if settings.decoupled_decay
        else (pl.col("weight_grad_norm") ** 2).sum().sqrt() / settings.weight_decay
    )
    pulls = rows.group_by("seed").agg((square.sum().sqrt() / loss).alias("pull"))["pull"]
    known = pulls.drop_nulls().drop_nans()
    return float(known.mean()) if len(known) else math.nan  # type: ignore[arg-type]


def clipped(evidence: Evidence) -> Verdict | None:
    """Gradients are clipped to a negligible share, and updates are too short."""
    clip_norm = evidence.settings.clip_norm
    if clip_norm is None or not evidence.explains_little or not len(evidence.updates):
        return None
    square = pl.col("weight_grad_norm") ** 2 + pl.col("bias_grad_rms") ** 2 * pl.col("fan_out")
    norms = evidence.start.rows.group_by("seed").agg(norm=square.sum().sqrt())["norm"]
    norm = float(norms.drop_nans().mean() or 0.0)  # type: ignore[arg-type]
    if not clip_norm < NEGLIGIBLE * norm or evidence.mean_update > USUAL_UPDATE:
        return None
    numbers = {"clip_norm": clip_norm, "gradient_norm": norm, "update": evidence.mean_update}
    advice = Advice(("trainer.gradient_clip_norm=null",))
    return Verdict("clipping", "training", numbers, advice=advice)


def dropped(evidence: Evidence) -> Verdict | None:
    """Dropout leaves so few units that their sum is mostly noise.

    If a share p of N units is dropped and the rest is divided by 1 − p, a sum over them has noise
    of p / ((1−p) N) relative to its power even if all units are equal. So the share of the signal
    behind all layers is at most the product of 1 / (1 + p / ((1−p) N)). Less than half is a finding
    even if the network does well without dropout.
    """
    p = evidence.theory.dropout
    in_training = median(evidence.fit.explained("train"))
    is_little = evidence.n_steps >= FEWEST_STEPS and in_training < MAJORITY
    if not p or not (is_little or evidence.mostly_diverged):
        return None
    units = np.array(evidence.theory.sizes[1:-1], dtype=np.float64)
    signal = float(np.prod(1 / (1 + p / ((1 - p) * units)))) if p < 1 else 0.0
    works = median(evidence.fit.learnt("validation")) >= MAJORITY  # measured without dropout
    if 1 - signal <= NEGLIGIBLE or (works and signal > MAJORITY):
        return None
    numbers = {"dropout": p, "units_left": (1 - p) * units.min(), "signal": signal}
    return Verdict("dropout", "start", numbers, advice=Advice(("network.dropout=0",)))


def bottleneck(evidence: Evidence) -> Verdict | None:
    """A layer has one or two units, fewer than a universal approximator needs.

    Networks of width max(n_inputs + 1, n_outputs) can approximate any function, and narrower ones
    cannot (Park et al. 2021, arXiv:2006.08859). Little must be explained, of the training part or,
    because the network may memorise it, of the validation part at every epoch.
    """
    sizes = evidence.theory.sizes
    needed = max(sizes[0] + 1, sizes[-1])
    narrow = tuple(
        layer
        for layer, n in enumerate(sizes[1:-1], start=1)
        if n <= BOTTLENECK_UNITS and n < needed
    )
    elsewhere = median(evidence.fit.learnt("validation", at_best_epoch=True))
    is_little = evidence.n_steps >= FEWEST_STEPS and elsewhere < MAJORITY
    if not narrow or not (evidence.explains_little or is_little):
        return None
    hidden = [max(n, DEFAULT_WIDTH) for n in sizes[1:-1]]
    numbers = {"units": min(sizes[1:-1]), "needed": needed}
    advice = Advice((shape(evidence, hidden, "width"),))
    return Verdict("bottleneck", "end", numbers, narrow, advice)
