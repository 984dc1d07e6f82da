"""Sentences on what training did."""

from deltaflow.verdicts.thresholds import KEPT, USUAL_UPDATE
from deltaflow.verdicts.verdict import Verdict
from deltaflow.verdicts.words.network import change


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
    crossing = change(n) if n["depth"] > 1 else crossed[n["depth"]]
    if "learnt" not in n:
        return f"Healthy: {crossing}."
    if n["learnt"] > KEPT:
        learnt = f"training took away {n['learnt']:.0%} of the loss of the best constant output"
        return f"Healthy: {crossing}, {learnt}."
    steps = f"{n['n_steps']} step{'s' * (n['n_steps'] != 1)}"
    return f"Healthy: {crossing}, after {steps} it is early to say what is learnt."


SENTENCES = {
    "divergence": _divergence,
    "doubled": _doubled,
    "violent": _violent,
    "stalled": _stalled,
    "plateau": _plateau,
    "healthy": _healthy,
}
"""By kind of verdict."""
