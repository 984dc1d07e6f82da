"""Findings on the result of a run: undertrained, overfitted, memorised, partial, healthy."""

import math
from typing import Any

import numpy as np

from deltaflow.verdicts.advice import longer_training, nonlinear_network, shape
from deltaflow.verdicts.evidence import Evidence, fall, median
from deltaflow.verdicts.findings.flow import change
from deltaflow.verdicts.thresholds import (
    DEFAULT_WIDTH,
    FEWEST_STEPS,
    LONG_UPDATE,
    MAJORITY,
    NEGLIGIBLE,
    ORDER_OF_MAGNITUDE,
)
from deltaflow.verdicts.verdict import Advice, Verdict

_BY_HEART = 16  # number of rows of debug=overfit


def undertrained(evidence: Evidence) -> Verdict | None:
    """The loss still falls at the end, and training was too short.

    Either the fall has not settled, or no layer can have moved by the length of its weights. If
    most of the loss is gone already, both must hold, and the fall must be neither negligible nor
    enough to end in as many steps. The validation loss must fall as well, because memorising rows
    takes long.
    """
    losses, best = evidence.losses, evidence.constants.loss
    falls, goes_on = fall(losses)
    is_near = evidence.mean_update * evidence.n_steps < 1
    matters = NEGLIGIBLE * best < falls < losses[-1:].sum()  # as many steps again leave some
    if evidence.median_loss_fall >= MAJORITY:
        is_early = goes_on and is_near and matters
    else:
        is_early = goes_on or is_near
    if not falls or not is_early or not _validation_falls_too(evidence, falls):
        return None
    numbers = {"fall": falls, "last_loss": float(losses[-1]), "n_steps": evidence.n_steps}
    if not math.isnan(evidence.mean_update):
        numbers["update"] = evidence.mean_update
    return Verdict("undertrained", "end", numbers, advice=_longer_training(evidence, falls))


def by_heart(evidence: Evidence) -> Verdict | None:
    """The network has memorised training rows, and never beats a constant on other rows."""
    learnt = median(evidence.fit.learnt("train"))
    held_out = median(evidence.fit.learnt("validation", at_best_epoch=True))
    if math.isnan(held_out):
        held_out = median(evidence.fit.learnt("test"))
    if evidence.n_steps < FEWEST_STEPS or not (learnt > NEGLIGIBLE and held_out <= NEGLIGIBLE):
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
    """The validation loss was good, and is worse than a constant's at the end.

    The training loss must have fallen; otherwise the validation loss changes by chance.
    """
    if not evidence.has_learnt:
        return None
    final = median(evidence.fit.explained("validation"))
    best = median(evidence.fit.explained("validation", at_best_epoch=True))
    if not (final <= 0 and best > NEGLIGIBLE):
        return None
    return _overfitting(evidence, {"explained_at_best": best, "explained_at_end": final})


def overfitting(evidence: Evidence) -> Verdict | None:
    """The validation loss rises again by more than a negligible share of the best constant's."""
    losses, best = evidence.fit.losses("validation"), evidence.constants.loss
    if len(losses) < 2 or not np.isfinite(losses).all():
        return None
    return (
        _overfitting(evidence, {}) if losses[-1] - losses.min() > NEGLIGIBLE * abs(best) else None
    )


def unlike_rows(evidence: Evidence) -> Verdict | None:
    """One of the validation and test parts is not explained, and the other is.

    Or the loss of the one is another order of magnitude than the best constant's, while the other's
    is below it.
    """
    fit, parts = evidence.fit, ("validation", "test")
    explained, learnt = ({part: median(share(part)) for part in parts}
                         for share in (fit.explained, fit.learnt))  # fmt: skip
    for other, part in (parts, parts[::-1]):
        is_lost = learnt[other] > 0 and 1 - learnt[part] > ORDER_OF_MAGNITUDE
        if is_lost or (explained[other] > MAJORITY and explained[part] <= 0):
            losses = {f"{name}_loss": float(fit.losses(name)[-1]) for name in parts}
            return Verdict(f"unlike_{part}_rows", "end", {"part": part} | losses)
    return None


