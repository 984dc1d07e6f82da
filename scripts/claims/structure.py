"""Claims M, N and O: what centring, connecting everything and depth are good for."""

import math
from collections.abc import Mapping

import torch

from claims import convolution
from claims.claim import Bound, Claim, Condition, Measure
from claims.evidence import Evidence, label, paired, ratio
from claims.networks import (
    by_seed,
    hidden_layers,
    trained,
    training_rows,
    untrained,
)
from deltaflow.comparison.configuration import Configuration, Value
from deltaflow.comparison.statistics.paired_tests import BySeed
from deltaflow.nn.network import FullyConnected

_SHUFFLE, _WIDTH = "data.shuffle_seed", "network.width"
_POINT = 0.01  # of accuracy
_LITTLE = math.log(2) / 20  # of the loss of a guess between two classes


def imbalance_compared(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By depth, opponent and moment, the imbalance of tanh's activations over that of others."""
    found = {}
    for depth in evidence.among("network.depth"):
        ones = {
            name: evidence.of({"network.depth": depth, "activation": name})
            for name in ("tanh", "sigmoid", "relu")
        }
        for moment, networks in (("start", untrained), ("end", trained)):
            values = {name: _imbalance(one, networks(one)) for name, one in ones.items()}
            for other in ("sigmoid", "relu"):
                condition = label({"network.depth": depth}, f"against {other}", f"at the {moment}")
                found[condition] = ratio(values["tanh"], values[other])
    return found


def imbalance(h: torch.Tensor) -> torch.Tensor:
    """How much of a unit's activation is its mean: |mean| / RMS over rows, averaged over units.

    Args:
        h: ``[R, rows, units]``.

    Returns:
        ``[R]``, 0 where every unit is centred, 1 where none varies; units that are always 0 do
        not count.

    >>> imbalance(torch.tensor([[[1.0, 1.0], [1.0, -1.0]]]))
    tensor([0.5000])
    """
    rms = h.square().mean(1).sqrt()
    return (h.mean(1).abs() / rms).nanmean(-1)


def lost_by_shuffling(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """The accuracy that fully connected networks lose when the pixels are in another order."""
    return {
        label({_WIDTH: width, _SHUFFLE: seed}): paired(
            *(
                evidence.of({_WIDTH: width, _SHUFFLE: order}).values("test", "accuracy")
                for order in (None, seed)
            )
        )
        for width in evidence.among(_WIDTH)
        for seed in evidence.among(_SHUFFLE)
        if seed is not None
    }


def lost_by_shuffling_convolutions(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """The same of convolutional ones, for one order."""
    orders = [seed for seed in evidence.among(_SHUFFLE) if seed is not None]
    as_they_are, shuffled = (
        convolution.accuracies(_narrowest(evidence, seed)) for seed in (None, orders[0])
    )
    return {label({_SHUFFLE: orders[0]}): paired(as_they_are, shuffled)}


def gain_by_convolution(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """The accuracy that convolutional networks have more, with how many weights."""
    own = convolution.accuracies(_narrowest(evidence, None))
    found: dict[Condition, BySeed] = {}
    for width in evidence.among(_WIDTH):
        one = evidence.of({_WIDTH: width, _SHUFFLE: None})
        weights = one.first.summary.n_parameters
        condition = f"{convolution.n_parameters()} weights against {weights}"
        found[(condition,)] = paired(own, one.values("test", "accuracy"))
    return found


def gain_by_depth(evidence: Evidence, activation: str) -> Mapping[Condition, BySeed]:
    """By depth, the loss that hidden layers take away from that of a linear model."""
    settings = {"activation": activation}
    linear = evidence.of({**settings, "network.depth": 0}).values("test", "loss")
    return {
        label({"network.depth": depth}): paired(
            linear, evidence.of({**settings, "network.depth": depth}).values("test", "loss")
        )
        for depth in evidence.among("network.depth")
        if depth
    }


def _imbalance(one: Configuration, network: FullyConnected) -> dict[int, float]:
    layers = hidden_layers(network, training_rows(one))
    return by_seed(one, torch.stack([imbalance(h) for _, h in layers]).mean(0))


def _narrowest(evidence: Evidence, shuffle_seed: Value) -> Configuration:
    """Of the networks with this order of pixels those of the first width; all see the same."""
    return evidence.of({_WIDTH: evidence.among(_WIDTH)[0], _SHUFFLE: shuffle_seed})


CLAIMS = (
    Claim(
        "M",
        "tanh_centres_activations",
        "A zero-centred activation such as tanh balances the data that the next layer gets.",
        (
            Measure(
                "|mean| / RMS of a unit's activation over the training rows, averaged over units "
                "and hidden layers: with tanh over that with the other activation",
                "×",
                Bound(high=0.5),
                "To balance is to leave at most half of the other activation's imbalance.",
                imbalance_compared,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=10"),
    ),
    Claim(
        "N",
        "fully_connected_ignores_pixel_order",
        "Fully connected layers need many weights and make poor use of local features.",
        (
            Measure(
                "test accuracy with the pixels as they are, minus that with them in another order",
                "",
                Bound(low=-_POINT, high=_POINT),
                "Who makes no use of neighbourhood does not miss it, to within a point of "
                "accuracy.",
                lost_by_shuffling,
                part="it is about the order of pixels",
            ),
            Measure(
                "the same with a small convolutional network",
                "",
                Bound(low=_POINT),
                "There is something local to be used if a network that is made for it misses more "
                "than a point of accuracy.",
                lost_by_shuffling_convolutions,
                part="it is about what others make of it",
            ),
            Measure(
                "test accuracy of the small convolutional network minus that of the fully "
                "connected one",
                "",
                Bound(low=0),
                "Many weights are needed if with as many or more of them it is the less accurate "
                "one.",
                gain_by_convolution,
                part="it is about the number of weights",
            ),
        ),
        quick=("n_seeds=16", "trainer.max_epochs=15", "data.shuffle_seed=null,0"),
        remark="Images of 8 × 8 pixels, one split. The convolutional network is trained beside the "
        "others, on the same rows in the same order with the same steps, by claims/convolution.py; "
        "the sweep alone does not train it.",
    ),
    Claim(
        "O",
        "depth_needs_an_activation",
        "Without an activation between the layers depth adds nothing; with one it does.",
        (
            Measure(
                "test loss of a linear model minus that with hidden layers, without an activation",
                "nats",
                Bound(low=-_LITTLE, high=_LITTLE),
                "Nothing is less than a twentieth of the ln 2 that there is to gain, either way.",
                lambda evidence: gain_by_depth(evidence, "identity"),
                part="there is no activation",
            ),
            Measure(
                "test loss of a linear model minus that with hidden layers, with tanh",
                "nats",
                Bound(low=_LITTLE),
                "Something is more than that.",
                lambda evidence: gain_by_depth(evidence, "tanh"),
                part="there is tanh",
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=15", "network.depth=0,1,4"),
        remark="XOR. The loss, not the accuracy: the best linear model has all weights 0 there, "
        "and how many samples fall on its right side is chance.",
    ),
)
