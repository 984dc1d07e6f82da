"""Verdicts on a watched model in words, with remedies for PyTorch code."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deltaflow.system.escaping import listing
from deltaflow.verdicts.thresholds import NEGLIGIBLE
from deltaflow.verdicts.verdict import Numbers, Verdict


def words(verdict: Verdict, names: Sequence[str]) -> str:
    """A verdict in a few sentences, with a remedy.

    Args:
        verdict: the verdict.
        names: names of all layers, in the order of the table.
    """
    where = listing([names[layer - 1] for layer in verdict.layers], most=3)
    n: dict[str, Any] = {**verdict.numbers, "where": where}
    if "depth" in n:
        n["change"] = _change(n, names)
    said = _SENTENCES[verdict.kind]
    return said.format_map(n) if isinstance(said, str) else said(n)


def _divergence(n: Numbers) -> str:
    if n["step"] == 0:
        return (
            "The loss is not finite before any update: look at the inputs and targets, at the size "
            "of the weights, and at logarithms, roots and divisions in the loss."
        )
    update = n.get("update")
    longest = f", after updates of {update:.2g} of the weights' length" if update else ""
    return (
        f"Training diverges: the loss is not finite from step {n['step']} on{longest}. Use a "
        "smaller lr, or `torch.nn.utils.clip_grad_norm_` before `optimizer.step()`."
    )


def _exploding(n: Numbers) -> str:
    return f"Gradients explode: {n['change']}. {_initialise(n)}"


def _vanishing(n: Numbers) -> str:
    return f"Gradients vanish: {n['change']}. {_initialise(n)}"


def _doubled(n: Numbers) -> str:
    own = n["output_activation"]
    loss = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy_with_logits"}[own]
    return (
        f"A {own} stands in front of `{loss}`, which has its own, so that the gradient is "
        f"attenuated twice and the loss cannot reach 0. Hand it logits: leave the {own} out."
    )


def _stalled(n: Numbers) -> str:
    factor = n["factor"]
    larger = f"one {factor:.0e} times larger" if math.isfinite(factor) else "a larger one"
    return (
        f"Steps are too short: updates are {n['update']:.1g} of the weights' length, so that in "
        f"{n['n_steps']} steps no weight can have moved far, and {_loss(n)}. The lr is too small: "
        f"try {larger}, or see whether gradients are clipped to almost nothing."
    )


def _plateau(n: Numbers) -> str:
    ignores = (
        " The outputs do not depend on the sample." if n.get("response", 1.0) < NEGLIGIBLE else ""
    )
    return (
        f"Nothing is learnt though gradients flow ({n['change']}): {_loss(n)}.{ignores} Try "
        "to learn ten samples by heart; if that works, look at data and labels, and if not, at the "
        "loss and at the inputs of the model."
    )


def _healthy(n: Numbers) -> str:
    losses = f"; {_loss(n)}" if "last_loss" in n else ""
    return f"No finding: {n['change']}{losses}."


def _change(n: Numbers, names: Sequence[str]) -> str:
    """How δ changes going back at the start, in words."""
    if n["depth"] < 2 or "decades" not in n:
        return "δ has no layers to cross" if n["depth"] < 2 else "δ is 0 or not known"
    ends = f"from `{names[n['depth'] - 1]}` back to `{names[0]}`"
    if "rate" not in n:
        return f"nothing of δ is left on its way {ends}"
    lost = n["decades"]
    which = "loses" if lost > 0 else "gains"
    theory = f" (theory ×{n['predicted_rate']:.2g})" if "predicted_rate" in n else ""
    return (
        f"δ changes by ×{n['rate']:.2g} a layer{theory} and {which} {abs(lost):.1f} decades {ends}"
    )


def _initialise(n: Numbers) -> str:
    """The initialisation that keeps the size of δ for the most frequent activation, in words."""
    name, flat = n.get("activation", ""), n.get("has_flat_part", False)
    if flat:
        way = "`torch.nn.init.kaiming_normal_(layer.weight)` and biases of 0 keep its size"
    elif name.lower() in ("sigmoid", "softplus", "logsigmoid"):
        way = f"no usual initialisation of a deep network with {name} keeps it: use `torch.nn.ReLU`"
        way += " with `torch.nn.init.kaiming_normal_(layer.weight)`"
    else:
        way = "`torch.nn.init.xavier_normal_(layer.weight, gain=1)` and biases of 0 nearly keep it"
    return f"In a plain chain {way}; so do normalisation and residual connections."


def _loss(n: Numbers) -> str:
    return f"the loss goes from {n['first_loss']:.3g} to {n['last_loss']:.3g}"


_SENTENCES: Mapping[str, str | Callable[[Numbers], str]] = {  # templates, or functions
    "detached": "No gradient reaches {where}, though the weights ask for one: what comes after is "
    "cut off by `detach()`, `no_grad()`, `.item()` or NumPy, or does not enter the loss. Let the "
    "loss depend on it, or set `requires_grad_(False)` if that is meant.",
    "unoptimized": "The weights of {where} get gradients and never move. Hand them to the "
    "optimizer: `optimizer.add_param_group({{'params': layer.parameters()}})`, or build it after "
    "the model is complete; or see whether its step is skipped or its lr is 0.",
    "accumulated": "Gradients of earlier steps are still in `.grad` at step {step}, so each step "
    "goes where the sum of all points. Call `optimizer.zero_grad()` before every `backward()`.",
    "symmetric": "Units of {where} start as copies of one another, {distinct_units} of them "
    "different, and get the same gradients, so that they stay so. Draw the weights: "
    "`torch.nn.init.kaiming_normal_(layer.weight)`.",
    "divergence": _divergence,
    "exploding": _exploding,
    "vanishing": _vanishing,
    "doubled": _doubled,
    "saturation": "{share:.0%} of the pre-activations of {where} lie where the slope of the "
    "activation is below a twentieth of its steepest. Standardise the inputs, start with smaller "
    "weights (`torch.nn.init.xavier_normal_(layer.weight)`), or use a smaller lr if they are fine "
    "at the start.",
    "inactive": "{share:.0%} of the pre-activations of {where} lie on the flat part of the "
    "activation, which passes no gradient. Start with biases of 0 and "
    "`torch.nn.init.kaiming_normal_(layer.weight)`, use a smaller lr if they are fine at the "
    "start, or `torch.nn.LeakyReLU`.",
    "dead": "{share:.0%} of the units of {where} are off for every sample of the last measured "
    "batches ({share_by_chance:.0%} could be by chance). Use a smaller lr, or "
    "`torch.nn.LeakyReLU`, whose units cannot die.",
    "violent": "Steps are too long: at step {step} the update of {where} is {update:.2g} of the "
    "weights' length, and the loss goes from {first_loss:.3g} to {last_loss:.3g}. Use a smaller "
    "lr: updates of 0.001 to 0.01 train well.",
    "stalled": _stalled,
    "plateau": _plateau,
    "healthy": _healthy,
}

KINDS = tuple(kind for kind in _SENTENCES if kind != "healthy")
"""The kinds of findings on a watched model."""
