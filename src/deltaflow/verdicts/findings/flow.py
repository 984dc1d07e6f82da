"""Findings on gradients at the start of training: whether they vanish or explode."""

import math
from typing import Any

from deltaflow.verdicts.advice import better_network, wider_or_better
from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import DECADES, DECORRELATED, OFF_THEORY
from deltaflow.verdicts.verdict import Verdict


def chaotic(evidence: Evidence) -> Verdict | None:
    """The network is in the chaotic phase: inputs decorrelate, and δ grows going back.

    It must be deeper than the trainable depth, beyond which the correlation of inputs is lost
    (Schoenholz et al. 2017), or its measured δ must explode.
    """
    fields = evidence.fields
    if fields is None or not _is_chaotic(evidence) or math.isnan(evidence.start.decades):
        return None
    own = {"chi": fields["chi"], "c": fields["c"], "trainable_depth": fields["trainable_depth"]}
    numbers = change(evidence) | own
    return Verdict("chaotic", "start", numbers, advice=better_network(evidence))


def exploding(evidence: Evidence) -> Verdict | None:
    """δ in the first hidden layer is more than e³ times that in the last."""
    if _is_chaotic(evidence) or not evidence.start.decades < -DECADES:
        return None
    return Verdict("exploding", "start", change(evidence), advice=wider_or_better(evidence))


def hidden_vanishing(evidence: Evidence) -> Verdict | None:
    """δ vanishes, and weight gradients do not show it.

    With biases of 0, the loss of signals going forward in a rectifier network cancels the loss of
    δ going back. Weight gradients must lose less than half of the decades of δ.
    """
    if not (_vanishes(evidence) and _is_hidden(evidence)):
        return None
    numbers = change(evidence) | {"weight_decades": evidence.start.weight_decades}
    return Verdict("hidden_vanishing", "start", numbers, advice=wider_or_better(evidence))


def vanishing(evidence: Evidence) -> Verdict | None:
    """δ in the first hidden layer is less than e⁻³ times that in the last."""
    if not _vanishes(evidence) or _is_hidden(evidence):
        return None
    return Verdict("vanishing", "start", change(evidence), advice=wider_or_better(evidence))


def unexpected_start(evidence: Evidence) -> Verdict | None:
    """δ changes per layer by another factor than theory predicts, beyond chance.

    The prediction is for networks of this width, whose mean ln‖δ‖ is below the limit of wide ones.
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
    """How δ changes going back at the start, as measured and as predicted.

    Returns:
        ``depth``; the factor per layer, ``rate`` and ``predicted_rate``; ``decades`` lost,
        infinite if δ becomes 0; ``decades_made_up``, the decades lost at the end if training has
        restored δ; ``n_zero`` of ``n_networks`` where δ is 0 in some layer, which have no rate.
        Numbers that are not known are left out.
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
    if start.decades > DECADES and _is_restored(evidence):
        known["decades_made_up"] = max(evidence.end.decades, 0.0)
    return known


def _is_chaotic(evidence: Evidence) -> bool:
    fields = evidence.fields
    if fields is None or fields["phase"] != "chaotic":
        return False
    if fields["q"] is None or fields["c"] is None or fields["c"] > DECORRELATED:
        return False  # inputs stay correlated: signals only grow
    return evidence.depth > fields["trainable_depth"] or evidence.start.decades < -DECADES


def _vanishes(evidence: Evidence) -> bool:
    """Whether δ vanishes; zeros in the output layer do not count if δ flows at the end."""
    if not evidence.start.profiles.any() and _is_restored(evidence):
        return False
    return evidence.start.decades > DECADES


def _is_restored(evidence: Evidence) -> bool:
    """Whether δ flows at the end, and something was learnt."""
    if not evidence.surviving or not evidence.has_learnt:
        return False
    return abs(evidence.end.decades) <= DECADES


def _is_hidden(evidence: Evidence) -> bool:
    return abs(evidence.start.weight_decades) < min(evidence.start.decades / 2, DECADES)
