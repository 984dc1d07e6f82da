"""Sentences on the updates of training."""

from collections.abc import Mapping

from deltaflow.system.wording import many, replica_word
from deltaflow.verdicts.thresholds import USUAL_UPDATE
from deltaflow.verdicts.verdict import Sentence, Verdict


def _divergence(verdict: Verdict) -> str:
    n = verdict.numbers
    of = many(n["n_seeds"], replica_word(n.get("n_folds", 1)))
    who = f"{n['n_diverged']} of {of}" if n["n_seeds"] > 1 else "the network"
    found = f"Training diverges: loss or weights of {who} are not finite from step {n['step']} on"
    if verdict.when == "start":
        return f"{found}, since signals overflow before any update."
    moved = n.get("first_update")
    return f"{found}." if moved is None else (
        f"{found}, after a first update {moved:.2g} of the weights' length."
    )  # fmt: skip


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
    schedule = (
        f" The schedule has ended them: the first one was {n['first_update']:.1g} long."
        if "first_update" in n
        else ""
    )
    return (
        f"Updates stall: {n['update']:.1g} of the weights' length a step ({USUAL_UPDATE:g} is "
        f"usual), so {n['n_steps']} steps moved no layer by more than "
        f"{n['update'] * n['n_steps']:.1g} of it, and the loss went from {n['first_loss']:.3g} to "
        f"{n['last_loss']:.3g}.{schedule}"
    )


SENTENCES: Mapping[str, Sentence] = {
    "divergence": _divergence,
    "violent": _violent,
    "stalled": _stalled,
}
"""By kind of verdict."""
