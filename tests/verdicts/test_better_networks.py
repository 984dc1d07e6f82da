"""Advice, taken: its overrides compose, and theory says of that network what the advice says."""

import math
import re

import numpy as np
import pytest
import torch
from scipy.special import digamma, polygamma
from scipy.stats import binom
from torch import nn

from deltaflow.experiment.building import assembly, builders
from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.nn.initializers import He, Normal, Orthogonal, Torch, Xavier, Zeros
from deltaflow.theory import Critical, Theory, variances
from deltaflow.verdicts import Evidence
from deltaflow.verdicts.advice import better_network, wider_network
from deltaflow.verdicts.words import advice_words
from evidence import LIMIT, evidence, found, losing, sizes
from running import composed

PHIS = {
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky activation.negative_slope=0.3": nn.LeakyReLU(0.3),
    "selu": nn.SELU(),
}
INITS = {
    "torch": Torch(),
    "normal init.sigma_w=0.4": Normal(0.4, 0.0),
    "zeros": Zeros(),
    "normal init.sigma_w=6 init.sigma_b=0.8": Normal(6.0, 0.8),
    "orthogonal init.gain=0.4": Orthogonal(0.4),
    "xavier": Xavier(),
    "orthogonal init.gain=40": Orthogonal(40.0),
}
WIDE = "normal init.sigma_w=6 init.sigma_b=0.8"
PAIRS = [  # each initialisation once, each activation at least once
    (phi, init)
    for i, phi in enumerate(PHIS)
    for j, init in enumerate(INITS)
    if (i + 2 * j + 2) % len(PHIS) == 0
]
FAR_TOO_WIDE = "orthogonal init.gain=40"
TAPERED = [48, 40, 32, 24, 20, 16, 12, 8]
LISTED = {"hidden": TAPERED, "sizes_listed": True}


class Steep(nn.Module):
    """An activation of the user's own, on its edge of chaos at σ_w = 1/3."""

    def forward(self, z):
        return torch.tanh(3 * z)


