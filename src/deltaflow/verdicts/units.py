"""Units that do nothing: copies of one another, saturated, off, or dead."""

import itertools
import math

import numpy as np
from scipy.stats import binom

from deltaflow.flow.kernels import are_copies
from deltaflow.nn.activations import SATURATED
from deltaflow.nn.network import FullyConnected
from deltaflow.verdicts.case import DECADES, MAJORITY, Case, Moment
from deltaflow.verdicts.remedies import narrow, remedy
from deltaflow.verdicts.steps import smaller_step, unusual_inputs

_CHANCE = 0.01  # that a sound network of this size is taken for one with dead units
_ALL = 1 - SATURATED
_SMALL = 1e-6  # variance of signals that leave φ's own shape out, but for a kink at 0


def copied_layers(network: FullyConnected) -> list[int]:
    """Hidden layers whose units all have the same weights in and out, in some replica.

    Such units get the same gradient, and so stay copies (Goodfellow et al. 2016, section 8.4).

    Args:
        network: as initialized.

    Returns:
        Their numbers, from 1.
    """
    layers = network.layers
    return [
        number
        for number, (own, following) in enumerate(itertools.pairwise(layers), start=1)
        if bool(are_copies(own.weight, own.bias, following.weight).any())
    ]


def symmetric(case: Case) -> str | None:
    """Zero or constant weights: a layer works as one unit."""
    if not case.copies:
        return None
    which = ", ".join(map(str, case.copies))
    return (
        f"Units are copies: in hidden layer{'s' * (len(case.copies) > 1)} {which} all of them "
        "start with the same weights in and out, so each gets the same gradient, and the layer "
        f"works as one unit. {remedy(case)}"
    )


def saturated_at_start(case: Case) -> str | None:
    """Most pre-activations of a layer lie where φ' is below a twentieth of its maximum."""
    layer, share = case.start.worst("saturated_fraction")
    if not share > _most(case):
        return None
    inputs = (
        f" Inputs are large: mean(x²) = {case.input_second_moment.mean():.3g}."
        if unusual_inputs(case)
        else ""
    )
    return (
        f"Units saturate: {share:.0%} of hidden layer {layer} passes next to nothing back"
        f"{_saturated_in_theory(case, layer)}.{inputs} {remedy(case)}"
    )


def saturated_at_end(case: Case) -> str | None:
    """Training drove most of a layer there, and δ vanishes now as it did not before."""
    layer, share = case.end.worst("saturated_fraction")
    start = case.start.worst("saturated_fraction")[1]
    lost = case.end.decades
    most = _most(case)
    if not share > most or start > most or lost <= DECADES:
        return None  # not so where nothing is left of δ to lose decades: NaN is beyond them
    left = f"δ loses {lost:.1f} decades now" if math.isfinite(lost) else "no δ is left"
    return (
        f"Training saturates units: {share:.0%} of hidden layer {layer} at the end, at most "
        f"{start:.0%} of a layer at the start, and {left}. {smaller_step(case)}"
    )


def inactive_at_start(case: Case) -> str | None:
    """A layer where nearly all pre-activations lie on a flat part of φ."""
    off = _off(case, case.start, "at the start")
    return off and f"{off} {narrow(case) or remedy(case)}"


def inactive_at_end(case: Case) -> str | None:
    """Training drove a layer there."""
    off = _off(case, case.end, "at the end")
    return off and f"{off} {smaller_step(case)}"


def dead_at_start(case: Case) -> str | None:
    """More than half of a layer's units are off for every sample, beyond chance."""
    layer, share = case.start.worst("dead_fraction")
    if not share > _chance(case, layer):
        return None
    return (
        f"Units are dead: {share:.0%} of hidden layer {layer} is off for every sample at the "
        f"start, where chance explains {_chance(case, layer):.0%}. {narrow(case) or remedy(case)}"
    )


def dead_at_end(case: Case) -> str | None:
    """Training killed them."""
    layer, share = case.end.worst("dead_fraction")
    if not share > _chance(case, layer):
        return None
    before = case.start.worst("dead_fraction")[1]
    advice = smaller_step(case)
    return (
        f"Units die: {share:.0%} of hidden layer {layer} is off for every sample at the end, "
        f"where at the start it was at most {before:.0%} of a layer and chance explains "
        f"{_chance(case, layer):.0%}. {advice[:-1]}, or activation=leaky, whose units cannot die."
    )


def _off(case: Case, moment: Moment, when: str) -> str | None:
    layer, share = moment.worst("inactive_fraction")
    if not share > _ALL:
        return None
    return (
        f"A layer is off: {share:.0%} of hidden layer {layer}'s pre-activations lie on a flat "
        f"part of φ {when} and pass nothing back{_off_in_theory(case, layer)}."
    )


def _most(case: Case) -> float:
    """The majority of what can saturate: a bounded φ that is flat for z < 0 passes half at best."""
    always = float(case.theory.moments.saturated_fraction(np.array([_SMALL]))[0])
    return always + MAJORITY * (1 - always)


def _chance(case: Case, layer: int) -> float:
    """The largest dead share that a network has whose units are off by the flip of a coin.

    In a deep one all samples look alike, so that each rectifier is off for all or for none.
    """
    rows = case.start.hidden.filter(layer=layer)
    units = int(rows["fan_out"].sum() or 0)
    if not units:
        return math.inf
    return float(binom.isf(_CHANCE / case.depth, units, MAJORITY)) / units


def _saturated_in_theory(case: Case, layer: int) -> str:
    """The share that theory predicts for a layer at the start, in brackets; nothing without one."""
    if case.normalization is not None:
        return ""
    q = case.theory.predict(case.inputs).preactivation_second_moment
    share = float(case.theory.moments.saturated_fraction(q[layer - 1 : layer])[0])
    return f" (theory {share:.0%})"


def _off_in_theory(case: Case, layer: int) -> str:
    """Likewise, of pre-activations on a flat part."""
    if case.normalization is not None:
        return ""
    q = case.theory.predict(case.inputs).preactivation_second_moment
    share = float(case.theory.moments.flat_fraction(q[layer - 1 : layer])[0])
    return f" (theory {share:.0%} at the start)"
