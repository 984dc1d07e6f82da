"""Gradients at the start of training: do they vanish, explode, or flow?"""

import math
from typing import Any

from deltaflow.verdicts.advice import better_network, wider_or_better
from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import APART, DECADES, OFF_THEORY
from deltaflow.verdicts.verdict import Verdict


def chaotic(evidence: Evidence) -> Verdict | None:
    """Weights so wide that inputs part, and δ grows on its way back.

    Beyond the trainable depth nothing is left of how alike two inputs were (Schoenholz et al.
    2017); a δ that is measured to explode is enough as well.
    """
    fields = evidence.fields
    if fields is None or not _is_chaotic(evidence) or math.isnan(evidence.start.decades):
        return None
    own = {"chi": fields["chi"], "c": fields["c"], "trainable_depth": fields["trainable_depth"]}
    numbers = change(evidence) | own
    return Verdict("chaotic", "start", numbers, advice=better_network(evidence))


def exploding(evidence: Evidence) -> Verdict | None:
    """δ is e³ times as long in the first hidden layer as in the last, or more."""
    if _is_chaotic(evidence) or not evidence.start.decades < -DECADES:
        return None
    return Verdict("exploding", "start", change(evidence), advice=wider_or_better(evidence))


def hidden_vanishing(evidence: Evidence) -> Verdict | None:
    """δ vanishes and weight gradients do not show it.

    Where biases are 0, the signals that a rectifier loses going forward cancel what δ loses
    going back. Seen is less than half of it, in decades.
    """
    if not (_vanishes(evidence) and _is_hidden(evidence)):
        return None
    numbers = change(evidence) | {"weight_decades": evidence.start.weight_decades}
    return Verdict("hidden_vanishing", "start", numbers, advice=wider_or_better(evidence))


def vanishing(evidence: Evidence) -> Verdict | None:
    """δ in the first hidden layer is e⁻³ of that in the last, or less."""
    if not _vanishes(evidence) or _is_hidden(evidence):
        return None
    return Verdict("vanishing", "start", change(evidence), advice=wider_or_better(evidence))


def unexpected_start(evidence: Evidence) -> Verdict | None:
    """δ changes per layer by another factor than theory says, beyond chance.

    Theory is that of networks of this width, whose ln‖δ‖ is centred below its limit of wide ones.
    """
    fields, rate = evidence.fields, evidence.start.rate
    if fields is None or not fields["decay_rate"] or not rate > 0:
        return None
    error, band = fields["theory_error"], fields["band"]
    if (
        band is None
        or error <= 2 * band
        or abs(math.log(rate / fields["decay_rate"])) <= math.log(OFF_THEORY)
    ):
        return None
    numbers = change(evidence) | {"theory_error": error, "band": band}
    advice = better_network(evidence)
    return Verdict("unexpected_start", "start", numbers, advice=advice)


def change(evidence: Evidence) -> dict[str, Any]:
    """How δ changes on its way back at the start, as measured and as predicted.

    Returns:
        ``depth``; ``rate`` per layer and ``predicted_rate``, ``decades`` lost, infinite where δ
        goes out, and ``decades_made_up``, those lost at the end where training mended it;
        ``n_zero`` of ``n_networks`` without any δ in some layer, which have no rate; what is
        unknown is left out.
    """
    start = evidence.start
    known: dict[str, Any] = {"depth": evidence.depth}
    if not math.isnan(start.decades):
        known["decades"] = start.decades
    if not (math.isnan(start.rate) or math.isinf(start.decades)):  # a few seeds may have a rate
        known["rate"] = start.rate
        if n_zero := int((start.profiles == 0).any(1).sum()):
            known |= {"n_zero": n_zero, "n_networks": len(start.profiles)}
    if evidence.fields and evidence.fields["decay_rate"]:
        known["predicted_rate"] = evidence.fields["decay_rate"]
    if start.decades > DECADES and _is_mended(evidence):
        known["decades_made_up"] = max(evidence.end.decades, 0.0)
    return known


def _is_chaotic(evidence: Evidence) -> bool:
    fields = evidence.fields
    if fields is None or fields["phase"] != "chaotic":
        return False
    if fields["q"] is None or fields["c"] is None or fields["c"] > APART:
        return False  # nothing parts: signals only grow
    return evidence.depth > fields["trainable_depth"] or evidence.start.decades < -DECADES


def _vanishes(evidence: Evidence) -> bool:
    """Whether it does; an output layer of zeros only delays δ, if it flows after an update."""
    if not evidence.start.profiles.any() and _is_mended(evidence):
        return False
    return evidence.start.decades > DECADES


def _is_mended(evidence: Evidence) -> bool:
    """Whether δ flows at the end, and something was learnt."""
    if not evidence.surviving or not evidence.has_learnt:
        return False
    return abs(evidence.end.decades) <= DECADES


def _is_hidden(evidence: Evidence) -> bool:
    return abs(evidence.start.weight_decades) < min(evidence.start.decades / 2, DECADES)
