"""Sentences on settings that keep a network from learning."""

from deltaflow.verdicts.verdict import Verdict


def _doubled(verdict: Verdict) -> str:
    n = verdict.numbers
    measured = f"δ is {n['delta']:.2g} at the output, where " if "delta" in n else ""
    return (
        f"The output has a {n['output_activation']} and the loss has its own: {measured}theory "
        f"gives δ = {n['predicted_delta']:.2g} for both and {n['predicted_delta_alone']:.2g} for "
        f"one, and the loss cannot fall below {n['floor']:.2g}."
    )


def _unreachable(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"The {n['output_activation']} on the output keeps it from the targets: whatever the "
        f"weights, the loss cannot fall below {n['floor']:.3g}, and the best constant output has "
        f"{n['best_constant']:.3g}."
    )


def _unscaled(verdict: Verdict) -> str:
    names = {"input_second_moment": "inputs have mean(x²)", "target_second_moment": "targets have "
             "mean(y²)"}  # fmt: skip
    sizes = " and ".join(f"{names[key]} = {n:.3g}" for key, n in verdict.numbers.items())
    return f"Data are not standardised, and little is explained: {sizes}."


def _weight_decay(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"Weight decay outweighs the loss: at the start the decay {n['weight_decay']:g} pulls at "
        f"the weights {n['pull']:.2g} times as hard, and little is explained."
    )


def _clipping(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"Clipping leaves next to nothing of the gradient: its norm is {n['gradient_norm']:.2g} at "
        f"the start and cut to {n['clip_norm']:.2g}, updates are {n['update']:.1g} of the "
        "weights' length, and little is explained."
    )


def _dropout(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"Dropout leaves too few units: {n['units_left']:.2g} of the smallest layer with "
        f"{n['dropout']:g}, so that at most {n['signal']:.0%} of a signal's power passes, were all "
        "units alike, and the rest is noise."
    )


def _bottleneck(verdict: Verdict) -> str:
    n, layers = verdict.numbers, verdict.layers
    units = f"{n['units']} unit{'s' * (n['units'] > 1)}"
    return (
        f"Too few units: hidden layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))} of "
        f"{units} pass{'es' * (len(layers) == 1)} too little on, and little is explained; "
        f"{n['needed']} units can approximate any function."
    )


SENTENCES = {
    "doubled": _doubled,
    "unreachable": _unreachable,
    "unscaled": _unscaled,
    "weight_decay": _weight_decay,
    "clipping": _clipping,
    "dropout": _dropout,
    "bottleneck": _bottleneck,
}
"""By kind of verdict."""
