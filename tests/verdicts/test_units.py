"""Units that do nothing: shares on both sides of their limits, and copies in real networks."""

import math
import re

import pytest
import torch
from torch import nn

from deltaflow.nn.initializers import He, Normal, Torch, Zeros
from deltaflow.nn.network import FullyConnected
from deltaflow.verdicts import copied_layers
from evidence import LIMIT, by_step, evidence, found, kinds, losing, sizes

RECTIFIERS = {"phi": nn.ReLU(), "initializer": He()}
CLIPPED = {"phi": nn.Hardtanh(), "initializer": Normal(1.0, 0.0)}


def outside(limit: float, variance: float) -> float:
    """The share of a normal variable that is further out than a limit."""
    return math.erfc(limit / math.sqrt(2 * variance))


def said_by_theory(words: str) -> float:
    return int(re.search(r"\(theory (\d+)%", words)[1]) / 100


def most_dead_by_chance(units: int, depth: int) -> int:
    """How many of so many coins fall on one side, but in one network of a hundred."""
    n, tail = units, 0.0
    while tail + math.comb(units, n) / 2**units <= 0.01 / depth:
        tail += math.comb(units, n) / 2**units
        n -= 1
    return n


def in_layer(number: int, share: float, elsewhere: float = 0.0, **when: bool):
    """A share in one hidden layer, at all steps or at the end alone."""
    ends = when.get("at_the_end", False)

    def value(_seed, step, layer):
        return share if layer == number and (step or not ends) else elsewhere

    return value


def vanishing_at_the_end(decades: float, depth: int):
    start, end = losing(0.0, depth), losing(decades, depth)
    return lambda seed, step, layer: (end if step else start)(seed, step, layer)


def network(shape, initializer, n_replicas=1):
    made = FullyConnected(shape, nn.Tanh(), n_replicas)
    made.initialize(initializer, range(n_replicas))
    return made


class Constant(Torch):
    def draw(self, generator, fan_in, fan_out):
        weight, bias = super().draw(generator, fan_in, fan_out)
        return 0 * weight + 0.3, 0 * bias - 0.1


@pytest.mark.parametrize("initializer", [Zeros(), Constant()])
def test_all_hidden_layers_of_equal_weights_are_copied(initializer):
    assert copied_layers(network([4, 5, 6, 3], initializer)) == {1: 1, 2: 1}


@pytest.mark.parametrize("shape", [[4, 3], [4, 1, 3], [4, 1, 1, 3]])
def test_one_unit_is_a_copy_of_none(shape):
    assert copied_layers(network(shape, Zeros())) == {}


def test_drawn_weights_are_no_copies():
    assert copied_layers(network([4, 5, 6, 3], Torch(), n_replicas=3)) == {}


@pytest.mark.parametrize("copied", [1, 2])
@pytest.mark.parametrize("r", [0, 2])
def test_one_layer_of_one_replica_is_enough(copied, r):
    made = network([4, 5, 6, 3], Torch(), n_replicas=3)
    own, following = made.layers[copied - 1], made.layers[copied]
    with torch.no_grad():
        own.weight[r] = own.weight[r, :1]
        own.bias[r] = own.bias[r, 0]
        following.weight[r] = following.weight[r, :, :1]
    assert copied_layers(made) == {copied: 1}


@pytest.mark.parametrize("differs", ["weight", "bias", "outgoing"])
def test_units_that_differ_anywhere_are_no_copies(differs):
    made = network([4, 3, 6, 3], Zeros())
    own, following = made.layers[0], made.layers[1]
    places = {"weight": own.weight[0, 2], "bias": own.bias[0, 2:], "outgoing": following.weight[0]}
    with torch.no_grad():
        places[differs][0] = 1e-7
        if differs == "outgoing":
            following.weight[0, 0, 1:] = 0
    assert copied_layers(made) == {2: 1} if differs == "bias" else 1 not in copied_layers(made)


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_groups_of_copies_are_counted_up_to_half_the_units(n_groups):
    made = network([4, 4, 6, 3], Torch())
    own, following = made.layers[0], made.layers[1]
    group = torch.arange(4) % n_groups
    with torch.no_grad():
        own.weight[0], own.bias[0] = own.weight[0, group], own.bias[0, group]
        following.weight[0] = following.weight[0][:, group]
    assert copied_layers(made) == ({1: n_groups} if n_groups <= 2 else {})


