"""Theory's results in words: the phase of a network, its limits and its edge of chaos.

>>> phase("ordered")
'ordered: gradients vanish'
>>> delta(FixedPoint(q=1, neutral=False, chi=0.25, c=1, xi_q=1, xi_c=0.72))
'×0.5 per layer going back, a decade in 3.3 layers'
"""

import math
from collections.abc import Sequence

import numpy as np

from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.fixed_points.edge import Edge
from deltaflow.theory.fixed_points.fixed_point import FixedPoint

PHASES = {
    "ordered": "gradients vanish",
    "critical": "gradients neither vanish nor explode",
    "chaotic": "gradients explode",
}


LIMIT = 3 / math.log(10)
"""Decades that ‖δ‖ loses over the trainable depth of an ordered network, a factor of e⁻³."""


def summary(ends: Sequence[tuple[float, FixedPoint]], delta_norm: Array) -> str:
    """A sentence on whether a network of this depth can be trained.

    Args:
        ends: the limits of signals, each with its share of the samples.
        delta_norm: predicted δ norm of the hidden layers, ``[depth]``.
    """
    if len(ends) > 1:
        shares = ", ".join(f"{share:.0%} in the {point.phase} phase" for share, point in ends)
        return f"Samples end apart: {shares}; no one depth holds for all."
    ((_, point),) = ends
    depth, reach = len(delta_norm), point.trainable_depth
    upto = "at any depth" if reach == math.inf else f"to {layers(reach)}"
    said = f"{point.phase.capitalize()} phase, trainable {upto}"
    with np.errstate(divide="ignore"):
        decades = float(np.log10(delta_norm[-1] / delta_norm[0]))
    if depth > reach:
        return f"{said}: this network of {depth} is too deep, since δ {lost(delta_norm)}."
    if abs(decades) > LIMIT:
        return f"{said}, but δ {lost(delta_norm)}: this network of {depth} will hardly train."
    return f"{said}: this network of {depth} should train."


def phase(name: str) -> str:
    """A phase and its effect on gradients."""
    return f"{name}: {PHASES[name]}"


def delta(point: FixedPoint) -> str:
    """The change of δ in a deep network, per layer and per decade."""
    if point.chi == 0:
        return "×0: nothing goes back"
    if point.chi == math.inf:
        return "grows by more in each layer than in the one before"
    change = f"×{point.delta_ratio:.3g} per layer going back"
    if point.phase == "critical":
        return change
    grows = "gained " if point.phase == "chaotic" else ""
    return f"{change}, a decade {grows}in {number(abs(point.layers_per_decade))} layers"


def signals(point: FixedPoint) -> str:
    """The limit of the variance of pre-activations, and the depth scale."""
    if point.neutral:
        return f"every q stays what it is: q = {point.q:.4g}"
    if point.q == 0:
        slowly = ", ever more slowly" if point.phase == "critical" else ""
        return f"q runs to 0{slowly}: signals vanish"
    if point.q == math.inf:
        return "q runs to infinity: signals grow without bound"
    return f"q* = {point.q:.4g}, ξ_q = {layers(point.xi_q)}"


def chi(point: FixedPoint) -> str:
    """χ₁, or the limit of χ_l if q goes to 0 or infinity."""
    runs = point.q in (0, math.inf)
    if point.chi == math.inf:
        return "χ_l grows without bound"
    return f"χ_l → {point.chi:.4g}" if runs else f"χ₁ = {point.chi:.4g}"


def correlation(point: FixedPoint) -> str:
    """The limit of the correlation of two inputs, and the depth scale."""
    if math.isnan(point.c):
        if point.neutral:
            return "every correlation stays what it is"
        return f"no c*, since q runs away; ξ_c = {layers(point.xi_c)}, the scale of E‖δ‖²"
    means = "inputs become alike" if point.c == 1 else "inputs part"
    value = f"1 − {1 - point.c:.2g}" if 0.9999 < point.c < 1 else f"{point.c:.4g}"
    return f"c* = {value}: {means}, e times nearer to it every ξ_c = {layers(point.xi_c)}"


def trainable(point: FixedPoint) -> str:
    """The trainable depth."""
    scale = point.trainable_depth
    return "unlimited: ξ_c is infinite" if scale == math.inf else f"6 ξ_c = {layers(scale)}"


def edge(found: Edge | None, sigma_b: float, limit: float | None, scale: float = 1.0) -> str:
    """The edge of chaos, and whether a network can be trained on it.

    Args:
        found: the edge for this σ_b; ``None`` if there is none.
        sigma_b: σ_b.
        limit: without an edge, the σ_w for which χ₁ goes to 1 while q goes to infinity; ``None`` if
            there is none.
        scale: factor of σ_w because of dropout.
    """
    at = f"at σ_b = {sigma_b:.4g}"
    if found is None and limit is None:
        return f"none {at}: no σ_w keeps both signals and gradients"
    if found is None:
        return f"none {at}: with σ_w = {limit:.4g} χ_l tends to 1, but q grows without bound"
    where = f"σ_w = {scale * found.sigma_w:.4g} {at}"
    if found.saturated:
        return (
            f"{where}, but saturated (q = {found.q:.3g}): {found.saturated_fraction:.0%} of the "
            "units pass next to nothing back"
        )
    if not found.attracting:
        return f"{where}, but repelling: signals are driven away from its q = {found.q:.3g}"
    return where


def normalization(batch: Array | None) -> str:
    """The effect of a normalisation on the edge of chaos.

    Args:
        batch: products of the samples of a batch, for batch normalisation; else ``None``.
    """
    if batch is None:
        return "q* is reached in the second layer; χ₁ depends on φ and σ_b²/σ_w²"
    return f"over batches of {len(batch)}, on whose size χ₁ depends; σ_w and σ_b do not change it"


def lost(delta_norm: Array) -> str:
    """The change of δ in one network from its last hidden layer back to the first."""
    back = f"from hidden layer {len(delta_norm)} back to layer 1"
    if delta_norm[0] == 0:
        return f"vanishes altogether {back}"
    decades = math.log10(delta_norm[-1] / delta_norm[0])
    if abs(decades) < 0.005:
        return f"keeps its size {back}"
    return f"{'loses' if decades > 0 else 'gains'} {abs(decades):.2f} decades {back}"


def layers(value: float) -> str:
    """A number of layers with its unit."""
    if math.isnan(value):
        return "none"
    return "∞" if value == math.inf else f"{number(value)} layers"


def number(value: float) -> str:
    """A number with no decimals from 100 on, one below, and two digits below 1."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
