"""The findings on a watched training, most important first.

The limits are those of :mod:`deltaflow.verdicts.thresholds`. Effects that need not keep a model
from learning, such as a δ that vanishes at the start, are no findings if the model has learnt.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from deltaflow.nn.activations import SATURATED
from deltaflow.verdicts.thresholds import (
    DECADES,
    MAJORITY,
    NEGLIGIBLE,
    USUAL_UPDATE,
    dead_by_chance,
)
from deltaflow.verdicts.verdict import Verdict
from deltaflow.watching.verdicts.evidence import WatchedEvidence

Finder = Callable[[WatchedEvidence], Verdict | None]
_LOST_IN_ROUNDING = 1e-6  # relative length of an update that float32 weights may not show


def watched_verdicts(evidence: WatchedEvidence) -> list[Verdict]:
    """The findings on a watched training, or ``healthy``; empty if nothing was measured."""
    found: list[Verdict] = []
    for check, hides in _FINDINGS:
        if any(check in _HIDDEN.get(v.kind, ()) for v in found):
            continue
        if (verdict := check(evidence)) is not None:
            found.append(verdict)
            if hides:
                break
    if found or not evidence.steps:
        return found
    return [Verdict("healthy", "end", _change(evidence) | _losses(evidence))]


def detached(evidence: WatchedEvidence) -> Verdict | None:
    """Some layers have ``requires_grad`` and get no gradient."""
    if not evidence.without_gradient:
        return None
    return Verdict("detached", "start", layers=evidence.without_gradient)


def unoptimized(evidence: WatchedEvidence) -> Verdict | None:
    """Some layers have a gradient, and no step moves them.

    Layers whose update would be lost in rounding are left out. Its length is estimated from the
    ratio of update and gradient in other layers.
    """
    entries = (pl.col("fan_in") * pl.col("fan_out")).sqrt()
    share = pl.col("weight_grad_norm") / (pl.col("weight_rms") * entries)  # gradient over weights
    rows = evidence.layers.filter(pl.col("weight_grad_norm") > 0).with_columns(share=share)
    layers = rows.group_by("layer").agg(
        n=pl.len(),
        moved=(pl.col("update_ratio") > 0).any(),
        share=pl.col("share").max(),
        step_size=(pl.col("update_ratio") / pl.col("share")).median(),
    )
    step_size = layers.filter("moved")["step_size"].min()
    still = layers.filter(~pl.col("moved"), pl.col("n") > 1)
    if step_size is not None:
        still = still.filter(pl.col("share") * step_size > _LOST_IN_ROUNDING)
    found = tuple(still["layer"].sort().to_list())
    return Verdict("unoptimized", "training", layers=found) if found else None


def accumulated(evidence: WatchedEvidence) -> Verdict | None:
    """Gradients of earlier steps were not cleared."""
    if evidence.accumulated is None:
        return None
    return Verdict("accumulated", "training", {"step": evidence.accumulated})


def symmetric(evidence: WatchedEvidence) -> Verdict | None:
    """Units start as copies, get the same gradient, and so stay copies."""
    layers = tuple(layer for layer in evidence.copies if layer < len(evidence.names))
    if not layers:
        return None
    return Verdict("symmetric", "start", {"distinct_units": max(evidence.copies.values())}, layers)


def divergence(evidence: WatchedEvidence) -> Verdict | None:
    """A loss is not finite."""
    if evidence.diverged_at < 0:
        return None
    numbers: dict[str, Any] = {"step": evidence.diverged_at}
    lengths = evidence.updates["length"]
    if len(lengths):
        numbers["update"] = float(lengths.max())  # type: ignore[arg-type]
    return Verdict("divergence", "training", numbers)


def exploding(evidence: WatchedEvidence) -> Verdict | None:
    """δ grows by more than e³ going back, and nothing is learnt."""
    if not (evidence.fails and evidence.decades < -DECADES):
        return None
    return Verdict("exploding", "start", _change(evidence))


def doubled(evidence: WatchedEvidence) -> Verdict | None:
    """A softmax or sigmoid precedes a loss that includes it."""
    if evidence.doubled is None:
        return None
    return Verdict("doubled", "start", {"output_activation": evidence.doubled})


_LIMITS = {
    "saturation": ("saturated_fraction", MAJORITY),
    "inactive": ("inactive_fraction", 1 - SATURATED),
}


def flat(evidence: WatchedEvidence, kind: str, when: str) -> Verdict | None:
    """Most pre-activations of a layer saturate, or nearly all lie on a flat part of φ.

    This is a finding if nothing is learnt, or if a layer starts on the flat part and stays there.
    """
    if not evidence.steps:
        return None
    column, limit = _LIMITS[kind]
    layer, share = evidence.worst(column, evidence.steps[0 if when == "start" else -1])
    stays = layer and evidence.column("dead_fraction", evidence.steps[-1])[layer - 1] > limit
    if not (evidence.fails or (kind == "inactive" and when == "start" and stays)):
        return None
    return Verdict(kind, when, {"share": share}, (layer,)) if share > limit else None


def vanishing(evidence: WatchedEvidence) -> Verdict | None:
    """δ shrinks by more than e³ going back, and nothing is learnt."""
    if not (evidence.fails and evidence.decades > DECADES):
        return None
    return Verdict("vanishing", "start", _change(evidence))


def violent(evidence: WatchedEvidence) -> Verdict | None:
    """Updates are as long as the weights, or the loss rises, and nothing is learnt.

    A rising loss counts only if updates are not short, because otherwise it has another cause.
    """
    if not evidence.is_decided or evidence.has_learnt or not len(evidence.updates):
        return None
    row = evidence.updates.row(evidence.updates["length"].arg_max(), named=True)
    before = float(np.fmin(evidence.first_loss, evidence.zero_output_loss))
    rises = evidence.last_loss > before + NEGLIGIBLE * abs(before)
    if not (row["length"] >= 1 or (rises and row["length"] > NEGLIGIBLE)):
        return None
    numbers = {"update": row["length"], "step": row["step"]} | _losses(evidence)
    return Verdict("violent", "training", numbers, (row["layer"],))


def dead(evidence: WatchedEvidence) -> Verdict | None:
    """More than half of a layer's units are off for every sample, beyond chance."""
    if not evidence.steps:
        return None
    layer, share = evidence.worst("dead_fraction", evidence.steps[-1])
    if not layer:
        return None
    units = int(evidence.layers.filter(layer=layer)["fan_out"][0])
    chance = dead_by_chance(units, len(evidence.names))
    if not share > chance:
        return None
    return Verdict("dead", "end", {"share": share, "share_by_chance": chance}, (layer,))


