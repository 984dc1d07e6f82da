"""What training did, or could not do."""

import math
from typing import Any

import numpy as np
import polars as pl

from deltaflow.verdicts.advice import better_network, further, smaller_step
from deltaflow.verdicts.evidence import Evidence, median
from deltaflow.verdicts.findings.flow import change
from deltaflow.verdicts.thresholds import DECADES, FEWEST_STEPS, KEPT, USUAL_UPDATE
from deltaflow.verdicts.verdict import Advice, Verdict


def most_diverged(evidence: Evidence) -> Verdict | None:
    """Losses or weights of most seeds are not finite."""
    return _diverged(evidence) if evidence.mostly_diverged else None


def some_diverged(evidence: Evidence) -> Verdict | None:
    """Losses or weights of a seed are not finite."""
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
    """Steps as long as the weights that cost the network its fit, or last, or made it worse."""
    if not len(evidence.updates):
        return None
    row = evidence.updates.row(evidence.updates["length"].arg_max(), named=True)
    losses, best = evidence.losses, evidence.constants.loss
    worse, late = _is_worse(evidence), evidence.updates.filter(pl.col("step") > 0)
    lasts = len(late) and late["length"].max() >= 1  # type: ignore[operator]
    unsettled = len(losses) > 1 and losses[-1] - losses.min() > KEPT * abs(best)
    elsewhere = median(evidence.fit.learnt("validation"))  # below 0 a constant does better
    costs = lasts or unsettled or evidence.explains_little or elsewhere < 0
    if not worse and not (row["length"] >= 1 and costs):
        return None
    numbers: dict[str, Any] = {"update": row["length"], "step": row["step"]}
    if worse:
        numbers |= {"first_loss": losses[0], "last_loss": losses[-1], "best_constant": best}
    return Verdict("violent", "training", numbers, (row["layer"],), smaller_step(evidence))


def vanished(evidence: Evidence) -> Verdict | None:
    """δ flowed at the start and no longer does, while most of the target is unexplained.

    Where little is left, few samples have any δ, and what becomes of it is no fault.
    """
    before = evidence.start.decades
    after = evidence.end.decades if evidence.surviving else math.nan
    if not (abs(before) <= DECADES < after and evidence.explains_little):
        return None
    numbers = change(evidence) | {"decades_at_end": after, "explained": evidence.typical}
    return Verdict("vanishing", "end", numbers, advice=smaller_step(evidence))


def stalled(evidence: Evidence) -> Verdict | None:
    """Nothing was learnt, or not by training, and no weight can have moved far.

    The updates of a layer add up to at least the distance it went, so their mean tells how far
    it cannot have gone. Where updates as long as the first would have led further, it is the
    schedule of the step size that ends them.
    """
    losses, n_steps, pace = evidence.losses, evidence.n_steps, evidence.pace
    if n_steps < FEWEST_STEPS or not len(evidence.updates) or not len(losses):
        return None
    first, last = float(losses[0]), float(losses[-1])
    if evidence.has_learnt and first - last > KEPT * max(abs(first), abs(evidence.constants.loss)):
        return None
    if pace * n_steps > KEPT or pace > USUAL_UPDATE:
        return None
    numbers: dict[str, Any] = {"update": pace, "n_steps": n_steps}
    numbers |= {"first_loss": first, "last_loss": last}
    at_first = evidence.first_length
    if evidence.settings.scheduled and at_first * n_steps > KEPT:
        numbers["first_update"] = at_first
        advice = Advice(("scheduler=constant",), {"update": at_first})
    else:
        advice = further(evidence, 1 / (pace * n_steps) if pace else math.inf)
    return Verdict("stalled", "training", numbers, advice=advice)


def _overflows(evidence: Evidence) -> bool:
    """Whether seeds that diverged first did so before they had moved: no step size helps that."""
    lost = [r["seed"] for r in evidence.replicas if r["diverged_at_step"] == 0]
    rows = evidence.start.output.filter(pl.col("seed").is_in(lost))
    return bool(evidence.depth and len(rows)) and not rows["delta_norm"].is_finite().any()


def _is_worse(evidence: Evidence) -> bool:
    """Whether training made the loss worse than it began, and than a constant."""
    losses, best = evidence.losses, evidence.constants.loss
    if len(losses) < 2 or not math.isfinite(losses[-1]) or math.isnan(best):
        return False
    return bool(losses[-1] > max(losses[0], best) + KEPT * abs(best))
