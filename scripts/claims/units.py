"""Claims E to H: ReLU's zeros, its dead units, and leaky ReLU, which is to avoid them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from claims.claim import Bound, Claim, Condition, Measure
from claims.evidence import Evidence, label, of_units, paired
from claims.networks import by_seed, hidden_layers, trained, training_rows, untrained
from deltaflow.comparison.configuration import Configuration, Value
from deltaflow.comparison.statistics.intervals import interval
from deltaflow.comparison.statistics.paired_tests import BySeed
from deltaflow.nn.activations import derivative

_MANY = 0.1  # of the units
_SPLIT, _NOISE = "data.split_seed", "data.label_noise"
_Number = Callable[[Configuration], BySeed]


def share_of_zeros(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By label noise, the share of ReLU's activations that are 0, of each split."""
    return {
        label({_NOISE: noise}, "activation=relu"): _by_split(
            evidence, {_NOISE: noise, "activation": "relu"}, _zeros
        )
        for noise in evidence.among(_NOISE)
    }


def gain_over(evidence: Evidence, other: str) -> Mapping[Condition, BySeed]:
    """By label noise, the accuracy that ReLU has more than another activation, of each split."""
    return {
        label({_NOISE: noise}): paired(
            *(
                _by_split(evidence, {_NOISE: noise, "activation": name}, _accuracy)
                for name in ("relu", other)
            )
        )
        for noise in evidence.among(_NOISE)
    }


