"""Units that do nothing: copies of one another, saturated, off, or dead."""

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
_SMALL = 1e-6  # variance of signals that leave φ's own shape out, but for a kink at 0


def copied_layers(network: FullyConnected) -> dict[int, int]:
    """Hidden layers at least half of whose units are copies of others, in some replica.

    Units with the same weights in and out get the same gradient, and so stay copies (Goodfellow
    et al. 2016, section 8.4).

    Args:
        network: as initialized.

    Returns:
        By layer, from 1, how many of its units differ.
    """
    pairs = enumerate(itertools.pairwise(network.layers), start=1)
    distinct = {
        number: int(distinct_units(own.weight, own.bias, following.weight).min())
        for number, (own, following) in pairs
    }
    sizes = [layer.weight.shape[1] for layer in network.layers]
    return {number: n for number, n in distinct.items() if n <= MAJORITY * sizes[number - 1]}


def symmetric(evidence: Evidence) -> Verdict | None:
    """Zero or constant weights, or repeated ones: a layer works as a smaller one."""
    if not evidence.copies:
        return None
    layers = tuple(evidence.copies)
    numbers = {"distinct_units": max(evidence.copies.values())}
    return Verdict("symmetric", "start", numbers, layers, better_network(evidence))


def saturated_at_start(evidence: Evidence) -> Verdict | None:
    """Most pre-activations of a layer lie where φ' is below a twentieth of its maximum."""
    layer, share = evidence.start.worst("saturated_fraction")
    if not share > _most(evidence):
        return None
    moments = evidence.theory.moments
    numbers: dict[str, Any] = {"share": share}
    numbers |= _predicted(evidence, layer, moments.saturated_fraction)
    if unusual_inputs(evidence):
        numbers["input_second_moment"] = float(evidence.data.input_second_moment.mean())
    return Verdict("saturation", "start", numbers, (layer,), better_network(evidence))


def saturated_at_end(evidence: Evidence) -> Verdict | None:
    """Training drove most of a layer there, and δ vanishes now as it did not before."""
    layer, share = evidence.end.worst("saturated_fraction")
    before = evidence.start.worst("saturated_fraction")[1]
    lost = evidence.end.decades
    most = _most(evidence)
    if not share > most or before > most or lost <= DECADES:
        return None  # not so where nothing is left of δ to lose decades: NaN is beyond them
    numbers: dict[str, Any] = {"share": share, "share_at_start": before}
    if math.isfinite(lost):
        numbers["decades"] = lost
    return Verdict("saturation", "end", numbers, (layer,), smaller_step(evidence))


def inactive_at_start(evidence: Evidence) -> Verdict | None:
    """A layer where nearly all pre-activations lie on a flat part of φ."""
    return _off(evidence, evidence.start, "start")


def inactive_at_end(evidence: Evidence) -> Verdict | None:
    """Training drove a layer there."""
    return _off(evidence, evidence.end, "end")


def dead_at_start(evidence: Evidence) -> Verdict | None:
    """More than half of a layer's units are off for every sample, beyond chance."""
    layer, share = evidence.start.worst("dead_fraction")
    chance = _chance(evidence, layer)
    if not share > chance:
        return None
    numbers = {"share": share, "share_by_chance": chance}
    return Verdict("dead", "start", numbers, (layer,), wider_or_better(evidence))


def dead_at_end(evidence: Evidence) -> Verdict | None:
    """Training killed them."""
    layer, share = evidence.end.worst("dead_fraction")
    chance = _chance(evidence, layer)
    if not share > chance:
        return None
    before = evidence.start.worst("dead_fraction")[1]
    numbers = {"share": share, "share_at_start": before, "share_by_chance": chance}
    advice = replace(smaller_step(evidence), alternatives=("activation=leaky",))
    return Verdict("dead", "end", numbers, (layer,), advice)


def _off(evidence: Evidence, step: RecordedStep, when: str) -> Verdict | None:
    layer, share = step.worst("inactive_fraction")
    if not share > _ALL:
        return None
    numbers = {"share": share} | _predicted(evidence, layer, evidence.theory.moments.flat_fraction)
    advice = wider_or_better(evidence) if when == "start" else smaller_step(evidence)
    return Verdict("inactive", when, numbers, (layer,), advice)


def _most(evidence: Evidence) -> float:
    """The majority of what can saturate: a bounded φ that is flat for z < 0 passes half at best."""
    always = float(evidence.theory.moments.saturated_fraction(np.array([_SMALL]))[0])
    return always + MAJORITY * (1 - always)


def _chance(evidence: Evidence, layer: int) -> float:
    """The largest dead share that the layer has by chance."""
    rows = evidence.start.hidden.filter(layer=layer)
    units = int(rows["fan_out"].sum() or 0)
    return dead_by_chance(units, evidence.depth) if units else math.inf


def _predicted(evidence: Evidence, layer: int, share: Callable[[Array], Array]) -> dict[str, Any]:
    """The share that theory predicts for a layer at the start, if there is a theory."""
    if evidence.normalization is not None:
        return {}
    q = evidence.theory.predict(evidence.inputs).preactivation_second_moment
    return {"predicted_share": float(share(q[layer - 1 : layer])[0])}