class Dimmed(nn.Module):
    """Another, a share of a rectifier."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, z):
        return self.share * z.relu()


def to_try(judged: Evidence) -> str:
    return advice_words(better_network(judged))


def wider(judged: Evidence) -> str | None:
    found = wider_network(judged)
    return found and advice_words(found)


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    return assembly.datamodule(composed([], tmp_path_factory.mktemp("iris")))


@pytest.fixture
def network(iris, tmp_path):
    """What the overrides say of a network for the Iris data."""

    def described(overrides: list[str]) -> tuple[Theory, str | None]:
        config = composed(overrides, tmp_path)
        theory = builders.theory(config, iris, builders.objective(config, iris))
        return theory, config.network.normalization

    return described


@pytest.fixture
def faulty(iris):
    """The same network by hand, as a run to be judged."""
    inputs = builders.input_second_moment(iris)

    def made(phi: str, init: str, hidden=(32,) * 12, **but) -> Evidence:
        return evidence((4, *hidden, 3), PHIS[phi], INITS[init], inputs=inputs, **but)

    return made


def taken(words: str, overrides: str) -> list[str]:
    """The overrides with the advised ones in place of what they speak of.

    An option chosen anew takes the settings of the old one along.
    """
    advice = re.search(r"Try (.+?), (?:predicted|where)", words)[1].split()
    named = [override.partition("=")[0] for override in advice]
    return [
        old
        for old in overrides.split()
        if not any(f"{old.partition('=')[0]}.".startswith(f"{name}.") for name in named)
    ] + advice


def assert_healed(words: str, theory: Theory, old: Evidence) -> None:
    """Theory of the network with the advice says what the advice says, and finds no fault."""
    prediction = theory.predict(old.data.input_second_moment)
    if theory.depth > 1:
        said = re.search(r"predicted ×(\S+) per layer\.$", words)[1]
        assert said == f"{decay_rate(prediction.delta_norm):.3g}"
    else:
        saturated = theory.moments.saturated_fraction(prediction.preactivation_second_moment[:1])
        assert re.search(r"predicted (\S+) saturated\.$", words)[1] == f"{saturated[0]:.0%}"
    assert abs(vanishing_index(prediction.delta_norm)) <= LIMIT
    assert known_of(theory) != known_of(old.theory) or old.normalization


def known_of(theory: Theory) -> tuple[str, ...]:
    drawn = np.round(variances(theory.sizes, theory.initializer), 6)
    return repr(theory.moments.activation), str(theory.sizes), str(drawn), str(theory.dropout)


@pytest.mark.parametrize(("phi", "init"), PAIRS)
def test_advice_does_what_it_says(phi, init, faulty, network):
    old = faulty(phi, init)
    words = to_try(old)
    theory, _ = network(taken(words, f"network.depth=12 activation={phi} init={init}"))
    assert theory.sizes == old.theory.sizes
    assert_healed(words, theory, old)


@pytest.mark.parametrize(("phi", "init", "shape", "but"), [
    ("sigmoid", "torch", "depth=12 network.normalization=layer", {"normalization": "layer"}),
    ("tanh", WIDE, "depth=12 network.normalization=batch", {"normalization": "batch"}),
    ("relu", "xavier", "depth=12 network.dropout=0.6", {"dropout": 0.6}),
    ("relu", "orthogonal init.gain=0.4", f"hidden_sizes={TAPERED}", LISTED),
    ("sigmoid", "torch", f"hidden_sizes={TAPERED} network.dropout=0.9", LISTED | {"dropout": 0.9}),
    ("sigmoid", "torch", "depth=12 network.dropout=0.9", {"dropout": 0.9}),
])  # fmt: skip
def test_advice_does_what_it_says_to_networks_of_any_shape(phi, init, shape, but, faulty, network):
    old = faulty(phi, init, **but)
    words = to_try(old)
    shape = f"network.{shape.replace(' ', '', shape.count(','))}"
    theory, normalization = network(taken(words, f"{shape} activation={phi} init={init}"))
    assert normalization is None
    assert_healed(words, theory, old)


@pytest.mark.parametrize(("shape", "listed"), [
    ("depth=12", False), (f"hidden_sizes=[{','.join(['32'] * 12)}]", True),
])  # fmt: skip
def test_where_nothing_heals_one_hidden_layer_is_advised(shape, listed, faulty, network):
    words = to_try(faulty("tanh", FAR_TOO_WIDE, dropout=0.9, sizes_listed=listed))
    assert words.endswith(", where δ has one layer to cross.")
    old = f"network.{shape} network.dropout=0.9 activation=tanh init={FAR_TOO_WIDE}"
    theory, _ = network(taken(words, old))
    assert theory.sizes == (4, 32, 3)


@pytest.mark.parametrize(("but", "advice"), [
    ({"shape": sizes(4), "inputs": 900.0, "standardized": False}, "Try data.standardize=true, pre"),
    ({"phi": nn.ReLU(), "initializer": He(), "dropout": 0.1, "inputs": 900.0,
      "standardized": False}, "Try data.standardize=true, predicted ×1.05 per layer."),
    ({"phi": nn.ReLU(), "initializer": He(), "dropout": 0.5}, "Try network.dropout=0, predicted"),
    ({"phi": nn.ReLU(), "initializer": Torch()}, "Try init=he, predicted ×1 per layer."),
    ({"phi": nn.LeakyReLU(0.3), "initializer": Torch()}, "Try init=he, predicted ×1 per layer."),
    ({"phi": Steep(), "initializer": Torch()}, "Try init=critical, predicted"),
    ({"initializer": Normal(3.0, 0.0)}, "Try init.sigma_w=1, predicted"),
    ({"initializer": Normal(3.0, 0.3)}, "Try init.sigma_w=1.396, predicted"),
    ({"initializer": Normal(8.0, 2.0)}, "Try init.sigma_w=1 init.sigma_b=0, predicted"),
    ({"phi": nn.ReLU(), "initializer": Torch(), "inputs": 0.0}, "Try activation=tanh init=xavier"),
    ({"phi": nn.ReLU(), "initializer": Normal(3.0, 0.5)},
     "Try init.sigma_w=1.414 init.sigma_b=0, predicted ×1 per layer."),
    ({"phi": nn.ReLU(), "initializer": Orthogonal(0.1)}, "Try init.gain=1.414, predicted ×1 per"),
    ({"phi": nn.Sigmoid(), "initializer": Torch()}, "Try activation=relu init=he, predicted ×1"),
    ({"phi": nn.Sigmoid(), "initializer": Normal(1.0, 0.5)},
     "Try activation=relu init.sigma_w=1.414 init.sigma_b=0, predicted ×1 per layer."),
    ({"phi": nn.Sigmoid(), "initializer": Orthogonal(1.0)},
     "Try activation=relu init.gain=1.414, predicted ×1 per layer."),
])  # fmt: skip
def test_the_smallest_change_that_heals_is_advised(but, advice):
    assert to_try(evidence(**{"shape": sizes(8)} | but)).startswith(advice)


@pytest.mark.parametrize(("phi", "own", "had"), [
    (nn.ReLU(), He(), ["init=he", "init=critical"]),
    (nn.ReLU(), Critical(nn.ReLU(), 0.0), ["init=he", "init=critical"]),
    (nn.ReLU(), Normal(1.414, 0.0), ["init.sigma_w=1.414", "activation=relu init.sigma_w=1.414"]),
    (nn.ReLU(), Orthogonal(1.414), ["init.gain=1.414", "activation=relu init.gain=1.414"]),
    (nn.Tanh(), Xavier(), ["init=xavier", "init=critical", "activation=tanh init=xavier"]),
    (nn.Tanh(), Normal(1.396, 0.3), ["init.sigma_w=1.396"]),
])  # fmt: skip
def test_what_a_network_has_already_is_no_advice(phi, own, had):
    assert re.match("Try (.+?),", to_try(evidence(sizes(8), phi, own)))[1] not in had


def test_of_fewer_layers_those_are_advised_that_cost_least():
    old = evidence(sizes(8), nn.Sigmoid(), Torch(), dropout=0.9)

    def lost(depth: int) -> float:
        theory = Theory(sizes(depth), nn.Sigmoid(), Torch(), 0.9)
        return float(vanishing_index(theory.predict(np.ones(1)).delta_norm))

    deepest = max(depth for depth in range(1, 8) if lost(depth) < LIMIT / 2)
    assert 1 < deepest < 7
    assert f"Try network.depth={deepest}, predicted" in to_try(old)


@pytest.mark.parametrize(("share", "advised"), [(0.99, "he"), (0.98, "critical")])
def test_of_changes_about_as_good_the_first_is_advised(share, advised):
    lost = -7 * math.log10(share)  # with He's, and nothing with the critical one
    assert (lost < 0.05) is (advised == "he")
    judged = evidence(sizes(8), Dimmed(share), Torch())
    assert to_try(judged).startswith(f"Try init={advised}, predicted ×")


def test_under_normalisation_the_same_start_is_advised_without_it():
    judged = evidence(sizes(8), nn.ReLU(), He(), normalization="layer")
    assert to_try(judged) == "Try init=he network.normalization=null, predicted ×1 per layer."


def test_a_network_of_copies_may_need_the_start_that_theory_thought_it_had():
    assert to_try(evidence(sizes(8), nn.ReLU(), He(), copies={1: 1})).startswith("Try init=he,")


def scatter_of_rectifiers(hidden: list[int]) -> float:
    """Two deviations, in decades, of what δ of one sample loses, where some δ gets through.

    Each layer multiplies ‖δ‖² by 2 χ²_K / N, K of its N units being on by a coin's flip (Hanin &
    Rolnick 2018, arXiv:1803.01719): exact, while theory is of first order in 1 / N.
    """
    variance = 0.0
    for n in hidden[:-1]:
        on = np.arange(1, n + 1)
        share = binom.pmf(on, n, 0.5) / (1 - 0.5**n)
        mean = digamma(on / 2) @ share
        variance += (polygamma(1, on / 2) + (digamma(on / 2) - mean) ** 2) @ share
    return math.sqrt(variance) / math.log(10)


def assert_told(words: str, hidden: list[int], advised: str, then: list[int]) -> None:
    """The width that is told is the scatter of such networks, and so is what is predicted."""
    told = re.fullmatch(
        rf"Layers of {min(hidden)} units scatter by about ±(\S+) decades\. "
        rf"Try network\.{re.escape(advised)}, predicted ±(\S+)\.",
        words,
    )
    assert told is not None, words
    for said, sizes_ in zip(told.groups(), (hidden, then), strict=True):
        exact = scatter_of_rectifiers(sizes_)
        assert abs(float(said) - exact) <= 0.05 + 1.5 / min(sizes_) * exact


def test_the_scatter_of_rectifiers_is_that_of_drawn_networks():
    random, n = np.random.default_rng(0), 20_000
    signal = np.tile([1.0, -2.0, 0.5, 1.5], (n, 1))
    drawn, on = [], []
    for fan_in in (4, 8, 8, 8, 8):  # weights of He's
        weights = random.normal(0, math.sqrt(2 / fan_in), (n, 8, fan_in))
        z = np.einsum("nij,nj->ni", weights, signal)
        signal = np.maximum(z, 0)
        drawn.append(weights)
        on.append(z > 0)
    last = delta = random.normal(size=(n, 8)) * on[-1]
    for weights, mask in zip(drawn[:0:-1], on[-2::-1], strict=True):
        delta = np.einsum("nij,ni->nj", weights, delta) * mask
    alive = np.linalg.norm(delta, axis=1) > 0
    lost = np.log10(np.linalg.norm(delta, axis=1)[alive] / np.linalg.norm(last, axis=1)[alive])
    assert 2 * lost.std() == pytest.approx(scatter_of_rectifiers([8] * 5), rel=0.03)


@pytest.mark.parametrize(("depth", "width", "enough"), [(12, 8, 16), (40, 8, 32), (30, 30, 60)])
@pytest.mark.parametrize("listed", [False, True])
def test_few_units_are_to_blame_where_theory_finds_no_fault(depth, width, enough, listed):
    hidden, then = [width] * depth, [enough] * depth
    words = wider(evidence((4, *hidden, 3), nn.ReLU(), He(), sizes_listed=listed))
    advised = f"hidden_sizes=[{','.join(map(str, then))}]" if listed else f"width={enough}"
    assert_told(words, hidden, advised, then)


def test_the_narrowest_layer_is_named_and_all_are_widened_alike():
    hidden, then = [64, 32, 16, 8, 4, 4, 4], [128, 64, 32, 16, 8, 8, 8]
    words = wider(evidence((4, *hidden, 3), nn.ReLU(), He(), sizes_listed=True))
    assert_told(words, hidden, "hidden_sizes=[128,64,32,16,8,8,8]", then)


@pytest.mark.parametrize("but", [
    {"shape": sizes(12, 64), "initializer": He()},  # wide enough
    {"shape": sizes(12, 8), "initializer": Torch()},  # theory finds the fault
    {"shape": sizes(12, 8), "initializer": Zeros()},  # and here leaves no number
    {"shape": sizes(12, 8), "initializer": He(), "normalization": "batch"},
    {"shape": sizes(1, 2), "initializer": He()},
    {"shape": sizes(0), "initializer": He()},
])  # fmt: skip
def test_else_few_units_are_not_to_blame(but):
    assert wider(evidence(phi=nn.ReLU(), **but)) is None


@pytest.mark.parametrize(("decades", "kind"), [(1.5, "hidden_vanishing"), (-1.5, "exploding")])
def test_a_network_that_theory_finds_sound_is_told_of_its_width(decades, kind):
    words = found(evidence(sizes(12, 8), nn.ReLU(), He(), delta_norm=losing(decades, 12)))
    said = words[kind]
    assert_told(said[said.index("Layers") :], [8] * 12, "width=16", [16] * 12)
