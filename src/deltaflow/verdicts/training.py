"""What training did, or could not do."""

import math
from typing import Any

import numpy as np
import polars as pl

from deltaflow.verdicts.better_networks import better_network, shape
from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.flow import change
from deltaflow.verdicts.step_sizes import larger_step, smaller_step
from deltaflow.verdicts.thresholds import DECADES, FEWEST_STEPS, KEPT, MAJORITY, USUAL_UPDATE
from deltaflow.verdicts.verdict import Advice, Verdict


def most_diverged(evidence: Evidence) -> Verdict | None:
    """Losses or weights of most seeds are not finite."""
    n_diverged = len(evidence.replicas) - len(evidence.surviving)
    return _diverged(evidence) if n_diverged > MAJORITY * len(evidence.replicas) else None


def some_diverged(evidence: Evidence) -> Verdict | None:
    """Losses or weights of a seed are not finite."""
    return _diverged(evidence) if len(evidence.surviving) < len(evidence.replicas) else None


def _diverged(evidence: Evidence) -> Verdict:
    steps = [r["diverged_at_step"] for r in evidence.replicas if r["status"] == "diverged"]
    n = len(evidence.replicas)
    numbers: dict[str, Any] = {"n_diverged": len(steps), "n_seeds": n, "step": min(steps)}
    if _overflows(evidence):
        return Verdict("divergence", "start", numbers, advice=better_network(evidence))
    if not math.isnan(evidence.first_update):
        numbers["first_update"] = evidence.first_update
    return Verdict("divergence", "training", numbers, advice=smaller_step(evidence))


def doubled(evidence: Evidence) -> Verdict | None:
    """A softmax or sigmoid in front of a loss that has its own."""
    found, own = evidence.constants, evidence.output_activation
    if own not in ("softmax", "sigmoid") or math.isnan(found.floor):
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
    advice = Advice(("network.output_activation=null",), then)
    return Verdict("doubled", "start", numbers, advice=advice)


def violent(evidence: Evidence) -> Verdict | None:
    """A step as long as the weights themselves, or a loss that training made worse."""
    if not len(evidence.updates):
        return None
    row = evidence.updates.row(evidence.updates["length"].arg_max(), named=True)
    losses, best = evidence.losses, evidence.constants.loss
    worse = _is_worse(evidence)
    if row["length"] < 1 and not worse:
        return None
    numbers: dict[str, Any] = {"update": row["length"], "step": row["step"]}
    if worse:
        numbers |= {"first_loss": losses[0], "last_loss": losses[-1], "best_constant": best}
    return Verdict("violent", "training", numbers, (row["layer"],), smaller_step(evidence))


def vanished(evidence: Evidence) -> Verdict | None:
    """δ flowed at the start and no longer does, while most of the loss is left.

    Where little loss is left, few samples have any δ, and what becomes of it is no fault.
    """
    before = evidence.start.decades
    after = evidence.end.decades if evidence.surviving else math.nan
    learnt = evidence.learnt
    if not (abs(before) <= DECADES < after) or learnt is None or learnt > MAJORITY:
        return None
    numbers = change(evidence) | {"decades_at_end": after, "loss_left": 1 - learnt}
    return Verdict("vanishing", "end", numbers, advice=smaller_step(evidence))


def stalled(evidence: Evidence) -> Verdict | None:
    """Nothing was learnt, or not by training, and no weight can have moved far.

    The updates of a layer add up to at least the distance it went, so their mean tells how far
    it cannot have gone.
    """
    losses, n_steps = evidence.losses, evidence.n_steps
    if n_steps < FEWEST_STEPS or not len(evidence.updates) or not len(losses):
        return None
    first, last = float(losses[0]), float(losses[-1])
    if evidence.has_learnt and first - last > KEPT * max(abs(first), abs(evidence.constants.loss)):
        return None
    means = evidence.updates.group_by("layer").agg(pl.col("length").mean())
    pace = float(means["length"].to_numpy().max())
    if pace * n_steps > KEPT or pace > USUAL_UPDATE:
        return None
    numbers = {"update": pace, "n_steps": n_steps, "first_loss": first, "last_loss": last}
    return Verdict("stalled", "training", numbers, advice=larger_step(evidence, pace))


def plateau(evidence: Evidence) -> Verdict | None:
    """Nothing was learnt and nothing is on the way, though gradients flow."""
    losses, best = evidence.losses, evidence.constants.loss
    if evidence.has_learnt or evidence.n_steps < FEWEST_STEPS or not len(evidence.layers):
        return None
    half_way = losses[(len(losses) - 1) // 2]
    if len(losses) > 1 and half_way - losses[-1] > KEPT * abs(best):
        return None
    numbers = change(evidence) | {"last_loss": float(losses[-1]), "best_constant": best}
    cause, advice = _elsewhere(evidence)
    return Verdict("plateau", "end", numbers | {"cause": cause}, advice=advice)


def healthy(evidence: Evidence) -> Verdict | None:
    """What to say of a run without a finding; nothing if there was no flow, or none measured."""
    if not len(evidence.layers):
        return None
    if evidence.depth and math.isnan(evidence.start.decades):
        return None
    numbers = change(evidence) | {"n_steps": evidence.n_steps}
    if evidence.learnt is not None:
        numbers["learnt"] = evidence.learnt
    return Verdict("healthy", "end", numbers)


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


def _elsewhere(evidence: Evidence) -> tuple[str, Advice]:
    """What else may keep a network from learning, and what to try."""
    if not evidence.depth:
        return "no_hidden_layer", Advice((shape(evidence, [32, 32]),))
    moments = evidence.theory.moments
    if np.ptp(moments.slope(np.linspace(-3, 3, 13))) == 0:
        bent = hasattr(moments.activation, "negative_slope")
        other = "activation.negative_slope=0.01" if bent else "activation=relu"
        return "linear_activation", Advice((other,))
    return "unknown", Advice(("debug=overfit",))
