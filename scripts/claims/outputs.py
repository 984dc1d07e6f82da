"""Claims I, L and P: softmax and sigmoid on the output."""

from collections.abc import Mapping

import polars as pl
import torch

from claims.claim import Bound, Claim, Condition, Measure
from claims.evidence import Evidence, label, paired
from claims.networks import by_seed, test_rows, trained
from deltaflow.comparison.configuration import Configuration
from deltaflow.comparison.statistics.paired_tests import BySeed
from deltaflow.records import LAYERS

_SECOND = "network.output_activation"
_POINT = 0.01  # of accuracy
_TEMPERATURES = (1, 10)


def attenuation(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By data and moment, how many decades a second softmax takes from δ at the output."""
    found = {}
    for data in evidence.among("data"):
        with_it, without = (
            _output_delta(evidence.of({"data": data, _SECOND: name})) for name in ("softmax", None)
        )
        for moment, own in without.items():
            found[label({"data": data}, moment)] = paired(own, with_it[moment])
    return found


def output_compared(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By depth, the accuracy that a sigmoid on the output has more than a plain number."""
    found = {}
    for depth in evidence.among("network.depth"):
        settings = {"network.depth": depth, "activation": "relu"}
        accuracies = (
            evidence.of({**settings, "loss": loss}).values("test", "accuracy")
            for loss in ("bce", "mse")
        )
        found[label({"network.depth": depth})] = paired(*accuracies)
    return found


def hidden_compared(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By depth and opponent, the accuracy that sigmoid in the hidden layers costs."""
    found = {}
    for depth in evidence.among("network.depth"):
        settings = {"network.depth": depth, "loss": "bce"}
        sigmoid = evidence.of({**settings, "activation": "sigmoid"}).values("test", "accuracy")
        for other in ("tanh", "relu"):
            own = evidence.of({**settings, "activation": other}).values("test", "accuracy")
            found[label({"network.depth": depth}, f"against {other}")] = paired(own, sigmoid)
    return found


def exaggeration(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By data, training and temperature, how much wider apart softmax puts the first two classes.

    The logits z are compared as shares of their range, which have no scale: (z₁ − z₂)/(z₁ − z_K)
    beside p₁ − p₂, z₁ ≥ z₂ ≥ … ≥ z_K those of one test row, averaged over the rows.
    """
    found = {}
    for data in evidence.among("data"):
        for epochs in evidence.among("trainer.max_epochs"):
            settings = {"data": data, "trainer.max_epochs": epochs}
            one = evidence.of(settings)
            with torch.no_grad():
                logits = trained(one)(test_rows(one)[0]).double()
            for temperature in _TEMPERATURES:
                gained = gap_gained(logits / temperature)
                condition = label(settings, f"temperature {temperature}")
                found[condition] = by_seed(one, gained)
    return found


def gap_gained(logits: torch.Tensor) -> torch.Tensor:
    """The gap of the two largest probabilities minus that of the logits, as shares of their range.

    Args:
        logits: ``[R, rows, classes]``, at least 3 classes.

    Returns:
        ``[R]``, −1 to 1, mean over the rows.

    >>> gap_gained(torch.tensor([[[0.0, 1.0, 2.0]], [[0.0, 10.0, 20.0]]])).round(decimals=2)
    tensor([-0.0800,  0.5000])
    """
    ordered, shares = logits.sort(-1, descending=True)[0], logits.softmax(-1)
    first = shares.sort(-1, descending=True)[0]
    ranges = (ordered[..., 0] - ordered[..., -1]).clamp(min=torch.finfo(logits.dtype).tiny)
    linear = (ordered[..., 0] - ordered[..., 1]) / ranges
    return (first[..., 0] - first[..., 1] - linear).mean(-1)


def _output_delta(one: Configuration) -> dict[str, dict[int, float]]:
    """log₁₀ of the RMS of δ in the output layer, by moment and seed."""
    columns = ("seed", "step", "layer", "delta_rms")
    frame = pl.concat([run.table(LAYERS, columns) for run in one.runs.values()])
    output = frame.filter(pl.col("layer") == pl.col("layer").max(), pl.col("delta_rms") > 0)
    log, step = pl.col("delta_rms").log10(), pl.col("step")
    parts = {
        "at the start": output.filter(step == step.min()),
        "mean over training": output,
        "at the end": output.filter(step == step.max()),
    }
    return {
        moment: dict(rows.group_by("seed").agg(log.mean()).sort("seed").iter_rows())
        for moment, rows in parts.items()
    }


CLAIMS = (
    Claim(
        "I",
        "softmax_before_cross_entropy_attenuates",
        "A softmax on the output, in front of cross-entropy, which has its own, attenuates the "
        "gradient.",
        (
            Measure(
                "log₁₀ of δ at the output without the second softmax, minus that with it",
                "decades",
                Bound(low=0),
                "To attenuate is to make δ smaller.",
                attenuation,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=15", "data=iris,digits"),
        remark="At the start both networks have the same weights. Later a network without the "
        "second softmax has a small δ because its error is small, and one with it a larger δ "
        "because its loss cannot go away: what is attenuated is the start of learning.",
    ),
    Claim(
        "L",
        "sigmoid_belongs_on_the_output",
        "Sigmoid belongs on the output of a binary classifier, and not into its hidden layers.",
        (
            Measure(
                "test accuracy with sigmoid and binary cross-entropy on the output, minus that "
                "with a plain number and squared error",
                "",
                Bound(low=-_POINT),
                "It belongs there if it costs no more than a point of accuracy.",
                output_compared,
                part="it is about the output",
            ),
            Measure(
                "test accuracy with the other activation in the hidden layers, minus that with "
                "sigmoid there",
                "",
                Bound(low=_POINT),
                "It does not belong there if it costs more than a point of accuracy.",
                hidden_compared,
                part="it is about the hidden layers",
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=20", "network.depth=1,6"),
        remark="One split of one data set with two classes, plain SGD with momentum.",
    ),
    Claim(
        "P",
        "softmax_exaggerates_differences",
        "Softmax exaggerates the differences between logits.",
        (
            Measure(
                "gap of the two largest probabilities, minus the gap of their logits as a share of "
                "the logits' range",
                "",
                Bound(low=0),
                "To exaggerate is to put the first two further apart than a linear rescaling of "
                "the logits to 0 … 1 does.",
                exaggeration,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=1,30"),
        remark="In absolute terms softmax never widens a gap: p₁ − p₂ ≤ (z₁ − z₂)/2. Networks that "
        "were trained for longer have larger logits; dividing them by 10 is softmax at temperature "
        "10 (Hinton et al. 2015, arXiv:1503.02531).",
    ),
)