def stalled(evidence: WatchedEvidence) -> Verdict | None:
    """Nothing is learnt, and updates are too short to have moved any weight far."""
    if not evidence.is_decided or evidence.has_learnt or math.isnan(evidence.mean_update):
        return None
    reach = evidence.mean_update * evidence.n_steps
    if reach > NEGLIGIBLE or evidence.mean_update > USUAL_UPDATE:
        return None
    factor = 1 / reach if reach else math.inf
    numbers = {"update": evidence.mean_update, "n_steps": evidence.n_steps, "factor": factor}
    return Verdict("stalled", "training", numbers | _losses(evidence))


def plateau(evidence: WatchedEvidence) -> Verdict | None:
    """Gradients flow, weights move, and nothing is learnt."""
    if not evidence.is_decided or evidence.has_learnt:
        return None
    numbers = _change(evidence) | _losses(evidence)
    if len(evidence.responses):
        numbers["response"] = float(evidence.responses[-1])
    return Verdict("plateau", "end", numbers)


_FINDINGS: tuple[tuple[Finder, bool], ...] = (
    # causes before effects; the flag says whether later findings would only be effects
    (detached, False),
    (unoptimized, False),
    (accumulated, True),
    (symmetric, True),
    (partial(flat, kind="saturation", when="start"), True),
    (exploding, True),
    (divergence, True),
    (doubled, False),
    (partial(flat, kind="inactive", when="start"), True),
    (vanishing, True),
    (violent, True),
    (partial(flat, kind="saturation", when="end"), True),
    (partial(flat, kind="inactive", when="end"), True),
    (dead, False),
    (stalled, True),
    (plateau, False),
)
_HIDDEN: Mapping[str, tuple[Finder, ...]] = {  # findings that are only effects of another
    **dict.fromkeys(
        ("detached", "unoptimized", "doubled"),
        (accumulated, violent, stalled, plateau, vanishing, exploding),
    ),
    "dead": (stalled, plateau),
}


def _change(evidence: WatchedEvidence) -> dict[str, Any]:
    numbers: dict[str, Any] = {"depth": len(evidence.profile)}
    if not math.isnan(evidence.decades):
        numbers["decades"] = evidence.decades
    if math.isfinite(evidence.decades):
        numbers["rate"] = evidence.rate
        if math.isfinite(evidence.predicted_rate):
            numbers["predicted_rate"] = evidence.predicted_rate
    if evidence.activation is not None:
        numbers["activation"], numbers["has_flat_part"] = evidence.activation
    return numbers


def _losses(evidence: WatchedEvidence) -> dict[str, Any]:
    if evidence.n_steps < 2:
        return {}
    known = {"first_loss": evidence.first_loss, "last_loss": evidence.last_loss}
    return {name: value for name, value in known.items() if math.isfinite(value)}
