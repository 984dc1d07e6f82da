"""What came out: networks that learnt too little, too long, or by heart; and the sound ones."""

import math
from typing import Any

import numpy as np

from deltaflow.verdicts.advice import bent_network, further, shape
from deltaflow.verdicts.evidence import Evidence, fall, median
from deltaflow.verdicts.findings.flow import change
from deltaflow.verdicts.thresholds import (
    ANOTHER_ORDER,
    DEFAULT_WIDTH,
    FEWEST_STEPS,
    KEPT,
    LONG_UPDATE,
    MAJORITY,
)
from deltaflow.verdicts.verdict import Advice, Verdict

_BY_HEART = 16  # rows of debug=overfit


def undertrained(evidence: Evidence) -> Verdict | None:
    """The loss still falls at the end, by much or because most of it is left.

    Its descent goes on, or no layer can have moved by the length of its weights yet. Where most of
    the loss is gone already, both must hold, the fall be worth something, and more be left. Other
    rows must share in it, since rows that are learnt by heart take long.
    """
    losses, best = evidence.losses, evidence.constants.loss
    falls, goes_on = fall(losses)
    is_near = evidence.pace * evidence.n_steps < 1
    matters = KEPT * best < falls < losses[-1:].sum()  # as long again does not take away the rest
    if evidence.loss_gone >= MAJORITY:
        is_early = goes_on and is_near and matters
    else:
        is_early = goes_on or is_near
    if not falls or not is_early or not _is_shared(evidence, falls):
        return None
    numbers = {"fall": falls, "last_loss": float(losses[-1]), "n_steps": evidence.n_steps}
    if not math.isnan(evidence.pace):
        numbers["update"] = evidence.pace
    return Verdict("undertrained", "end", numbers, advice=_onwards(evidence, falls))


def by_heart(evidence: Evidence) -> Verdict | None:
    """The network explains training rows, and never other rows better than a constant."""
    learnt = median(evidence.fit.learnt("train"))
    held_out = median(evidence.fit.learnt("validation", at_best_epoch=True))
    if math.isnan(held_out):
        held_out = median(evidence.fit.learnt("test"))
    if evidence.n_steps < FEWEST_STEPS or not (learnt > KEPT and held_out <= KEPT):
        return None
    settings, numbers = evidence.settings, {"explained": learnt, "explained_elsewhere": held_out}
    advice = None
    if settings.label_noise:
        numbers["label_noise"] = settings.label_noise
        advice = Advice(("data.label_noise=0",))
    elif settings.rows_left_out:
        advice = Advice(("data.train_rows=null",))
    return Verdict("by_heart", "end", numbers, advice=advice)


def overfitted(evidence: Evidence) -> Verdict | None:
    """Training went on until a constant would have done better on other rows.

    What has learnt nothing of its own rows has not learnt them by heart: such validation losses
    go up and down by chance.
    """
    if not evidence.has_learnt:
        return None
    final = median(evidence.fit.explained("validation"))
    best = median(evidence.fit.explained("validation", at_best_epoch=True))
    if not (final <= 0 and best > KEPT):
        return None
    return _overfitting(evidence, {"explained_at_best": best, "explained_at_end": final})


def overfitting(evidence: Evidence) -> Verdict | None:
    """The validation loss turned upwards, by a part of the best constant output's."""
    losses, best = evidence.fit.losses("validation"), evidence.constants.loss
    if len(losses) < 2 or not np.isfinite(losses).all():
        return None
    return _overfitting(evidence, {}) if losses[-1] - losses.min() > KEPT * abs(best) else None


def unlike_rows(evidence: Evidence) -> Verdict | None:
    """Test rows that the network does not explain, or is lost on, unlike validation rows; or so.

    Lost is one whose loss is of another order than the best constant output's there, and below it
    on the other rows.
    """
    fit, parts = evidence.fit, ("validation", "test")
    explained, learnt = ({part: median(share(part)) for part in parts}
                         for share in (fit.explained, fit.learnt))  # fmt: skip
    for other, part in (parts, parts[::-1]):
        is_lost = learnt[other] > 0 and 1 - learnt[part] > ANOTHER_ORDER
        if is_lost or (explained[other] > MAJORITY and explained[part] <= 0):
            losses = {f"{name}_loss": float(fit.losses(name)[-1]) for name in parts}
            return Verdict(f"unlike_{part}_rows", "end", {"part": part} | losses)
    return None