def died(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By step size, the share of the hidden units that died while it trained."""
    return {
        label({"optimizer.lr": lr}): paired(
            of_units(one, "dead_fraction", "end"), of_units(one, "dead_fraction", "start")
        )
        for lr in evidence.among("optimizer.lr")
        for one in [evidence.of({"optimizer.lr": lr})]
    }


def without_slope(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By step size, the share of leaky units that have slope 0 for every training row."""
    return {
        label({"optimizer.lr": lr}): _became(one, lambda z, phi: derivative(phi, z) == 0)
        for lr in evidence.among("optimizer.lr")
        for one in [evidence.of({"optimizer.lr": lr, "activation": "leaky"})]
    }


def on_one_side(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By step size, the share of leaky units that came to be below 0 for every training row."""
    return {
        label({"optimizer.lr": lr}): _became(one, _is_below)
        for lr in evidence.among("optimizer.lr")
        for one in [evidence.of({"optimizer.lr": lr, "activation": "leaky"})]
    }


def on_one_side_compared(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By step size, by how much that share is larger with ReLU."""
    return {
        label({"optimizer.lr": lr}): paired(
            *(
                _became(evidence.of({"optimizer.lr": lr, "activation": name}), _is_below)
                for name in ("relu", "leaky")
            )
        )
        for lr in evidence.among("optimizer.lr")
    }


def lost_by_slope(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By slope, the accuracy that the usual slope has more."""
    name = "activation.negative_slope"
    usual = evidence.of({name: 0.01}).values("test", "accuracy")
    return {
        label({name: slope}): paired(usual, evidence.of({name: slope}).values("test", "accuracy"))
        for slope in evidence.among(name)
        if slope != 0.01
    }


def _is_below(z: Tensor, _: nn.Module) -> Tensor:
    return z <= 0


def _became(one: Configuration, what: Callable[[Tensor, nn.Module], Tensor]) -> dict[int, float]:
    """The share of hidden units that are so for every training row, minus that at the start.

    Args:
        one: the configuration.
        what: of a layer's z ``[R, rows, units]`` and φ, which entries are so.
    """
    x, shares = training_rows(one), []
    for network in (trained(one), untrained(one)):
        pairs = zip(hidden_layers(network, x), network.activations, strict=True)
        units = [what(z, phi).all(dim=1) for (z, _), phi in pairs]
        shares.append(torch.cat(units, dim=1).double().mean(1))
    return by_seed(one, shares[0] - shares[1])


def _zeros(one: Configuration) -> BySeed:
    return of_units(one, "inactive_fraction")


def _accuracy(one: Configuration) -> BySeed:
    return one.values("test", "accuracy")


def _by_split(evidence: Evidence, settings: Mapping[str, Value], of: _Number) -> dict[int, float]:
    """A number's mean over seeds, by split."""
    means = {
        split: interval(of(evidence.of({**settings, _SPLIT: split})).values()).mean
        for split in evidence.among(_SPLIT)
    }
    return {int(split or 0): mean for split, mean in means.items() if mean is not None}


CLAIMS = (
    Claim(
        "E",
        "relu_sparsity_generalises",
        "The activations of ReLU are sparse, and this sparsity helps generalisation.",
        (
            Measure(
                "share of ReLU's activations that are 0 after training",
                "",
                Bound(low=0.5),
                "Sparse is when most of them are 0.",
                share_of_zeros,
                is_premise=True,
            ),
            Measure(
                "test accuracy of ReLU minus that of leaky ReLU, which differs by the zeros alone",
                "",
                Bound(low=0),
                "To help is to classify more unseen samples rightly than without the zeros.",
                lambda evidence: gain_over(evidence, "leaky"),
                part="the zeros alone are meant",
            ),
            Measure(
                "test accuracy of ReLU minus that of softplus, which differs by its curve as well",
                "",
                Bound(low=0),
                "To help is to classify more unseen samples rightly than without the zeros.",
                lambda evidence: gain_over(evidence, "softplus"),
                part="its kink is meant as well",
            ),
        ),
        quick=("data.label_noise=0", "data.split_seed=0,1,2,3,4,5", "trainer.max_epochs=15"),
        over="splits",
        remark="Intervals are over splits of the data, of each the mean over its seeds: the seeds "
        "of one split share their test rows. A gain over softplus alone need not come from the "
        "zeros. One data set with few rows, two hidden layers.",
    ),
    Claim(
        "F",
        "relu_leaves_dead_units",
        "Training with ReLU can leave many dead units.",
        (
            Measure(
                "share of the hidden units that are dead after training, minus that before it",
                "",
                Bound(low=_MANY),
                "Many is more than a tenth of the units; training is the cause of those only that "
                "were not dead before it.",
                died,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=20", "optimizer.lr=0.01,0.1,0.3,1"),
        remark="Dead is off for every row of the training part, not for one input. Seeds that "
        "diverged are left out (n tells how many stayed), so large steps look better than they "
        "are.",
    ),
    Claim(
        "G",
        "leaky_avoids_dead_units",
        "Leaky ReLU avoids dead units.",
        (
            Measure(
                "share of leaky ReLU's hidden units without a slope for any training row after "
                "training, minus that before it",
                "",
                Bound(high=_MANY),
                "Avoided are dead units if training leaves less than a tenth of them, the «many» "
                "of claim F.",
                without_slope,
                part="dead means without a slope",
            ),
            Measure(
                "share of leaky ReLU's hidden units that are below 0 for every training row after "
                "training, minus that before it",
                "",
                Bound(high=_MANY),
                "A leaky unit has a slope by definition. One that stays below 0 for all that it is "
                "shown is linear, though, and of as little use: less than a tenth of those too.",
                on_one_side,
                part="dead means on one side of 0",
            ),
            Measure(
                "that share with ReLU, minus that with leaky ReLU",
                "",
                Bound(low=0),
                "To avoid is to have fewer of them than ReLU.",
                on_one_side_compared,
                part="ReLU has more of these",
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=20"),
        remark="Seeds that diverged are left out of both.",
    ),
    Claim(
        "H",
        "bad_slope_spoils_leaky_relu",
        "A badly chosen slope α spoils leaky ReLU.",
        (
            Measure(
                "test accuracy with the usual α = 0.01, minus that with another",
                "",
                Bound(low=0.05),
                "To spoil is to cost more than five points of accuracy.",
                lost_by_slope,
            ),
        ),
        quick=("n_seeds=10", "activation.negative_slope=0.01,0.0001,0.3,1,2"),
        remark="One split of one data set, which no linear model can learn.",
    ),
)
