"""Gradients at the start of training: do they vanish, explode, or flow?"""

import math

from deltaflow.verdicts.case import DECADES, KEPT, Case
from deltaflow.verdicts.remedies import narrow, remedy

_APART = 0.999  # correlation below which two inputs end up with a distance


def chaotic(case: Case) -> str | None:
    """Weights so wide that inputs part, and δ grows on its way back.

    Beyond the trainable depth nothing is left of how alike two inputs were (Schoenholz et al.
    2017); a δ that is measured to explode is enough as well.
    """
    fields = case.fields
    if fields is None or not _is_chaotic(case) or math.isnan(case.start.decades):
        return None
    deepest = fields["trainable_depth"]
    beyond = f", of which {deepest:.0f} are trainable" if case.depth > deepest else ""
    return (
        f"Chaotic phase: inputs part (theory: χ₁ = {fields['chi']:.3g}, c* = {fields['c']:.2g}), "
        f"and {_change(case)}, {-case.start.decades:.1f} decades over {case.depth} hidden layers"
        f"{beyond}. {remedy(case)}"
    )


def exploding(case: Case) -> str | None:
    """δ is e³ times as long in the first hidden layer as in the last, or more."""
    if _is_chaotic(case) or not case.start.decades < -DECADES:
        return None
    return f"Gradients explode: {_change(case)}, {_lost(case)}. {narrow(case) or remedy(case)}"


def hidden_vanishing(case: Case) -> str | None:
    """δ vanishes and weight gradients do not show it.

    Where biases are 0, the signals that a rectifier loses going forward cancel what δ loses
    going back. Seen is less than half of it, in decades.
    """
    if not (_vanishes(case) and _is_hidden(case)):
        return None
    return (
        f"Gradients vanish unseen: {_change(case)}, {_lost(case)}, while weight gradients stay "
        f"within {max(abs(case.start.weight_decades), 0.1):.1f}{_made_up(case)}. "
        f"{narrow(case) or remedy(case)}"
    )


def vanishing(case: Case) -> str | None:
    """δ in the first hidden layer is e⁻³ of that in the last, or less."""
    if not _vanishes(case) or _is_hidden(case):
        return None
    return (
        f"Gradients vanish: {_change(case)}, {_lost(case)}{_made_up(case)}. "
        f"{narrow(case) or remedy(case)}"
    )


def healthy(case: Case) -> str | None:
    """What to say of a run without a finding; nothing if there was no flow, or none measured."""
    if not len(case.layers):
        return None
    if case.depth and math.isnan(case.start.decades):
        return None
    crossed = ("δ has no hidden layer to cross", "δ has one hidden layer to cross")
    change = _change(case) if case.depth > 1 else crossed[case.depth]
    learnt = "" if case.learnt is None else f", {_learnt(case, case.learnt)}"
    return f"Healthy: {change}{learnt}."


def _is_chaotic(case: Case) -> bool:
    fields = case.fields
    if fields is None or fields["phase"] != "chaotic":
        return False
    if fields["q"] is None or fields["c"] is None or fields["c"] > _APART:
        return False  # nothing parts: signals only grow
    return case.depth > fields["trainable_depth"] or case.start.decades < -DECADES


def _vanishes(case: Case) -> bool:
    return case.start.decades > DECADES


def _is_hidden(case: Case) -> bool:
    return abs(case.start.weight_decades) < min(case.start.decades / 2, DECADES)


def _change(case: Case) -> str:
    """How δ changes per layer, as measured and as predicted."""
    rate = case.start.rate
    predicted = case.fields and case.fields["decay_rate"]
    if math.isnan(rate) or math.isinf(case.start.decades):  # a few seeds may have a rate
        beside = f" (theory ×{predicted:.3g} per layer)" if predicted else ""
        return f"δ goes out on its way back{beside}"
    beside = f" (theory {predicted:.3g})" if predicted else ""
    verb = "shrinks" if rate < 1 else "grows"
    return f"δ {verb} ×{rate:.3g} per layer going back{beside}"


def _lost(case: Case) -> str:
    lost = case.start.decades
    said = "all of it" if math.isinf(lost) else f"{abs(lost):.1f} decades"
    return f"{said} over {case.depth} hidden layer{'s' * (case.depth > 1)}"


def _made_up(case: Case) -> str:
    """Whether δ flows at the end all the same."""
    lost = case.end.decades
    recovered = abs(lost) <= DECADES and case.has_learnt and case.going
    return f" (training made up for it: {max(lost, 0.0):.1f} at the end)" if recovered else ""


def _learnt(case: Case, share: float) -> str:
    if share > KEPT:
        return f"training took away {share:.0%} of the loss of the best constant output"
    return f"after {case.n_steps} step{'s' * (case.n_steps != 1)} it is early to say what is learnt"
