"""Findings on units: copies of one another, saturated, off, or dead."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from deltaflow.flow.kernels import distinct_units
from deltaflow.nn.activations import SATURATED
from deltaflow.nn.network import FullyConnected
from deltaflow.theory import Array
from deltaflow.verdicts.advice import better_network, smaller_step, unusual_inputs, wider_or_better
from deltaflow.verdicts.evidence import Evidence, RecordedStep
from deltaflow.verdicts.thresholds import DECADES, MAJORITY, dead_by_chance
from deltaflow.verdicts.verdict import Verdict

_ALL = 1 - SATURATED
_SMALL = 1e-6  # variance of signals so small that only a kink at 0 matters


def copied_layers(network: FullyConnected) -> dict[int, int]:
    """Find hidden layers where at least half of the units of some replica are copies of others.

    Units with the same incoming and outgoing weights get the same gradient, so they stay copies
    (Goodfellow et al. 2016, section 8.4).

    Args:
        network: the network at initialisation.

    Returns:
        The number of distinct units, by number of the layer, from 1.
    """
    pairs = enumerate(itertools.pairwise(network.layers), start=1)
    distinct = {
        number: int(distinct_units(own.weight, own.bias, following.weight).min())
        for number, (own, following) in pairs
    }
    sizes = [layer.weight.shape[1] for layer in network.layers]
    return {number: n for number, n in distinct.items() if n <= MAJORITY * sizes[number - 1]}


def symmetric(evidence: Evidence) -> Verdict | None:
    """Units are copies of each other, so that a layer works as a smaller one."""
    if not evidence.copies:
        return None
    layers = tuple(evidence.copies)
    numbers = {"distinct_units": max(evidence.copies.values())}
    return Verdict("symmetric", "start", numbers, layers, better_network(evidence))


def saturated_at_start(evidence: Evidence) -> Verdict | None:
    """Most pre-activations of a layer are saturated: φ' is below a twentieth of its maximum."""
    layer, share = evidence.start.worst("saturated_fraction")
    if not share > _saturation_limit(evidence):
        return None
    moments = evidence.theory.moments
    numbers: dict[str, Any] = {"share": share}
    numbers |= _predicted(evidence, layer, moments.saturated_fraction)
    if unusual_inputs(evidence):
        numbers["input_second_moment"] = float(evidence.data.input_second_moment.mean())
    return Verdict("saturation", "start", numbers, (layer,), better_network(evidence))


def saturated_at_end(evidence: Evidence) -> Verdict | None:
    """Most pre-activations of a layer become saturated in training, and δ vanishes at the end."""
    layer, share = evidence.end.worst("saturated_fraction")
    before = evidence.start.worst("saturated_fraction")[1]
    lost = evidence.end.decades
    most = _saturation_limit(evidence)
    if not share > most or before > most or lost <= DECADES:
        return None  # NaN, where δ is 0 at the output, passes the comparison
    numbers: dict[str, Any] = {"share": share, "share_at_start": before}
    if math.isfinite(lost):
        numbers["decades"] = lost
    return Verdict("saturation", "end", numbers, (layer,), smaller_step(evidence))


def inactive_at_start(evidence: Evidence) -> Verdict | None:
    """Nearly all pre-activations of a layer lie on a flat part of φ at the start."""
    return _inactive(evidence, evidence.start, "start")


def inactive_at_end(evidence: Evidence) -> Verdict | None:
    """Nearly all pre-activations of a layer lie on a flat part of φ at the end."""
    return _inactive(evidence, evidence.end, "end")


def dead_at_start(evidence: Evidence) -> Verdict | None:
    """More than half of a layer's units are off for every sample at the start, beyond chance."""
    layer, share = evidence.start.worst("dead_fraction")
    chance = _chance(evidence, layer)
    if not share > chance:
        return None
    numbers = {"share": share, "share_by_chance": chance}
    return Verdict("dead", "start", numbers, (layer,), wider_or_better(evidence))


def dead_at_end(evidence: Evidence) -> Verdict | None:
    """More than half of a layer's units are off for every sample at the end, beyond chance."""
    layer, share = evidence.end.worst("dead_fraction")
    chance = _chance(evidence, layer)
    if not share > chance:
        return None
    before = evidence.start.worst("dead_fraction")[1]
    numbers = {"share": share, "share_at_start": before, "share_by_chance": chance}
    advice = replace(smaller_step(evidence), alternatives=("activation=leaky",))
    return Verdict("dead", "end", numbers, (layer,), advice)


def _inactive(evidence: Evidence, step: RecordedStep, when: str) -> Verdict | None:
    layer, share = step.worst("inactive_fraction")
    if not share > _ALL:
        return None
    numbers = {"share": share} | _predicted(evidence, layer, evidence.theory.moments.flat_fraction)
    advice = wider_or_better(evidence) if when == "start" else smaller_step(evidence)
    return Verdict("inactive", when, numbers, (layer,), advice)


def _saturation_limit(evidence: Evidence) -> float:
    """The limit of the saturated share; it is higher for a φ that is flat on one side of 0."""
    always = float(evidence.theory.moments.saturated_fraction(np.array([_SMALL]))[0])
    return always + MAJORITY * (1 - always)


def _chance(evidence: Evidence, layer: int) -> float:
    """The largest share of dead units that chance explains in a layer."""
    rows = evidence.start.hidden.filter(layer=layer)
    units = int(rows["fan_out"].sum() or 0)
    return dead_by_chance(units, evidence.depth) if units else math.inf


def _predicted(evidence: Evidence, layer: int, share: Callable[[Array], Array]) -> dict[str, Any]:
    """The share that theory predicts for a layer at the start; empty under normalisation."""
    if evidence.normalization is not None:
        return {}
    q = evidence.theory.predict(evidence.inputs).preactivation_second_moment
    return {"predicted_share": float(share(q[layer - 1 : layer])[0])}
