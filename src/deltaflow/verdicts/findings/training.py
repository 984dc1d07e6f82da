"""Findings on the updates of training: divergence, and updates that are too long or too short."""

import math
from typing import Any

import numpy as np
import polars as pl

from deltaflow.verdicts.advice import better_network, longer_training, smaller_step
from deltaflow.verdicts.evidence import Evidence, median
from deltaflow.verdicts.findings.flow import change
from deltaflow.verdicts.thresholds import DECADES, FEWEST_STEPS, NEGLIGIBLE, USUAL_UPDATE
from deltaflow.verdicts.verdict import Advice, Verdict


def most_diverged(evidence: Evidence) -> Verdict | None:
    """The losses or weights of most seeds are not finite."""
    return _diverged(evidence) if evidence.mostly_diverged else None


def some_diverged(evidence: Evidence) -> Verdict | None:
    """The losses or weights of some seed are not finite."""
    return _diverged(evidence) if len(evidence.surviving) < len(evidence.replicas) else None


def _diverged(evidence: Evidence) -> Verdict:
    if evidence.overflows_elsewhere:
        rows = evidence.metrics.filter(split="validation").filter(~pl.col("loss").is_finite())
        part = "validation" if len(rows) else "test"
        loss = float(np.nanmax(evidence.data.final_losses))  # type: ignore[arg-type]
        return Verdict(f"unlike_{part}_rows", "end", {"part": part, "training_loss": loss})
    steps = [r["diverged_at_step"] for r in evidence.replicas if r["status"] == "diverged"]
    numbers: dict[str, Any] = {"n_diverged": len(steps), **evidence.counts, "step": min(steps)}
    if _overflows(evidence):
        return Verdict("divergence", "start", numbers, advice=better_network(evidence))
    if not math.isnan(evidence.first_update):
        numbers["first_update"] = evidence.first_update
    return Verdict("divergence", "training", numbers, advice=smaller_step(evidence))


def violent(evidence: Evidence) -> Verdict | None:
    """Updates are as long as the weights and harm the fit, or the loss is worse than at the start.

    Long updates count if they last, if the loss does not settle, or if little is learnt.
    """
    if not len(evidence.updates):
        return None
    row = evidence.updates.row(evidence.updates["length"].arg_max(), named=True)
    losses, best = evidence.losses, evidence.constants.loss
    worse, late = _is_worse(evidence), evidence.updates.filter(pl.col("step") > 0)
    lasts = len(late) and late["length"].max() >= 1  # type: ignore[operator]
    unsettled = len(losses) > 1 and losses[-1] - losses.min() > NEGLIGIBLE * abs(best)
    elsewhere = median(evidence.fit.learnt("validation"))  # negative if a constant is better
    costs = lasts or unsettled or evidence.explains_little or elsewhere < 0
    if not worse and not (row["length"] >= 1 and costs):
        return None
    numbers: dict[str, Any] = {"update": row["length"], "step": row["step"]}
    if worse:
        numbers |= {"first_loss": losses[0], "last_loss": losses[-1], "best_constant": best}
    return Verdict("violent", "training", numbers, (row["layer"],), smaller_step(evidence))


def vanished(evidence: Evidence) -> Verdict | None:
    """δ does not vanish at the start but at the end, and most of the target is unexplained.

    If most is explained, few samples have a δ, so its profile says little.
    """
    before = evidence.start.decades
    after = evidence.end.decades if evidence.surviving else math.nan
    if not (abs(before) <= DECADES < after and evidence.explains_little):
        return None
    numbers = change(evidence) | {"decades_at_end": after, "explained": evidence.median_explained}
    return Verdict("vanishing", "end", numbers, advice=smaller_step(evidence))


def stalled(evidence: Evidence) -> Verdict | None:
    """The loss has not fallen, and updates are too short to have moved any weight far.

    The mean length of updates times their number bounds the distance that a layer has moved. If
    updates as long as the first would have moved it further, the schedule of the step size is the
    cause.
    """
    losses, n_steps, mean_update = evidence.losses, evidence.n_steps, evidence.mean_update
    if n_steps < FEWEST_STEPS or not len(evidence.updates) or not len(losses):
        return None
    first, last = float(losses[0]), float(losses[-1])
    if evidence.has_learnt and first - last > NEGLIGIBLE * max(
        abs(first), abs(evidence.constants.loss)
    ):
        return None
    if mean_update * n_steps > NEGLIGIBLE or mean_update > USUAL_UPDATE:
        return None
    numbers: dict[str, Any] = {"update": mean_update, "n_steps": n_steps}
    numbers |= {"first_loss": first, "last_loss": last}
    at_first = evidence.first_length
    if evidence.settings.scheduled and at_first * n_steps > NEGLIGIBLE:
        numbers["first_update"] = at_first
        advice = Advice(("scheduler=constant",), {"update": at_first})
    else:
        advice = longer_training(evidence, 1 / (mean_update * n_steps) if mean_update else math.inf)
    return Verdict("stalled", "training", numbers, advice=advice)


def _overflows(evidence: Evidence) -> bool:
    """Whether seeds overflowed before the first update, so that no step size helps."""
    lost = [r["seed"] for r in evidence.replicas if r["diverged_at_step"] == 0]
    rows = evidence.start.output.filter(pl.col("seed").is_in(lost))
    return bool(evidence.depth and len(rows)) and not rows["delta_norm"].is_finite().any()


def _is_worse(evidence: Evidence) -> bool:
    """Whether the loss ends above that of the first epoch and above the best constant's."""
    losses, best = evidence.losses, evidence.constants.loss
    if len(losses) < 2 or not math.isfinite(losses[-1]) or math.isnan(best):
        return False
    return bool(losses[-1] > max(losses[0], best) + NEGLIGIBLE * abs(best))
