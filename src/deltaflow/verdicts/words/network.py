"""Sentences on gradients and units."""

import math
from collections.abc import Mapping, Sequence

from deltaflow.system.wording import many
from deltaflow.verdicts.verdict import Numbers, Sentence, Verdict


def _symmetric(verdict: Verdict) -> str:
    which, distinct = hidden_layers(verdict.layers), verdict.numbers["distinct_units"]
    if distinct > 1:
        return (
            f"Units are copies: in {which} at most {distinct} of them differ in "
            "their weights in and out at the start. Copies get the same gradient and stay so."
        )
    return (
        f"Units are copies: in {which} all of them start with the same weights in and out, so each "
        "gets the same gradient, and the layer works as one unit."
    )


def _unexpected_start(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"The start is far from theory: {change(n)}, and profiles differ by "
        f"{n['theory_error']:.2f} decades where width and seeds explain {n['band']:.2f}. Weights "
        "are not drawn as their variances say: repeated, dependent or of heavy tails."
    )


def _chaotic(verdict: Verdict) -> str:
    n = verdict.numbers
    deepest = n["trainable_depth"]
    beyond = f", of which {deepest:.0f} are trainable" if n["depth"] > deepest else ""
    return (
        f"Chaotic phase: inputs part (theory: χ₁ = {n['chi']:.3g}, c* = {n['c']:.2g}), and "
        f"{change(n)}, {-n['decades']:.1f} decades over {n['depth']} hidden layers{beyond}."
    )


def _exploding(verdict: Verdict) -> str:
    return f"Gradients explode: {change(verdict.numbers)}, {_lost(verdict.numbers)}."


def _hidden_vanishing(verdict: Verdict) -> str:
    n = verdict.numbers
    seen = max(abs(n["weight_decades"]), 0.1)
    return (
        f"Gradients vanish unseen: {change(n)}, {_lost(n)}, while weight gradients stay within "
        f"{seen:.1f}{_made_up(n)}."
    )


def _vanishing(verdict: Verdict) -> str:
    n = verdict.numbers
    if verdict.when == "start":
        return f"Gradients vanish: {change(n)}, {_lost(n)}{_made_up(n)}."
    return (
        f"Gradients come to vanish in training: δ loses {n['decades_at_end']:.1f} decades over "
        f"{n['depth']} hidden layers at the end, {n['decades']:.1f} at the start, and "
        f"{n['explained']:.0%} of the target is explained."
    )


def _saturation(verdict: Verdict) -> str:
    n, (layer,) = verdict.numbers, verdict.layers
    if verdict.when == "end":
        left = f"δ loses {n['decades']:.1f} decades now" if "decades" in n else "no δ is left"
        return (
            f"Training saturates units: {n['share']:.0%} of hidden layer {layer} at the end, at "
            f"most {n['share_at_start']:.0%} of a layer at the start, and {left}."
        )
    inputs = (
        f" Inputs are large: mean(x²) = {n['input_second_moment']:.3g}."
        if "input_second_moment" in n
        else ""
    )
    return (
        f"Units saturate: {n['share']:.0%} of hidden layer {layer} passes next to nothing back"
        f"{_in_theory(n)}.{inputs}"
    )


def _inactive(verdict: Verdict) -> str:
    n, (layer,) = verdict.numbers, verdict.layers
    return (
        f"A layer is off: {n['share']:.0%} of hidden layer {layer}'s pre-activations lie on a flat "
        f"part of φ at the {verdict.when} and pass nothing back{_in_theory(n, ' at the start')}."
    )


def _dead(verdict: Verdict) -> str:
    n, (layer,) = verdict.numbers, verdict.layers
    off = f"{n['share']:.0%} of hidden layer {layer} is off for every sample at the {verdict.when}"
    if verdict.when == "start":
        return f"Units are dead: {off}, where chance explains {n['share_by_chance']:.0%}."
    return (
        f"Units die: {off}, where at the start it was at most {n['share_at_start']:.0%} of a layer "
        f"and chance explains {n['share_by_chance']:.0%}."
    )


def hidden_layers(layers: Sequence[int]) -> str:
    """Hidden layers by their numbers."""
    return f"hidden layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"


def change(n: Numbers) -> str:
    """How δ changes per layer, as measured and as predicted."""
    predicted = n.get("predicted_rate")
    if "rate" not in n:
        theory = f" (theory ×{predicted:.3g} per layer)" if predicted else ""
        return f"δ goes out on its way back{theory}"
    beside = [f"theory {predicted:.3g}"] if predicted else []
    if "n_zero" in n:
        beside.append(f"it is 0 in {n['n_zero']} of {n['n_networks']} networks")
    verb = "shrinks" if n["rate"] < 1 else "grows"
    said = f"δ {verb} ×{n['rate']:.3g} per layer going back"
    return f"{said} ({'; '.join(beside)})" if beside else said


def _lost(n: Numbers) -> str:
    said = "all of it" if math.isinf(n["decades"]) else f"{abs(n['decades']):.1f} decades"
    return f"{said} over {many(n['depth'], 'hidden layer')}"


def _made_up(n: Numbers) -> str:
    """A remark if δ flows at the end nevertheless."""
    made_up = "decades_made_up" in n
    return f" (training made up for it: {n['decades_made_up']:.1f} at the end)" if made_up else ""


def _in_theory(n: Numbers, when: str = "") -> str:
    """The predicted share in words, if there is one."""
    return f" (theory {n['predicted_share']:.0%}{when})" if "predicted_share" in n else ""


SENTENCES: Mapping[str, Sentence] = {
    "symmetric": _symmetric,
    "unexpected_start": _unexpected_start,
    "chaotic": _chaotic,
    "exploding": _exploding,
    "saturation": _saturation,
    "inactive": _inactive,
    "dead": _dead,
    "hidden_vanishing": _hidden_vanishing,
    "vanishing": _vanishing,
}
"""By kind of verdict."""