def plateau(evidence: Evidence) -> Verdict | None:
    """Nothing was learnt and nothing is on the way, though gradients flow."""
    if evidence.has_learnt or evidence.n_steps < FEWEST_STEPS or not len(evidence.layers):
        return None
    losses, best = evidence.losses, evidence.constants.loss
    on_its_way = losses[(len(losses) - 1) // 2] - losses[-1] if len(losses) > 1 else 0.0
    if on_its_way > KEPT * abs(best) and _is_shared(evidence, on_its_way):
        return None
    numbers = change(evidence) | {"last_loss": float(losses[-1]), "best_constant": best}
    cause, advice = _elsewhere(evidence)
    return Verdict("plateau", "end", numbers | {"cause": cause}, advice=advice)


def missed_class(evidence: Evidence) -> Verdict | None:
    """A class with less than half of an equal share of the rows, which most seeds never predict."""
    counts, predicted = evidence.data.class_counts, evidence.data.predicted_counts
    if counts is None or predicted is None or evidence.n_steps < FEWEST_STEPS:
        return None
    kept = [r["seed"] in evidence.surviving for r in evidence.replicas]
    rare = (counts > 0) & (counts < MAJORITY * counts.mean())
    missed = rare & ((predicted[kept] == 0).mean(0) > MAJORITY)
    if not missed.any():
        return None
    which = int(np.argmin(np.where(missed, counts, np.inf)))
    share = float(counts[which] / counts.sum())
    numbers: dict[str, Any] = {"n_missed": int(missed.sum()), "share": share, "class": which}
    advice = None
    if len(counts) == 2:
        threshold = share if which == 1 else 1 - share
        advice = Advice(("loss=bce", f"loss.threshold={threshold:.1g}"))
    return Verdict("missed_class", "end", numbers, advice=advice)


def partial(evidence: Evidence) -> Verdict | None:
    """Gradients flow, and most of the target is left unexplained; the loss may still fall."""
    if not evidence.explains_little or not _has_flow(evidence):
        return None
    numbers, (falls, _) = change(evidence) | _result(evidence), fall(evidence.losses)
    if not falls or not _is_shared(evidence, falls):
        return Verdict("partial", "end", numbers)
    numbers["fall"] = falls
    return Verdict("partial", "end", numbers, advice=_onwards(evidence, falls))


def healthy(evidence: Evidence) -> Verdict | None:
    """What to say of a run without a finding; nothing if there was no flow, or none measured."""
    if not _has_flow(evidence):
        return None
    return Verdict("healthy", "end", change(evidence) | _result(evidence))


def _onwards(evidence: Evidence, falls: float) -> Advice:
    """Steps and epochs that lead to the end, and layers by the length of their weights at least.

    A loss falls in proportion to what is left of it; but what it loses at first, by one constant
    output in place of another, says nothing of what it must learn then.
    """
    left = float(evidence.losses[-1]) / (2 * falls)  # trainings as long as this one
    times = 1 + math.log(1 / KEPT) * left
    moved = evidence.pace * evidence.n_steps
    return further(evidence, max(times, 1 / moved) if moved > 0 else times)


def _is_shared(evidence: Evidence, falls: float) -> bool:
    """Whether validation rows have at least half of a fall of the training loss, or are none."""
    others = evidence.fit.losses("validation")
    return not len(others) or fall(others)[0] >= MAJORITY * falls


def _overfitting(evidence: Evidence, numbers: dict[str, Any]) -> Verdict:
    losses = evidence.fit.losses("validation")
    epoch = int(np.nanargmin(losses))
    numbers |= {"best_loss": float(losses[epoch]), "last_loss": float(losses[-1])}
    numbers |= {"best_epoch": epoch, "n_epochs": len(losses)}
    advice = Advice((f"trainer.max_epochs={epoch + 1}",))
    return Verdict("overfitting", "end", numbers, advice=advice)


def _result(evidence: Evidence) -> dict[str, Any]:
    numbers: dict[str, Any] = {"n_steps": evidence.n_steps}
    if not math.isnan(evidence.typical):
        numbers["explained"] = evidence.typical
    if found := evidence.fit.metric("train"):
        name, value = found
        numbers[name] = value
        if name == "accuracy" and evidence.fit.majority is not None:
            numbers["majority"] = evidence.fit.majority
    return numbers


def _has_flow(evidence: Evidence) -> bool:
    return bool(len(evidence.layers)) and not (
        evidence.depth and math.isnan(evidence.start.decades)
    )


def _elsewhere(evidence: Evidence) -> tuple[str, Advice | None]:
    """What else may keep a network from learning, and what to try."""
    if not evidence.depth:
        return "no_hidden_layer", Advice((shape(evidence, [DEFAULT_WIDTH] * 2),))
    moments = evidence.theory.moments
    if np.ptp(moments.slope(np.linspace(-3, 3, 13))) == 0:
        bent = hasattr(moments.activation, "negative_slope")
        if bent:
            return "linear_activation", Advice(("activation.negative_slope=0.01",))
        return "linear_activation", bent_network(evidence)
    if evidence.settings.label_noise >= MAJORITY:
        return "label_noise", Advice(("data.label_noise=0",))
    if evidence.data.n_rows <= _BY_HEART:
        return "few_rows", None
    if evidence.settings.scheduled and evidence.pace < MAJORITY * evidence.first_length:
        return "schedule", Advice(("scheduler=constant",), {"update": evidence.first_length})
    if evidence.pace < LONG_UPDATE / 2 and evidence.settings.lr is not None:
        return "short_steps", further(evidence, LONG_UPDATE / evidence.pace)
    return "unknown", Advice(("debug=overfit",))
