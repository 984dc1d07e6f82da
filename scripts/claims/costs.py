"""Claims J and K: what an activation and a precision cost, in rounds that take turns."""

from collections.abc import Mapping

from claims.claim import Bound, Claim, Condition, Measure
from claims.evidence import Evidence, label, paired, ratio, seconds
from deltaflow.comparison.configuration import Configuration
from deltaflow.comparison.statistics.paired_tests import BySeed

_PRECISION = "trainer.precision"
_FEW_ROUNDS = ",".join(str(100 * round_) for round_ in range(11))
_PAIRS = (("64-true", "32-true"), ("32-true", "bf16-mixed"))


def cost_of_tanh(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By width, the time of a run with tanh over that of the one with ReLU, by round."""
    return {
        label({"network.width": width}): ratio(
            *(
                _warm(evidence.of({"network.width": width, "activation": name}))
                for name in ("tanh", "relu")
            )
        )
        for width in evidence.among("network.width")
    }


def cost_of_precision(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """The time of a run in a higher precision over that in the next lower one, by round."""
    return {
        (f"{high} over {low}",): ratio(
            *(_warm(evidence.of({_PRECISION: name})) for name in (high, low))
        )
        for high, low in _PAIRS
    }


def gain_by_precision(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """The accuracy that a higher precision adds to the next lower one, by seed."""
    return {
        (f"{high} over {low}",): paired(
            *(evidence.of({_PRECISION: name}).values("test", "accuracy") for name in (high, low))
        )
        for high, low in _PAIRS
    }


def _warm(one: Configuration) -> Mapping[int, float]:
    """Seconds of all rounds but the first, in which libraries are still being loaded."""
    found = seconds(one)
    return {seed: found[seed] for seed in sorted(found)[1:]}


CLAIMS = (
    Claim(
        "J",
        "tanh_costs_more_than_relu",
        "Tanh costs somewhat more to compute than ReLU, though not much.",
        (
            Measure(
                "wall time of a training with tanh over that of one with ReLU",
                "×",
                Bound(low=1, high=1.5),
                "Somewhat more is above 1; not much is less than half as much again.",
                cost_of_tanh,
            ),
        ),
        quick=("trainer.max_epochs=8", f"seed={_FEW_ROUNDS}"),
        over="rounds",
        remark="The two take turns; a ratio is that of two runs in a row, so what slows a whole "
        "round down cancels, and what slows one of its runs widens the interval. Times are those "
        "of whole runs, without measuring of δ, and of this machine's processor.",
    ),
    Claim(
        "K",
        "precision_costs_and_helps",
        "Higher precision costs more, and often gives better results.",
        (
            Measure(
                "wall time of a training over that in the next lower precision",
                "×",
                Bound(low=1),
                "To cost more is to take longer.",
                cost_of_precision,
                part="it is about cost",
            ),
            Measure(
                "test accuracy minus that in the next lower precision",
                "",
                Bound(low=0),
                "A better result is a higher accuracy.",
                gain_by_precision,
                part="it is about results",
            ),
        ),
        quick=("trainer.max_epochs=4",),
        over="rounds (cost) and seeds (gain)",
        remark="The precisions take turns; a ratio is that of two runs of one round. A processor "
        "without arithmetic for bfloat16 has to emulate it. Memory, which the precision halves "
        "whatever the machine, is not measured. One split of one data set.",
    ),
)
