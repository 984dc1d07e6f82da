"""Settings that keep a network from learning: what they do, by closed form or by measurement.

Each is suspected of a network that explains little, but for an output that cannot reach the
targets, which costs whatever is learnt.
"""

import math
from typing import Any

import numpy as np
import polars as pl

from deltaflow.verdicts.advice import shape, unusual_inputs
from deltaflow.verdicts.evidence import Evidence, median
from deltaflow.verdicts.findings.units import saturated_at_start
from deltaflow.verdicts.thresholds import (
    DEFAULT_WIDTH,
    FEWEST_NUMBERS,
    FEWEST_STEPS,
    KEPT,
    MAJORITY,
    ORDINARY_SQUARE,
    USUAL_UPDATE,
)
from deltaflow.verdicts.verdict import Advice, Verdict

_WITHOUT_OUTPUT_ACTIVATION = "network.output_activation=null"


def doubled(evidence: Evidence) -> Verdict | None:
    """A softmax or sigmoid in front of a loss that has its own."""
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
    """An activation on the output that keeps it from the targets, whatever the weights."""
    found, own = evidence.constants, evidence.settings.output_activation
    if own is None or (found.has_link and own in ("softmax", "sigmoid")):
        return None
    if not found.floor > KEPT * found.loss:
        return None
    numbers = {"output_activation": own, "floor": found.floor, "best_constant": found.loss}
    advice = Advice((_WITHOUT_OUTPUT_ACTIVATION,), {"floor": 0.0})
    return Verdict("unreachable", "start", numbers, advice=advice)


def unscaled(evidence: Evidence) -> Verdict | None:
    """Inputs or numeric targets of a size that no initialisation reckons with."""
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
    """A weight decay that pulls harder than the loss does, and has had the time to."""
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
    """What weight decay adds to the first update, relative to what the loss adds.

    For decay in the gradient that is λ‖W‖ / ‖G‖. Decoupled from it (Loshchilov & Hutter 2019), it
    is ηλ‖W‖ / ‖ΔW‖, the update without the decay. The mean over seeds; NaN if unknown.
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
    """Gradients cut to so little that updates are too short for want of it."""
    clip_norm = evidence.settings.clip_norm
    if clip_norm is None or not evidence.explains_little or not len(evidence.updates):
        return None
    square = pl.col("weight_grad_norm") ** 2 + pl.col("bias_grad_rms") ** 2 * pl.col("fan_out")
    norms = evidence.start.rows.group_by("seed").agg(norm=square.sum().sqrt())["norm"]
    norm = float(norms.drop_nans().mean() or 0.0)  # type: ignore[arg-type]
    if not clip_norm < KEPT * norm or evidence.pace > USUAL_UPDATE:
        return None
    numbers = {"clip_norm": clip_norm, "gradient_norm": norm, "update": evidence.pace}
    advice = Advice(("trainer.gradient_clip_norm=null",))
    return Verdict("clipping", "training", numbers, advice=advice)


def dropped(evidence: Evidence) -> Verdict | None:
    """Dropout that leaves so few units that their sum is noise.

    Where a share p of N units is left out and the rest divided by 1 − p, a sum over them has noise
    of p / ((1−p) N) of its power even if all units agree, so that what is left of the signal after
    the layers is at most the product of 1 / (1 + p / ((1−p) N)). Less than half is too little even
    for a network that does well without the noise.
    """
    p = evidence.theory.dropout
    in_training = median(evidence.fit.explained("train"))
    is_little = evidence.n_steps >= FEWEST_STEPS and in_training < MAJORITY
    if not p or not (is_little or evidence.mostly_diverged):
        return None
    units = np.array(evidence.theory.sizes[1:-1], dtype=np.float64)
    signal = float(np.prod(1 / (1 + p / ((1 - p) * units)))) if p < 1 else 0.0
    works = median(evidence.fit.learnt("validation")) >= MAJORITY  # where there is no noise
    if 1 - signal <= KEPT or (works and signal > MAJORITY):
        return None
    numbers = {"dropout": p, "units_left": (1 - p) * units.min(), "signal": signal}
    return Verdict("dropout", "start", numbers, advice=Advice(("network.dropout=0",)))


def bottleneck(evidence: Evidence) -> Verdict | None:
    """A layer of one or two units, fewer than the network needs to be able to learn anything.

    Networks of width max(n_inputs + 1, n_outputs) approximate any function, and narrower ones do
    not (Park et al. 2021, arXiv:2006.08859). Such a network may have the training rows by heart,
    so little is explained too if at no epoch half of the loss of other rows is gone.
    """
    sizes = evidence.theory.sizes
    needed = max(sizes[0] + 1, sizes[-1])
    narrow = tuple(
        layer for layer, n in enumerate(sizes[1:-1], start=1) if n <= FEWEST_NUMBERS and n < needed
    )
    elsewhere = median(evidence.fit.learnt("validation", at_best_epoch=True))
    is_little = evidence.n_steps >= FEWEST_STEPS and elsewhere < MAJORITY
    if not narrow or not (evidence.explains_little or is_little):
        return None
    hidden = [max(n, DEFAULT_WIDTH) for n in sizes[1:-1]]
    numbers = {"units": min(sizes[1:-1]), "needed": needed}
    advice = Advice((shape(evidence, hidden, "width"),))
    return Verdict("bottleneck", "end", numbers, narrow, advice)
