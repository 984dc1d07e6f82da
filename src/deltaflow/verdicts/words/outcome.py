"""Sentences on the result of a run."""

import math
from collections.abc import Mapping

from deltaflow.system.wording import many, replica_word
from deltaflow.verdicts.thresholds import FEWEST_STEPS
from deltaflow.verdicts.verdict import Numbers, Sentence, Verdict
from deltaflow.verdicts.words.network import change

_CAUSES = {
    "no_hidden_layer": "Without a hidden layer it is a linear model.",
    "linear_activation": "φ is linear, so all layers are one linear map in theory.",
    "schedule": "The schedule ends the steps: their mean is less than half of the first.",
    "short_steps": "Steps can be longer.",
    "label_noise": "Half of the training labels or more are replaced by others.",
    "unknown": "Look at data and labels: sixteen rows are learnt by heart by a sound network.",
    "few_rows": "Rows as few as these are learnt by heart by a sound network: look at them.",
}


def _plateau(verdict: Verdict) -> str:
    n = verdict.numbers
    flow = f" (δ changes ×{n['rate']:.3g} per layer going back)" if "rate" in n else ""
    return (
        f"The loss stays where it was although gradients flow{flow}: {n['last_loss']:.3g} at the "
        f"end, and {n['best_constant']:.3g} is what the best constant output has. The cause lies "
        f"elsewhere. {_CAUSES[n['cause']]}"
    )


def _undertrained(verdict: Verdict) -> str:
    n = verdict.numbers
    moved = f" with updates of {n['update']:.1g} of the weights' length" if "update" in n else ""
    return (
        f"Training ends too early: the second half of {n['n_steps']} steps{moved} took "
        f"{n['fall']:.2g} off the loss, which still falls, and {n['last_loss']:.3g} is left."
    )


def _by_heart(verdict: Verdict) -> str:
    n = verdict.numbers
    noise = (
        f" {n['label_noise']:.0%} of the training labels were replaced."
        if "label_noise" in n
        else " Look at data and labels, or find more rows: theory knows of none of these."
    )
    return (
        f"Only training rows are explained: {n['explained']:.0%} of their target, and of other "
        f"rows at no epoch more than {max(n['explained_elsewhere'], 0.0):.0%}.{noise}"
    )


def _overfitting(verdict: Verdict) -> str:
    n = verdict.numbers
    worse = (
        f", and {n['explained_at_best']:.0%} of the target was explained then, less than by a "
        "constant now"
        if "explained_at_best" in n
        else ""
    )
    return (
        f"Overfitting: the validation loss was {n['best_loss']:.3g} after epoch "
        f"{n['best_epoch'] + 1} of {n['n_epochs']} and is {n['last_loss']:.3g} at the end{worse}."
    )


def _unlike_rows(verdict: Verdict) -> str:
    n, part = verdict.numbers, verdict.numbers["part"]
    other = "test" if part == "validation" else "validation"
    found = (
        f"the loss is {n[f'{part}_loss']:.3g} there, more than a constant has, and "
        f"{n[f'{other}_loss']:.3g} on {other} rows"
        if f"{part}_loss" in n
        else f"the loss is not finite there, and {n['training_loss']:.3g} on training rows"
    )
    return (
        f"{part.capitalize()} rows are unlike the others: {found}. Look for rows of another size "
        "or origin."
    )


def _missed_class(verdict: Verdict) -> str:
    n = verdict.numbers
    more = f", and {n['n_missed'] - 1} more" if n["n_missed"] > 1 else ""
    return (
        f"A class is never predicted: number {n['class']}{more}, with {n['share']:.2g} of the "
        "training rows. The loss hardly counts it."
    )


def _failed_seeds(verdict: Verdict) -> str:
    n = verdict.numbers
    kind = n["cause"].replace("_", " ") if "cause" in n else ""
    cause = f"By themselves they would be told: {kind}." if kind else "Chance decides."
    return (
        f"{n['n_failed']} of {many(n['n_seeds'], replica_word(n.get('n_folds', 1)))} fail: they "
        "took away less than half as much of the loss as the best, which took away "
        f"{n['best']:.0%}. {cause}"
    )


def _partial(verdict: Verdict) -> str:
    n = verdict.numbers
    return (
        f"Gradients flow ({_crossing(n)}), and the network explains only part of the target: "
        f"{_result(n)}. "
        + (
            f"The loss still falls, by {n['fall']:.2g} in the second half of training."
            if "fall" in n
            else "Whether the data hold more, theory cannot say."
        )
    )


def _healthy(verdict: Verdict) -> str:
    n = verdict.numbers
    if "explained" not in n:
        return f"Healthy: {_crossing(n)}."
    if n["n_steps"] < FEWEST_STEPS:
        steps = many(n["n_steps"], "step")
        return f"Healthy: {_crossing(n)}, after {steps} it is early to say what is learnt."
    return f"Healthy: {_crossing(n)}, {_result(n)}."


def _crossing(n: Numbers) -> str:
    if math.isinf(n.get("decades", 0.0)):
        return "the output layer starts at zero, so δ flows from the first update on"
    crossed = ("δ has no hidden layer to cross", "δ has one hidden layer to cross")
    return change(n) if n["depth"] > 1 else crossed[n["depth"]]


def _result(n: Numbers) -> str:
    """How much is explained, by the metric and in comparison with a constant."""
    if "accuracy" in n:
        beside = f" (the largest class has {n['majority']:.3g})" if "majority" in n else ""
        return f"training accuracy {n['accuracy']:.3g}{beside}"
    if "r2" in n:
        return f"training R² {n['r2']:.3g} (the mean has 0)"
    return f"training took away {n['explained']:.0%} of the loss of the best constant output"


SENTENCES: Mapping[str, Sentence] = {
    "plateau": _plateau,
    "undertrained": _undertrained,
    "by_heart": _by_heart,
    "overfitting": _overfitting,
    "unlike_test_rows": _unlike_rows,
    "unlike_validation_rows": _unlike_rows,
    "missed_class": _missed_class,
    "failed_seeds": _failed_seeds,
    "partial": _partial,
    "healthy": _healthy,
}
"""By kind of verdict."""