@pytest.mark.parametrize(("copies", "said"), [
    ({2: 1}, "layer 2 all of them start with the same weights"),
    ({1: 1, 3: 1}, "layers 1, 3 all of them start with the same weights"),
    ({1: 16, 3: 2}, "layers 1, 3 at most 16 of them differ in their weights"),
])  # fmt: skip
def test_copies_are_named_by_layer(copies, said):
    words = found(evidence(copies=copies))
    assert list(words) == ["symmetric"]
    assert f"in hidden {said}" in words["symmetric"]


@pytest.mark.parametrize(("share", "kind"), [(0.51, "saturation"), (0.49, "healthy")])
def test_a_layer_saturates_where_most_of_it_does(share, kind):
    judged = evidence(saturated_fraction=in_layer(2, share))
    assert kinds(judged) == [kind]


@pytest.mark.parametrize(("sigma_w", "sigma_b", "inputs"), [(4.0, 0.0, 1.0), (1.0, 2.0, 9.0)])
def test_the_saturated_share_stands_beside_that_of_theory(sigma_w, sigma_b, inputs):
    judged = evidence(
        sizes(2),
        initializer=Normal(sigma_w, sigma_b),
        inputs=inputs,
        saturated_fraction=in_layer(1, 0.617),
    )
    expected = outside(math.atanh(math.sqrt(0.95)), sigma_w**2 * inputs + sigma_b**2)
    words = found(judged)["saturation"]
    assert "62% of hidden layer 1 passes next to nothing back (theory" in words
    assert said_by_theory(words) == pytest.approx(expected, abs=0.0125)  # rounded, by quadrature


def test_the_worst_layer_is_named_by_the_mean_over_seeds():
    shares = {1: (0.9, 0.1), 2: (0.6, 0.7), 3: (0.8, math.nan), 4: (0.2, 0.2)}
    judged = evidence(
        sizes(4), saturated_fraction=lambda seed, _, layer: shares.get(layer, (None,) * 2)[seed]
    )
    assert "80% of hidden layer 3" in found(judged)["saturation"]


@pytest.mark.parametrize(("standardized", "inputs", "speaks"), [
    (False, 10.1, True), (False, 9.9, False), (False, 0.09, True), (False, 0.11, False),
    (True, 99.0, False),
])  # fmt: skip
def test_inputs_are_to_blame_where_they_are_far_from_ordinary(standardized, inputs, speaks):
    judged = evidence(inputs=inputs, standardized=standardized, saturated_fraction=in_layer(1, 0.7))
    words = found(judged)["saturation"]
    assert (f"Inputs are large: mean(x²) = {inputs:.3g}." in words) is speaks
    assert ("Try data.standardize=true" in words) is speaks


@pytest.mark.parametrize(("share", "decades", "kind"), [
    (0.51, 1.01 * LIMIT, "saturation"), (0.51, 0.99 * LIMIT, "healthy"),
    (0.49, 1.01 * LIMIT, "healthy"),
])  # fmt: skip
def test_training_saturates_units_where_δ_has_come_to_vanish(share, decades, kind):
    judged = evidence(
        saturated_fraction=in_layer(3, share, 0.04, at_the_end=True),
        delta_norm=vanishing_at_the_end(decades, 6),
    )
    words = found(judged)
    assert list(words) == [kind]
    if kind == "saturation":
        assert "51% of hidden layer 3 at the end, at most 4% of a layer at the start" in words[kind]
        assert "δ loses 1.3 decades now" in words[kind]


def test_training_may_leave_no_δ_at_all():
    judged = evidence(
        saturated_fraction=in_layer(3, 1.0, at_the_end=True), delta_norm=by_step(start=1.0, end=0.0)
    )
    assert "and no δ is left." in found(judged)["saturation"]