def plateau(evidence: Evidence) -> Verdict | None:
    """The loss has not fallen and does not fall, though gradients flow."""
    if evidence.has_learnt or evidence.n_steps < FEWEST_STEPS or not len(evidence.layers):
        return None
    losses, best = evidence.losses, evidence.constants.loss
    on_its_way = losses[(len(losses) - 1) // 2] - losses[-1] if len(losses) > 1 else 0.0
    if on_its_way > NEGLIGIBLE * abs(best) and _validation_falls_too(evidence, on_its_way):
        return None
    numbers = change(evidence) | {"last_loss": float(losses[-1]), "best_constant": best}
    cause, advice = _other_cause(evidence)
    return Verdict("plateau", "end", numbers | {"cause": cause}, advice=advice)


def missed_class(evidence: Evidence) -> Verdict | None:
    """Most seeds never predict a class that has less than half of an equal share of the rows."""
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
    """Gradients flow, and most of the target is unexplained; the loss may still fall."""
    if not evidence.explains_little or not _has_flow(evidence):
        return None
    numbers, (falls, _) = change(evidence) | _result(evidence), fall(evidence.losses)
    if not falls or not _validation_falls_too(evidence, falls):
        return Verdict("partial", "end", numbers)
    numbers["fall"] = falls
    return Verdict("partial", "end", numbers, advice=_longer_training(evidence, falls))


def healthy(evidence: Evidence) -> Verdict | None:
    """Gradients flow, and there is no finding; ``None`` if the flow was not measured or is 0."""
    if not _has_flow(evidence):
        return None
    return Verdict("healthy", "end", change(evidence) | _result(evidence))


def _longer_training(evidence: Evidence, falls: float) -> Advice:
    """Step size and epochs with which training reaches its end.

    The loss is assumed to fall in proportion to what is left of it, at the rate of the second half
    of training. Layers must move at least by the length of their weights.
    """
    left = float(evidence.losses[-1]) / (2 * falls)  # in units of this training's length
    times = 1 + math.log(1 / NEGLIGIBLE) * left
    moved = evidence.mean_update * evidence.n_steps
    return longer_training(evidence, max(times, 1 / moved) if moved > 0 else times)


def _validation_falls_too(evidence: Evidence, falls: float) -> bool:
    """Whether the validation loss falls at least half as much, or there is no validation part."""
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
    if not math.isnan(evidence.median_explained):
        numbers["explained"] = evidence.median_explained
    if found := evidence.fit.metric():
        name, value = found
        numbers[name] = value
        if name == "accuracy" and evidence.fit.majority is not None:
            numbers["majority"] = evidence.fit.majority
    return numbers


def _has_flow(evidence: Evidence) -> bool:
    return bool(len(evidence.layers)) and not (
        evidence.depth and math.isnan(evidence.start.decades)
    )


def _other_cause(evidence: Evidence) -> tuple[str, Advice | None]:
    """Another cause that keeps a network from learning, and advice."""
    if not evidence.depth:
        return "no_hidden_layer", Advice((shape(evidence, [DEFAULT_WIDTH] * 2),))
    moments = evidence.theory.moments
    if np.ptp(moments.slope(np.linspace(-3, 3, 13))) == 0:
        bent = hasattr(moments.activation, "negative_slope")
        if bent:
            return "linear_activation", Advice(("activation.negative_slope=0.01",))
        return "linear_activation", nonlinear_network(evidence)
    if evidence.settings.label_noise >= MAJORITY:
        return "label_noise", Advice(("data.label_noise=0",))
    if evidence.data.n_rows <= _BY_HEART:
        return "few_rows", None
    if evidence.settings.scheduled and evidence.mean_update < MAJORITY * evidence.first_length:
        return "schedule", Advice(("scheduler=constant",), {"update": evidence.first_length})
    if evidence.mean_update < LONG_UPDATE / 2 and evidence.settings.lr is not None:
        return "short_steps", longer_training(evidence, LONG_UPDATE / evidence.mean_update)
    return "unknown", Advice(("debug=overfit",))
