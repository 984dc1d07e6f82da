"""Gradients at the start, against profiles of known slope and theory in closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from deltaflow.nn.initializers import He, LeCun, Normal
from evidence import LIMIT, evidence, found, kinds, losing, sizes

DEPTH = 6
BEYOND, WITHIN = 1.01 * LIMIT, 0.99 * LIMIT
CHAOS = {"phi": nn.Tanh(), "initializer": Normal(4.0, 0.3)}


def rate(decades: float, depth: int = DEPTH) -> str:
    """By what a geometric profile changes per layer, as sentences have it."""
    return f"×{10 ** (-decades / (depth - 1)):.3g} per layer going back"


def identity(sigma_w: float, **but):
    """A linear network, whose δ changes by σ_w per layer."""
    return evidence(sizes(DEPTH), nn.Identity(), Normal(sigma_w, 0.0), **but)


def by_quadrature(sigma_w: float, sigma_b: float) -> tuple[float, ...]:
    """q*, χ₁, c* and 6 ξ_c of tanh: the maps of Poole et al. 2016 iterated on a plain grid."""
    u = np.linspace(-8, 8, 401)
    weight = np.exp(-(u**2) / 2) / np.exp(-(u**2) / 2).sum()
    q = c = 0.5
    for _ in range(200):
        q = sigma_w**2 * weight @ np.tanh(math.sqrt(q) * u) ** 2 + sigma_b**2
    for _ in range(100):
        second = c * u[:, None] + math.sqrt(1 - c * c) * u
        first, other = np.tanh(math.sqrt(q) * u), np.tanh(math.sqrt(q) * second)
        c = (sigma_w**2 * weight @ (first[:, None] * other) @ weight + sigma_b**2) / q
    slope, other = 1 - first**2, 1 - other**2
    chi = sigma_w**2 * weight @ slope**2
    together = sigma_w**2 * weight @ (slope[:, None] * other) @ weight
    return q, chi, c, -6 / math.log(together)


@pytest.mark.parametrize(("decades", "kind"), [
    (BEYOND, "vanishing"), (WITHIN, "healthy"), (-WITHIN, "healthy"), (-BEYOND, "exploding"),
])  # fmt: skip
def test_δ_may_change_by_e_cubed_over_the_network_and_no_more(decades, kind):
    judged = evidence(delta_norm=losing(decades, DEPTH), sample_grad_rms=losing(decades, DEPTH))
    assert kinds(judged) == [kind]


@pytest.mark.parametrize(("decades", "verb"), [(2.0, "shrinks"), (-2.0, "grows")])
def test_the_measured_rate_stands_beside_that_of_theory(decades, verb):
    judged = identity(0.5, delta_norm=losing(decades, DEPTH), sample_grad_rms=losing(2, DEPTH))
    ((_, words),) = found(judged).items()
    assert f"δ {verb} {rate(decades)} (theory 0.5), 2.0 decades over 6 hidden layers." in words


def test_a_healthy_run_quotes_both_rates_and_what_it_learnt():
    (words,) = found(identity(0.9, delta_norm=losing(0.5, DEPTH))).values()
    assert words == (
        f"Healthy: δ shrinks {rate(0.5)} (theory 0.9), training took away 80% of the loss of the "
        "best constant output."
    )


def test_networks_without_any_δ_have_no_rate_and_are_counted():
    def lost(seed, step, layer):
        return 0.0 if seed == 1 and layer <= 2 else losing(0.5, DEPTH)(seed, step, layer)

    (words,) = found(identity(0.9, n_seeds=3, delta_norm=lost)).values()
    assert f"δ shrinks {rate(0.5)} (theory 0.9; it is 0 in 1 of 3 networks)" in words


@pytest.mark.parametrize(("n_steps", "said"), [
    (50, "training took away 80% of the loss"), (7, "after 7 steps it is early to say what"),
])  # fmt: skip
def test_before_weights_can_have_moved_it_is_early_to_say_what_is_learnt(n_steps, said):
    (words,) = found(evidence(n_steps=n_steps)).values()
    assert said in words


@pytest.mark.parametrize(("n_vanishing", "kind"), [(1, "healthy"), (2, "vanishing")])
def test_the_median_seed_decides(n_vanishing, kind):
    vanishes = losing(6.0, DEPTH)

    def profile(seed, *at):
        return vanishes(seed, *at) if seed < n_vanishing else 1.0

    assert kinds(evidence(n_seeds=3, delta_norm=profile, sample_grad_rms=profile)) == [kind]


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize(("seen", "kind"), [
    (0.49, "hidden_vanishing"), (-0.49, "hidden_vanishing"), (0.51, "vanishing"),
])  # fmt: skip
def test_weight_gradients_hide_it_where_they_lose_less_than_half_the_decades(seen, kind, width):
    lost = losing(2.0, DEPTH)
    judged = evidence(
        sizes(DEPTH, width), delta_norm=lost, sample_grad_rms=losing(2.0 * seen, DEPTH)
    )
    words = found(judged)
    assert list(words) == [kind]
    assert ("weight gradients stay within 1.0" in words[kind]) is (kind == "hidden_vanishing")


def test_weight_gradients_that_vanish_by_themselves_hide_nothing():
    profiles = {"delta_norm": losing(4.0, DEPTH), "sample_grad_rms": losing(BEYOND, DEPTH)}
    assert kinds(evidence(**profiles)) == ["vanishing"]


def test_without_gradients_of_single_samples_nothing_is_hidden():
    judged = evidence(normalization="batch", delta_norm=losing(2.0, DEPTH), sample_grad_rms=None)
    assert kinds(judged) == ["vanishing"]


@pytest.mark.parametrize(("lost", "made_up"), [
    (0.4, True), (WITHIN, True), (BEYOND, False), (-BEYOND, False),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["vanishing", "hidden_vanishing"])
def test_vanishing_that_training_made_up_for_is_told_with_what_is_left(kind, lost, made_up):
    start, end = losing(2.0, DEPTH), losing(lost, DEPTH)
    profile = {"delta_norm": lambda *at: (end if at[1] else start)(*at)}
    if kind == "vanishing":
        profile["sample_grad_rms"] = profile["delta_norm"]
    said = f" (training made up for it: {lost:.1f} at the end). "
    assert (said in found(evidence(**profile))[kind]) is made_up
    for lost_all in ({"losses": (1.0, 1.0)}, {"diverged_at": {0: 3, 1: 3}}):
        assert "made up" not in found(evidence(**profile, **lost_all))[kind]


def test_where_δ_underflows_all_of_it_is_lost():
    def gone(_seed, _step, layer):
        return 0.0 if layer < 3 else 1e-30

    (words,) = found(evidence(delta_norm=gone, sample_grad_rms=gone)).values()
    assert words.startswith("Gradients vanish: δ goes out on its way back (theory ")
    assert ", all of it over 6 hidden layers. " in words


@pytest.mark.parametrize("depth", [1, 2, 6])
def test_δ_may_be_gone_behind_the_output_layer_already(depth):
    def gone(_seed, _step, layer):
        return float(layer == depth + 1)

    words = found(evidence(sizes(depth), delta_norm=gone, sample_grad_rms=gone))
    assert list(words) == ["vanishing"]
    layers = "1 hidden layer." if depth == 1 else f"{depth} hidden layers."
    assert f"all of it over {layers}" in words["vanishing"]


@pytest.mark.parametrize(("end", "losses", "kind"), [
    (WITHIN, (0.9, 0.1), "healthy"),
    (BEYOND, (0.9, 0.1), "vanishing"),  # it vanishes between the hidden layers
    (WITHIN, (1.0, 1.0), "vanishing"),  # nothing is learnt
])  # fmt: skip
@pytest.mark.parametrize("depth", [1, DEPTH])
def test_an_output_layer_of_zeros_only_delays_δ(depth, end, losses, kind):
    after = losing(end, DEPTH) if depth > 1 else float(end == WITHIN)

    def profile(seed, step, layer):
        if not step:
            return float(layer == depth + 1)
        return after(seed, step, layer) if callable(after) else after + (layer > depth)

    words = found(
        evidence(sizes(depth), delta_norm=profile, sample_grad_rms=profile, losses=losses)
    )
    assert list(words) == [kind]
    if kind == "healthy":
        assert "the output layer starts at zero, so δ flows from the first update on" in words[kind]


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize(("factor", "bands", "kind"), [
    (1.51, 2.01, "unexpected_start"),
    (1 / 1.51, 2.01, "unexpected_start"),
    (1.49, 2.01, "healthy"),
    (1 / 1.49, 2.01, "healthy"),
    (1.51, 1.99, "healthy"),  # width and seeds explain it
])  # fmt: skip
def test_a_start_far_from_theory_is_told_beyond_chance(factor, bands, kind, width):
    decades = -(DEPTH - 1) * math.log10(0.9 * factor)
    lost = {"delta_norm": losing(decades, DEPTH), "sample_grad_rms": losing(decades, DEPTH)}
    judged = evidence(sizes(DEPTH, width), nn.Identity(), Normal(0.9, 0.0), **lost)
    error = bands * judged.fields["band"]
    judged = replace(judged, fields=judged.fields | {"theory_error": error})
    words = found(judged)
    assert list(words) == [kind]
    if kind == "unexpected_start":
        said = f"{rate(decades)} (theory 0.9), and profiles differ by {error:.2f} decades"
        assert said in words[kind]
        assert f"explain {judged.fields['band']:.2f}. " in words[kind]


def test_without_theory_no_start_is_unexpected():
    judged = evidence(normalization="layer", delta_norm=losing(-1.0, DEPTH))
    assert judged.fields is None
    assert kinds(judged) == ["healthy"]


@pytest.mark.parametrize("nothing", [0.0, math.nan, None])
def test_without_δ_at_the_output_there_is_nothing_to_judge_by(nothing):
    assert not kinds(evidence(delta_norm=nothing, sample_grad_rms=nothing))


@pytest.mark.parametrize("lost", [0.0, 3.0])
def test_a_seed_whose_δ_is_not_a_number_does_not_count(lost):
    known = losing(lost, DEPTH)

    def profile(seed, *at):
        return math.nan if seed == 1 else known(seed, *at)

    judged = evidence(n_seeds=2, delta_norm=profile, sample_grad_rms=profile)
    assert kinds(judged) == (["vanishing"] if lost else ["healthy"])


@pytest.mark.parametrize(("decades", "kind"), [(-BEYOND, "chaotic"), (-WITHIN, "healthy")])
def test_a_chaotic_network_is_told_so_where_δ_explodes(decades, kind):
    judged = evidence(sizes(12), **CHAOS, delta_norm=losing(decades, 12))
    assert kinds(judged) == [kind]


def test_chaos_is_told_beyond_the_trainable_depth_whatever_δ_does():
    *_, trainable = by_quadrature(4.0, 0.3)
    shallow, deep = math.floor(trainable), math.floor(trainable) + 1
    assert kinds(evidence(sizes(shallow), **CHAOS)) == ["healthy"]
    words = found(evidence(sizes(deep), **CHAOS))
    assert list(words) == ["chaotic"]
    assert f"over {deep} hidden layers, of which {trainable:.0f} are trainable." in words["chaotic"]


def test_chaos_is_quoted_with_χ_and_the_correlation_that_inputs_end_up_with():
    q, chi, correlation, _ = by_quadrature(4.0, 0.3)
    settled = (q - 0.3**2) / 4.0**2  # the size of inputs that makes every layer alike
    judged = evidence(sizes(12), **CHAOS, inputs=settled, delta_norm=losing(-2.2, 12))
    words = found(judged)["chaotic"]
    assert f"(theory: χ₁ = {chi:.3g}, c* = {correlation:.2g})" in words
    assert f"δ grows {rate(-2.2, 12)} (theory {math.sqrt(chi):.3g}), 2.2 decades over 12" in words


def test_where_inputs_hardly_part_it_is_no_chaos():
    near_the_edge = Normal(1.3957, 0.3)  # c* = 0.9997
    judged = evidence(initializer=near_the_edge, delta_norm=losing(-2.0, DEPTH))
    assert kinds(judged) == ["exploding"]


@pytest.mark.parametrize(("phi", "sigma_w"), [(nn.ReLU(), 2.0), (nn.Identity(), 1.5)])
def test_where_signals_only_grow_inputs_do_not_part(phi, sigma_w):
    grown = {"delta_norm": losing(-3.0, 12), "sample_grad_rms": losing(-3.0, 12)}
    assert kinds(evidence(sizes(12), phi, Normal(sigma_w, 0.0), **grown)) == ["exploding"]


def test_a_normalised_network_has_no_theory_to_quote():
    (words,) = found(evidence(normalization="layer", delta_norm=losing(-2.0, DEPTH))).values()
    assert words.startswith(f"Gradients explode: δ grows {rate(-2.0)}, 2.0 decades")
    assert "theory" not in words
    assert "network.normalization=null" in words


def test_a_normalised_network_is_never_called_chaotic():
    judged = evidence(sizes(40), **CHAOS, normalization="layer", delta_norm=losing(-2.0, 40))
    assert kinds(judged) == ["exploding"]


@pytest.mark.parametrize(("depth", "said"), [(0, "hidden layer"), (1, "one hidden layer to cross")])
@pytest.mark.parametrize("initializer", [He(), LeCun()])
def test_shallow_networks_are_healthy(depth, said, initializer):
    words = found(evidence(sizes(depth), nn.ReLU(), initializer))
    assert list(words) == ["healthy"]
    assert said in words["healthy"]
