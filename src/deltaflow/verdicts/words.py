"""The one place that puts verdicts into words.

>>> advice_words(Advice(("init=he",), {"rate": 1}))
'Try init=he, predicted ×1 per layer.'
"""

import math
from typing import Any

from deltaflow.verdicts.thresholds import KEPT, USUAL_UPDATE
from deltaflow.verdicts.verdict import Advice, Numbers, Verdict


def words(verdict: Verdict) -> str:
    """A verdict as a sentence or a few."""
    found = _SENTENCES[verdict.kind](verdict)
    return found if verdict.advice is None else f"{found} {advice_words(verdict.advice)}"


def recorded(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it stands in the summary."""
    advice = verdict.advice or Advice()
    return {
        "kind": verdict.kind,
        "words": words(verdict),
        "when": verdict.when,
        "layers": list(verdict.layers),
        "numbers": dict(verdict.numbers),
        "overrides": list(advice.overrides),
        "leave_out": list(advice.leave_out),
        "predicted": dict(advice.predicted),
    }


_BASIS = {
    "scatter": "Layers of {narrowest:.0f} unit{s} scatter by ±{scatter:.1f} decades. ",
}
_PREDICTED = {  # by quantity, in the order of importance
    "rate": "predicted ×{:.3g} per layer",
    "saturated": "predicted {:.0%} saturated",
    "scatter": "predicted ±{:.1f}",
    "layers_to_cross": "where δ has one layer to cross",
    "first_update": "predicted first update {:.1g} of the weights' length",
    "update": "predicted update {:.1g}",
    "input_second_moment": "predicted mean(x²) = {:.3g}",
    "delta_factor": "predicted δ ×{:.2g}",
    "delta": "predicted δ {:.2g}",
}
_WHY = {"activation=leaky": ", whose units cannot die"}


def advice_words(advice: Advice) -> str:
    """What to try, and what is predicted of it."""
    basis = advice.basis
    if "step_divided_by" in basis:
        return f"Try a step size {basis['step_divided_by']:g} times smaller."
    if not advice.overrides:
        return "Try a larger step size."
    predicted = "".join(f", {_PREDICTED[name].format(n)}" for name, n in advice.predicted.items()
                        if math.isfinite(n))  # fmt: skip
    instead = f" instead of {size:.3g}" if (size := basis.get("input_second_moment")) else ""
    before = ""
    if "scatter" in basis:
        several = "s" * (basis["narrowest"] != 1)
        before = _BASIS["scatter"].format(s=several, **basis)
    other = "".join(f", or {o}{_WHY.get(o, '')}" for o in advice.alternatives)
    without = f" Leave out {' '.join(advice.leave_out)}." if advice.leave_out else ""
    return f"{before}Try {' '.join(advice.overrides)}{predicted}{instead}{other}.{without}"


def _symmetric(verdict: Verdict) -> str:
    several = "s" * (len(verdict.layers) > 1)
    return (
        f"Units are copies: in hidden layer{several} {', '.join(map(str, verdict.layers))} all of "
        "them start with the same weights in and out, so each gets the same gradient, and the "
        "layer works as one unit."
    )


def _chaotic(verdict: Verdict) -> str:
    n = verdict.numbers
    deepest = n["trainable_depth"]
    beyond = f", of which {deepest:.0f} are trainable" if n["depth"] > deepest else ""
    return (
        f"Chaotic phase: inputs part (theory: χ₁ = {n['chi']:.3g}, c* = {n['c']:.2g}), and "
        f"{_change(n)}, {-n['decades']:.1f} decades over {n['depth']} hidden layers{beyond}."
    )


def _exploding(verdict: Verdict) -> str:
    return f"Gradients explode: {_change(verdict.numbers)}, {_lost(verdict.numbers)}."


def _hidden_vanishing(verdict: Verdict) -> str:
    n = verdict.numbers
    seen = max(abs(n["weight_decades"]), 0.1)
    return (
        f"Gradients vanish unseen: {_change(n)}, {_lost(n)}, while weight gradients stay within "
        f"{seen:.1f}{_made_up(n)}."
    )


def _vanishing(verdict: Verdict) -> str:
    n = verdict.numbers
    if verdict.when == "start":
        return f"Gradients vanish: {_change(n)}, {_lost(n)}{_made_up(n)}."
    return (
        f"Gradients come to vanish in training: δ loses {n['decades_at_end']:.1f} decades over "
        f"{n['depth']} hidden layers at the end, {n['decades']:.1f} at the start, and "
        f"{n['loss_left']:.0%} of the loss of the best constant output is left."
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


def _divergence(verdict: Verdict) -> str:
    n = verdict.numbers
    who = f"{n['n_diverged']} of {n['n_seeds']} seeds" if n["n_seeds"] > 1 else "the network"
    found = f"Training diverges: loss or weights of {who} are not finite from step {n['step']} on"
    if verdict.when == "start":
        return f"{found}, since signals overflow before any update."
    moved = n.get("first_update")
    return f"{found}." if moved is None else (
        f"{found}, after a first update {moved:.2g} of the weights' length."
    )  # fmt: skip


def _doubled(verdict: Verdict) -> str:
    n = verdict.numbers
    measured = f"δ is {n['delta']:.2g} at the output, where " if "delta" in n else ""
    return (
        f"The output has a {n['output_activation']} and the loss has its own: {measured}theory "
        f"gives δ = {n['predicted_delta']:.2g} for both and {n['predicted_delta_alone']:.2g} for "
        f"one, and the loss cannot fall below {n['floor']:.2g}."
    )


def _violent(verdict: Verdict) -> str:
    n, (layer,) = verdict.numbers, verdict.layers
    worse = (
        f"the loss ends at {n['last_loss']:.3g}, having begun at {n['first_loss']:.3g} (the best "
        f"constant output has {n['best_constant']:.3g}), and "
        if "last_loss" in n
        else ""
    )
    return (
        f"Updates are violent: {worse}at step {n['step']} layer {layer} moved by "
        f"{n['update']:.2g} of its weights' length."
    )


def _stalled(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"Updates stall: {n['update']:.1g} of the weights' length a step ({USUAL_UPDATE:g} is "
        f"usual), so {n['n_steps']} steps moved no layer by more than "
        f"{n['update'] * n['n_steps']:.1g} of it, and the loss went from {n['first_loss']:.3g} to "
        f"{n['last_loss']:.3g}."
    )


_CAUSES = {
    "no_hidden_layer": "Without a hidden layer it is a linear model.",
    "linear_activation": "φ is linear, so all layers are one linear map in theory.",
    "unknown": "Look at data and labels: sixteen rows are learnt by heart by a sound network.",
}


def _plateau(verdict: Verdict) -> str:
    n = verdict.numbers
    flow = f" (δ changes ×{n['rate']:.3g} per layer going back)" if "rate" in n else ""
    return (
        f"The loss stays where it was although gradients flow{flow}: {n['last_loss']:.3g} at the "
        f"end, and {n['best_constant']:.3g} is what the best constant output has. The cause lies "
        f"elsewhere. {_CAUSES[n['cause']]}"
    )


def _healthy(verdict: Verdict) -> str:
    n = verdict.numbers
    crossed = ("δ has no hidden layer to cross", "δ has one hidden layer to cross")
    change = _change(n) if n["depth"] > 1 else crossed[n["depth"]]
    if "learnt" not in n:
        return f"Healthy: {change}."
    if n["learnt"] > KEPT:
        learnt = f"training took away {n['learnt']:.0%} of the loss of the best constant output"
        return f"Healthy: {change}, {learnt}."
    steps = f"{n['n_steps']} step{'s' * (n['n_steps'] != 1)}"
    return f"Healthy: {change}, after {steps} it is early to say what is learnt."


def _change(n: Numbers) -> str:
    """How δ changes per layer, as measured and as predicted."""
    predicted = n.get("predicted_rate")
    if "rate" not in n:
        beside = f" (theory ×{predicted:.3g} per layer)" if predicted else ""
        return f"δ goes out on its way back{beside}"
    beside = f" (theory {predicted:.3g})" if predicted else ""
    verb = "shrinks" if n["rate"] < 1 else "grows"
    return f"δ {verb} ×{n['rate']:.3g} per layer going back{beside}"


def _lost(n: Numbers) -> str:
    said = "all of it" if math.isinf(n["decades"]) else f"{abs(n['decades']):.1f} decades"
    return f"{said} over {n['depth']} hidden layer{'s' * (n['depth'] > 1)}"


def _made_up(n: Numbers) -> str:
    """Whether δ flows at the end all the same."""
    made_up = "decades_made_up" in n
    return f" (training made up for it: {n['decades_made_up']:.1f} at the end)" if made_up else ""


def _in_theory(n: Numbers, when: str = "") -> str:
    """The share that theory predicts."""
    return f" (theory {n['predicted_share']:.0%}{when})" if "predicted_share" in n else ""


_SENTENCES = {
    "symmetric": _symmetric,
    "chaotic": _chaotic,
    "exploding": _exploding,
    "divergence": _divergence,
    "saturation": _saturation,
    "inactive": _inactive,
    "dead": _dead,
    "hidden_vanishing": _hidden_vanishing,
    "vanishing": _vanishing,
    "doubled": _doubled,
    "violent": _violent,
    "stalled": _stalled,
    "plateau": _plateau,
    "healthy": _healthy,
}
