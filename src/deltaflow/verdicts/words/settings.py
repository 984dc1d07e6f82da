"""Sentences on settings that keep a network from learning."""

from collections.abc import Mapping

from deltaflow.system.wording import many
from deltaflow.verdicts.verdict import Sentence, Verdict
from deltaflow.verdicts.words.network import hidden_layers


def _doubled(verdict: Verdict) -> str:
    n = verdict.numbers
    measured = f"δ is {n['delta']:.2g} at the output, where " if "delta" in n else ""
    return (
        f"The output has a {n['output_activation']} and the loss has its own: {measured}theory "
        f"gives δ = {n['predicted_delta']:.2g} for both and {n['predicted_delta_alone']:.2g} for "
        f"one, and the loss cannot fall below {n['floor']:.2g}."
    )


def _unscaled(verdict: Verdict) -> str:
    names = {"input_second_moment": "inputs have mean(x²)", "target_second_moment": "targets have "
             "mean(y²)"}  # fmt: skip
    sizes = " and ".join(f"{names[key]} = {n:.3g}" for key, n in verdict.numbers.items())
    return f"Data are not standardised, and little is explained: {sizes}."


def _bottleneck(verdict: Verdict) -> str:
    n, layers = verdict.numbers, verdict.layers
    return (
        f"Too few units: {hidden_layers(layers)} of {many(n['units'], 'unit')} "
        f"pass{'es' * (len(layers) == 1)} too little on, and little is explained; "
        f"{n['needed']} units can approximate any function."
    )


SENTENCES: Mapping[str, Sentence] = {
    "doubled": _doubled,
    "unreachable": "The {output_activation} on the output keeps it from the targets: whatever the "
    "weights, the loss cannot fall below {floor:.3g}, and the best constant output has "
    "{best_constant:.3g}.",
    "unscaled": _unscaled,
    "weight_decay": "Weight decay outweighs the loss: at the start the decay {weight_decay:g} "
    "pulls at the weights {pull:.2g} times as hard, and little is explained.",
    "clipping": "Clipping leaves next to nothing of the gradient: its norm is {gradient_norm:.2g} "
    "at the start and cut to {clip_norm:.2g}, updates are {update:.1g} of the weights' length, and "
    "little is explained.",
    "dropout": "Dropout leaves too few units: {units_left:.2g} of the smallest layer with "
    "{dropout:g}, so that at most {signal:.0%} of a signal's power passes, were all units alike, "
    "and the rest is noise.",
    "bottleneck": _bottleneck,
}
"""By kind of verdict."""