@pytest.mark.parametrize(("share", "kind"), [(0.951, "inactive"), (0.949, "healthy")])
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_layer_is_off_where_nearly_all_of_it_is_flat(share, kind, at_the_end):
    judged = evidence(
        **RECTIFIERS, inactive_fraction=in_layer(2, share, 0.5, at_the_end=at_the_end)
    )
    words = found(judged)
    assert list(words) == [kind]
    if kind == "inactive":
        when = "end" if at_the_end else "start"
        assert "A layer is off: 95% of hidden layer 2's pre-activations" in words[kind]
        assert f"at the {when} and pass nothing back (theory 50% at the start)" in words[kind]
        assert ("Try optimizer.lr=" in words[kind]) is at_the_end


def test_the_flat_share_stands_beside_that_of_theory():
    judged = evidence(sizes(2), **CLIPPED, inputs=4.0, inactive_fraction=in_layer(1, 0.99))
    words = found(judged)["inactive"]
    assert said_by_theory(words) == pytest.approx(outside(1.0, 4.0), abs=0.005)


@pytest.mark.parametrize("kind", ["saturation", "inactive"])
def test_a_normalised_network_has_no_theory_beside_its_shares(kind):
    column = {"saturation": "saturated_fraction", "inactive": "inactive_fraction"}[kind]
    judged = evidence(**CLIPPED, normalization="batch", **{column: in_layer(1, 1.0)})
    assert "theory" not in found(judged)[kind]


@pytest.mark.parametrize("at_the_end", [False, True])
@pytest.mark.parametrize(("depth", "width", "n_seeds"), [(1, 8, 1), (3, 32, 1), (3, 32, 4)])
def test_more_units_are_dead_than_chance_explains(depth, width, n_seeds, at_the_end):
    units = width * n_seeds
    chance = most_dead_by_chance(units, depth)
    for dead, kind in ((chance, "healthy"), (chance + 1, "dead")):
        judged = evidence(
            sizes(depth, width),
            **RECTIFIERS,
            n_seeds=n_seeds,
            dead_fraction=in_layer(1, dead / units, 0.25, at_the_end=at_the_end),
        )
        words = found(judged)
        assert list(words) == [kind]
    share, most = f"{dead / units:.0%}", f"{chance / units:.0%}"
    assert words["dead"].startswith(
        f"Units die: {share} of hidden layer 1 is off for every sample at the end, where at the "
        f"start it was at most 25% of a layer and chance explains {most}."
        if at_the_end
        else f"Units are dead: {share} of hidden layer 1 is off for every sample at the start, "
        f"where chance explains {most}."
    )
    assert ("weights' length, or activation=leaky, whose" in words["dead"]) is at_the_end


@pytest.mark.parametrize("column", ["saturated_fraction", "inactive_fraction", "dead_fraction"])
@pytest.mark.parametrize("share", [None, math.nan])
def test_what_does_not_apply_is_no_fault(column, share):
    assert kinds(evidence(**{column: share})) == ["healthy"]


@pytest.mark.parametrize("column", ["saturated_fraction", "inactive_fraction", "dead_fraction"])
def test_the_output_layer_has_no_units_to_judge(column):
    assert kinds(evidence(**RECTIFIERS, **{column: in_layer(7, 1.0)})) == ["healthy"]


def test_units_of_seeds_that_diverged_do_not_count_at_the_end():
    judged = evidence(
        **RECTIFIERS,
        n_seeds=4,
        diverged_at={0: 12, 1: 12},
        dead_fraction=lambda seed, step, _: 1.0 if seed < 2 and step else 0.5,
    )
    assert kinds(judged) == ["divergence"]


def test_zero_weights_and_one_unit_a_layer_leave_theory_without_numbers():
    judged = evidence(
        sizes(3, width=1),
        nn.ReLU(),
        Zeros(),
        inactive_fraction=1.0,
        dead_fraction=1.0,
        delta_norm=lambda _seed, _step, layer: float(layer == 4),
    )
    words = found(judged)
    assert list(words) == ["inactive"]
    assert "(theory 100% at the start). Try init=he, predicted ×1 per layer." in words["inactive"]


def test_vanishing_since_the_start_is_not_the_units_fault():
    judged = evidence(saturated_fraction=in_layer(1, 0.4), delta_norm=losing(2.0, 6))
    assert kinds(judged) == ["hidden_vanishing"]
