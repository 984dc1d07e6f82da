"""What training did, or could not do."""

import math

import numpy as np
import polars as pl

from deltaflow.verdicts.case import DECADES, FEWEST_STEPS, KEPT, MAJORITY, Case
from deltaflow.verdicts.remedies import remedy, shape
from deltaflow.verdicts.steps import USUAL, larger_step, smaller_step


def most_diverged(case: Case) -> str | None:
    """Losses or weights of most seeds are not finite."""
    n_diverged = len(case.replicas) - len(case.going)
    return _diverged(case) if n_diverged > MAJORITY * len(case.replicas) else None


def some_diverged(case: Case) -> str | None:
    """Losses or weights of a seed are not finite."""
    return _diverged(case) if len(case.going) < len(case.replicas) else None


def _diverged(case: Case) -> str:
    steps = [r["diverged_at_step"] for r in case.replicas if r["status"] == "diverged"]
    n = len(case.replicas)
    who = "the network" if n == 1 else f"{len(steps)} of {n} seeds"
    moved = "" if math.isnan(case.first_update) else (
        f", after a first update {case.first_update:.2g} of the weights' length"
    )  # fmt: skip
    found = f"Training diverges: loss or weights of {who} are not finite from step {min(steps)} on"
    if _overflows(case):
        return f"{found}, since signals overflow before any update. {remedy(case)}"
    return f"{found}{moved}. {smaller_step(case)}"


def doubled(case: Case) -> str | None:
    """A softmax or sigmoid in front of a loss that has its own."""
    found = case.constants
    if case.output_activation not in ("softmax", "sigmoid") or math.isnan(found.floor):
        return None
    first = case.start.output["delta_rms"].drop_nans().to_numpy()
    measured = f"δ is {first.mean():.2g} at the output, where " if len(first) else ""
    then = f"×{found.delta_alone / found.delta:.2g}" if found.delta else f"{found.delta_alone:.2g}"
    return (
        f"The output has a {case.output_activation} and the loss has its own: {measured}theory "
        f"gives δ = {found.delta:.2g} for both and {found.delta_alone:.2g} for one, and the loss "
        f"cannot fall below {found.floor:.2g}. Try network.output_activation=null, predicted "
        f"δ {then}."
    )


def violent(case: Case) -> str | None:
    """A step as long as the weights themselves, or a loss that training made worse."""
    if not len(case.updates):
        return None
    row = case.updates.row(case.updates["length"].arg_max(), named=True)
    worse = _worse(case)
    if row["length"] < 1 and not worse:
        return None
    return (
        f"Updates are violent: {worse}at step {row['step']} layer {row['layer']} moved by "
        f"{row['length']:.2g} of its weights' length. {smaller_step(case)}"
    )


def vanished(case: Case) -> str | None:
    """δ flowed at the start and no longer does, while most of the loss is left.

    Where little loss is left, few samples have any δ, and what becomes of it is no fault.
    """
    before, after = case.start.decades, case.end.decades if case.going else math.nan
    if not (abs(before) <= DECADES < after) or case.learnt is None or case.learnt > MAJORITY:
        return None
    share = f"{1 - case.learnt:.0%} of the loss of the best constant output is left"
    return (
        f"Gradients come to vanish in training: δ loses {after:.1f} decades over {case.depth} "
        f"hidden layers at the end, {before:.1f} at the start, and {share}. {smaller_step(case)}"
    )


def stalled(case: Case) -> str | None:
    """Nothing was learnt, or not by training, and no weight can have moved far.

    The updates of a layer add up to at least the distance it went, so their mean tells how far
    it cannot have gone.
    """
    if case.n_steps < FEWEST_STEPS or not len(case.updates) or not len(case.losses):
        return None
    first, last = case.losses[0], case.losses[-1]
    if case.has_learnt and first - last > KEPT * max(abs(first), abs(case.constants.loss)):
        return None
    means = case.updates.group_by("layer").agg(pl.col("length").mean())
    pace = float(means["length"].to_numpy().max())
    if pace * case.n_steps > KEPT or pace > USUAL:
        return None
    return (
        f"Updates stall: {pace:.1g} of the weights' length a step ({USUAL:g} is usual), so "
        f"{case.n_steps} steps moved no layer by more than {pace * case.n_steps:.1g} of it, and "
        f"the loss went from {first:.3g} to {last:.3g}. {larger_step(case, pace)}"
    )


def plateau(case: Case) -> str | None:
    """Nothing was learnt and nothing is on the way, though gradients flow."""
    losses = case.losses
    if case.has_learnt or case.n_steps < FEWEST_STEPS or not len(case.layers):
        return None
    half_way = losses[(len(losses) - 1) // 2]
    if len(losses) > 1 and half_way - losses[-1] > KEPT * abs(case.constants.loss):
        return None
    rate = case.start.rate
    flow = "" if math.isnan(rate) else f" (δ changes ×{rate:.3g} per layer going back)"
    return (
        f"The loss stays where it was although gradients flow{flow}: {losses[-1]:.3g} at the end, "
        f"and {case.constants.loss:.3g} is what the best constant output has. The cause lies "
        f"elsewhere. {_elsewhere(case)}"
    )


def _overflows(case: Case) -> bool:
    """Whether seeds that diverged first did so before they had moved: no step size helps that."""
    lost = [r["seed"] for r in case.replicas if r["diverged_at_step"] == 0]
    rows = case.start.output.filter(pl.col("seed").is_in(lost))
    return bool(case.depth and len(rows)) and not rows["delta_norm"].is_finite().any()


def _worse(case: Case) -> str:
    """How training made the loss worse than it began, and than a constant; empty if not."""
    losses, best = case.losses, case.constants.loss
    if len(losses) < 2 or not math.isfinite(losses[-1]) or math.isnan(best):
        return ""
    if losses[-1] <= max(losses[0], best) + KEPT * abs(best):
        return ""
    return (
        f"the loss ends at {losses[-1]:.3g}, having begun at {losses[0]:.3g} (the best constant "
        f"output has {best:.3g}), and "
    )


def _elsewhere(case: Case) -> str:
    if not case.depth:
        return f"Without a hidden layer it is a linear model: try {shape(case, [32, 32])}."
    moments = case.theory.moments
    if np.ptp(moments.slope(np.linspace(-3, 3, 13))) == 0:
        bent = hasattr(moments.activation, "negative_slope")
        other = "activation.negative_slope=0.01" if bent else "activation=relu"
        return f"φ is linear, so all layers are one linear map in theory: try {other}."
    return (
        "Look at data and labels: try debug=overfit, sixteen rows that a sound network learns by "
        "heart."
    )
