"""What training did: updates and losses on both sides of their limits."""

import math
from dataclasses import replace

import polars as pl
import pytest
from torch import nn

from deltaflow.nn.initializers import Normal
from deltaflow.verdicts import judge
from deltaflow.verdicts.evidence import Constants
from evidence import (
    BEST_CONSTANT,
    LEARNT,
    LIMIT,
    N_STEPS,
    by_step,
    evidence,
    found,
    kinds,
    losing,
    sizes,
)

NEGLIGIBLE = math.exp(-3)
FLAT = (1.0, 1.0, 1.0)
DOUBLE = Constants(loss=BEST_CONSTANT, delta=0.16, delta_alone=0.47, floor=0.5514, has_link=True)


def updates(length: float, layer: int = 2, seed: int | None = None, step: int | None = None):
    """Updates of 10⁻³ but in one layer, and of one seed, or at one step, if told."""

    def value(*at):
        here = layer == at[2] and seed in (None, at[0]) and step in (None, at[1])
        return length if here else 1e-3

    return value


def slow(length: float, **but):
    """A run whose updates all have one length, and which learns nothing."""
    return evidence(update_ratio=length, losses=FLAT, **but)


@pytest.mark.parametrize(("diverged_at", "n_seeds", "who"), [
    ({0: 7}, 1, "the network are not finite from step 7 on"),
    ({0: 9, 1: 7}, 2, "2 of 2 seeds are not finite from step 7 on"),
    ({2: 5}, 3, "1 of 3 seeds are not finite from step 5 on"),
    ({1: 8, 2: 5}, 3, "2 of 3 seeds are not finite from step 5 on"),
])  # fmt: skip
def test_seeds_that_diverged_are_counted_from_the_first_step(diverged_at, n_seeds, who):
    words = found(evidence(diverged_at=diverged_at, n_seeds=n_seeds))
    assert list(words) == ["divergence"]
    assert f"loss or weights of {who}, after a first update 0.001 of" in words["divergence"]


def test_replicas_of_folds_are_called_networks():
    judged = evidence(diverged_at={2: 5}, n_seeds=4)
    replicas = [r | {"fold": r["seed"] % 2} for r in judged.replicas]
    words = found(replace(judged, replicas=replicas))["divergence"]
    assert "1 of 4 networks are not finite" in words


@pytest.mark.parametrize("n_lost", [1, 2, 3])
def test_signals_that_overflow_before_any_update_are_no_matter_of_steps(n_lost):
    def lost(seed, *_):
        return math.nan if seed < n_lost else 1.0

    columns = dict.fromkeys(["delta_norm", "delta_rms", "sample_grad_rms", "update_ratio"], lost)
    judged = evidence(
        phi=nn.ReLU(),
        initializer=Normal(9.0, 0.0),
        n_seeds=3,
        diverged_at=dict.fromkeys(range(n_lost), 0),
        **columns,
    )
    assert found(judged)["divergence"] == (
        f"Training diverges: loss or weights of {n_lost} of 3 seeds are not finite from step 0 on, "
        "since signals overflow before any update. Try init.sigma_w=1.414, predicted ×1 per layer."
    )


@pytest.mark.parametrize("but", [
    {"diverged_at": {0: 0}},  # by the update itself: δ was there
    {"diverged_at": {0: 1}, "delta_norm": math.nan},
    {"diverged_at": {0: 0}, "delta_norm": math.nan, "shape": sizes(0)},
    {"diverged_at": {0: 0}, "recorded": False},
])  # fmt: skip
def test_else_a_smaller_step_is_advised(but):
    assert "Try optimizer.lr=" in found(evidence(**but, n_seeds=1))["divergence"]


def test_what_diverged_says_nothing_of_the_end():
    judged = evidence(
        n_seeds=2,
        diverged_at={1: 9},
        update_ratio=updates(5.0, seed=1, step=10),
        dead_fraction=lambda seed, step, _: float(seed and step > 0),
    )
    assert kinds(judged) == ["divergence"]


def test_where_all_diverged_nothing_is_said_of_what_was_learnt():
    words = found(evidence(diverged_at={0: 3, 1: 3}, losses=[1.0, math.nan]))
    assert list(words) == ["divergence"]


@pytest.mark.parametrize(("output", "doubled"), [
    ("softmax", True), ("sigmoid", True), (None, False),
])  # fmt: skip
def test_a_second_softmax_is_told_with_both_δ_and_the_floor_of_the_loss(output, doubled):
    words = found(evidence(constants=DOUBLE, output_activation=output, delta_rms=0.1632))
    assert list(words) == (["doubled"] if doubled else ["healthy"])
    if doubled:
        assert words["doubled"] == (
            f"The output has a {output} and the loss has its own: δ is 0.16 at the output, where "
            "theory gives δ = 0.16 for both and 0.47 for one, and the loss cannot fall below 0.55. "
            "Try network.output_activation=null, predicted δ ×2.9."
        )


def test_δ_that_is_not_a_number_is_left_out_beside_a_second_softmax():
    judged = evidence(
        constants=DOUBLE,
        output_activation="softmax",
        delta_rms=lambda seed, *_: 0.1632 if seed else math.nan,
    )
    assert "δ is 0.16 at the output, where" in found(judged)["doubled"]


def test_without_a_flow_the_second_softmax_is_told_by_theory_alone():
    words = found(evidence(constants=DOUBLE, output_activation="softmax", recorded=False))
    assert "the loss has its own: theory gives δ = 0.16 for both" in words["doubled"]


def test_a_softmax_of_one_output_lets_nothing_through():
    alone = Constants(loss=0.8, delta=0.0, delta_alone=0.5, floor=0.81, has_link=True)
    words = found(
        evidence(constants=alone, output_activation="softmax", delta_rms=0.0, delta_norm=0.0)
    )
    assert list(words) == ["doubled"]
    assert "δ is 0 at the output, where theory gives δ = 0 for both" in words["doubled"]
    assert words["doubled"].endswith("predicted δ 0.5.")


def test_a_softmax_before_a_loss_without_one_is_no_fault():
    assert kinds(evidence(output_activation="softmax")) == ["healthy"]


@pytest.mark.parametrize(("length", "kind"), [(1.01, "violent"), (0.99, "healthy")])
def test_an_update_may_be_as_long_as_the_weights_and_no_longer(length, kind):
    words = found(evidence(update_ratio=updates(length, layer=3, step=10)))
    assert list(words) == [kind]
    if kind == "violent":
        assert "at step 10 layer 3 moved by 1 of its weights' length" in words[kind]


def test_the_longest_update_is_quoted_as_the_mean_over_seeds():
    words = found(evidence(n_seeds=2, update_ratio=updates(4.0, layer=2, seed=1, step=10)))
    assert "layer 2 moved by 2 of its weights' length" in words["violent"]


@pytest.mark.parametrize(("elsewhere", "kind"), [(0.9, "healthy"), (1.1, "violent")])
def test_a_long_first_step_is_to_blame_where_a_constant_does_better_on_other_rows(elsewhere, kind):
    others = {"validation": (0.9, elsewhere)}
    assert kinds(evidence(update_ratio=updates(2.0, step=0), others=others))[0] == kind


@pytest.mark.parametrize(("shrunk", "kind"), [(0.5, "healthy"), (1.0, "violent"), (3.0, "violent")])
def test_weights_that_training_made_small_do_not_make_a_step_long(shrunk, kind):
    judged = evidence(
        update_ratio=updates(1.5, step=199), weight_rms=by_step(start=0.2, end=0.2 * shrunk)
    )
    assert kinds(judged) == [kind]


@pytest.mark.parametrize(("length", "kind"), [(1.7, "healthy"), (1.8, "violent")])
def test_small_weights_are_measured_by_those_that_keep_signals_size(length, kind):
    tiny = 0.1  # and 1/√32 = 0.177 keeps it
    judged = evidence(update_ratio=updates(length, layer=7, step=10), weight_rms=tiny)
    assert kinds(judged) == [kind]


@pytest.mark.parametrize(("step", "losses", "kind"), [
    (0, LEARNT, "healthy"), (10, LEARNT, "violent"), (0, (0.9, 0.8, 0.7), "violent"),
])  # fmt: skip
def test_one_long_step_at_the_start_is_a_fault_only_where_the_fit_suffers(step, losses, kind):
    assert kinds(evidence(update_ratio=updates(2.0, step=step), losses=losses)) == [kind]


@pytest.mark.parametrize(("losses", "kind"), [
    ((0.9, 1.04), "healthy"), ((0.9, 1.06), "violent"),  # against the best constant output
    ((3.0, 3.04), "healthy"), ((3.0, 3.06), "violent"),  # against how it began
    ((3.06,), "healthy"),
])  # fmt: skip
def test_training_that_makes_the_loss_worse_is_violent(losses, kind):
    words = found(evidence(losses=losses, n_steps=20, update_ratio=updates(0.02)))
    assert list(words) == [kind]
    if kind == "violent":
        assert words[kind].startswith(
            f"Updates are violent: the loss ends at {losses[1]:.3g}, having begun at "
            f"{losses[0]:.3g} (the best constant output has 1), and at step 0 layer 2 moved by 0.02"
        )


def fading(decades: float, depth: int = 6):
    """δ that flows at first, and then loses so many decades on its way back."""
    lost = losing(decades, depth)
    return lambda *at: lost(*at) if at[1] else 1.0


@pytest.mark.parametrize(("lost", "left", "kind"), [
    (1.02, 0.52, "vanishing"), (0.98, 0.52, "partial"), (1.02, 0.48, "healthy"),
])  # fmt: skip
def test_gradients_may_vanish_in_training_as_long_as_little_loss_is_left(lost, left, kind):
    words = found(evidence(delta_norm=fading(lost * LIMIT), losses=(1.0, left, left)))
    assert list(words) == [kind]
    if kind == "vanishing":
        assert words[kind].startswith(
            "Gradients come to vanish in training: δ loses 1.3 decades over 6 hidden layers at "
            "the end, 0.0 at the start, and 48% of the target is explained. "
            "Try optimizer.lr=0.01, predicted first update 0.0001 of the weights' length."
        )


def test_what_vanishes_from_the_start_does_not_come_to_vanish():
    lost = losing(1.02 * LIMIT, 6)
    words = found(evidence(delta_norm=lost, sample_grad_rms=lost, losses=(1.0, 0.8, 0.6)))
    assert list(words) == ["vanishing"]
    assert words["vanishing"].startswith("Gradients vanish: ")


@pytest.mark.parametrize(("travelled", "kind"), [(0.99, "stalled"), (1.01, "plateau")])
def test_updates_stall_where_they_cannot_add_up_to_a_twentieth_of_the_weights(travelled, kind):
    length = travelled * NEGLIGIBLE / N_STEPS
    words = found(slow(length))
    assert list(words) == [kind]
    if kind == "stalled":
        assert words[kind].startswith(f"Updates stall: {length:.1g} of the weights' length a step")
        assert f"so {N_STEPS} steps moved no layer by more than 0.05 of it" in words[kind]


@pytest.mark.parametrize(("scheduled", "first", "is_told"), [
    (True, 1.01, True),
    (True, 0.99, False),  # steps as long as the first would not have led further either
    (False, 1.01, False),  # gradients became small, not the step size
])  # fmt: skip
def test_a_schedule_is_told_that_ends_steps_which_would_have_led_on(scheduled, first, is_told):
    length = first * NEGLIGIBLE / N_STEPS
    judged = evidence(
        update_ratio=by_step(start=length, end=1e-9), losses=FLAT, scheduled=scheduled
    )
    (verdict,) = judge(judged)
    assert verdict.kind == "stalled"
    assert (verdict.advice.overrides == ("scheduler=constant",)) is is_told
    said = f"The schedule has ended them: the first one was {length:.1g} long."
    assert (said in found(judged)["stalled"]) is is_told


def test_a_loss_that_fell_to_what_constants_have_has_stalled_too():
    assert kinds(evidence(update_ratio=1e-6, losses=(2.0, 1.0, 0.98))) == ["stalled"]


@pytest.mark.parametrize(("last", "kind"), [(0.46, "stalled"), (0.44, "healthy")])
def test_a_loss_that_began_low_and_stayed_was_not_learnt(last, kind):
    words = found(evidence(update_ratio=1e-6, losses=(0.5, last)))
    assert list(words) == [kind]
    if kind == "stalled":
        assert "the loss went from 0.5 to 0.46." in words[kind]


def test_the_layer_that_moves_most_tells_whether_updates_stall():
    judged = evidence(update_ratio=lambda *at: 1e-3 if at[2] == 5 else 1e-6, losses=FLAT)
    assert kinds(judged) == ["plateau"]


@pytest.mark.parametrize(("n_steps", "found_one"), [(49, False), (50, True)])
@pytest.mark.parametrize("length", [1e-6, 2e-3])
def test_a_few_steps_are_too_early_to_miss_progress(n_steps, found_one, length):
    assert (kinds(slow(length, n_steps=n_steps)) == ["healthy"]) is not found_one


@pytest.mark.parametrize(("last", "kind"), [(0.96, "plateau"), (0.94, "partial")])
def test_a_plateau_is_a_loss_that_kept_nineteen_twentieths_of_a_constants(last, kind):
    words = found(evidence(losses=(last, last, last)))
    assert list(words) == [kind]
    if kind == "plateau":
        assert "0.96 at the end, and 1 is what the best constant output has" in words[kind]


@pytest.mark.parametrize(("losses", "kind"), [
    ((2.0, 1.04, 0.98), "partial"), ((2.0, 1.02, 0.98), "plateau"),
    ((1.2, 1.02, 1.01, 0.98), "plateau"), ((1.2, 1.04, 1.0, 0.98), "partial"),
])  # fmt: skip
def test_a_loss_that_falls_in_the_second_half_is_on_no_plateau(losses, kind):
    assert kinds(evidence(losses=losses, update_ratio=1e-2)) == [kind]


def test_the_rate_of_δ_shows_that_it_is_not_to_blame():
    decayed = evidence(losses=FLAT, delta_norm=lambda *at: 0.9 ** (6 - min(at[2], 6)))
    assert "although gradients flow (δ changes ×0.9 per layer" in found(decayed)["plateau"]


@pytest.mark.parametrize(("but", "advice"), [
    ({"shape": sizes(0)}, "network.depth=2"),
    ({"shape": sizes(0), "sizes_listed": True}, "network.hidden_sizes=[32,32]"),
    ({"phi": nn.Identity(), "shape": sizes(3)}, "activation=relu"),
    ({"phi": nn.Identity()}, "activation=tanh init.sigma_w=1"),  # where ReLU's δ would vanish
    ({"phi": nn.LeakyReLU(1.0)}, "activation.negative_slope=0.01"),
    ({"phi": nn.LeakyReLU(0.9)}, "debug=overfit"),
    ({"phi": nn.Tanh()}, "debug=overfit"),
    ({"update_ratio": 1e-3}, "optimizer.lr=1"),  # ten times as long are still no longer than usual
    ({"label_noise": 0.49}, "debug=overfit"),
    ({"label_noise": 0.5}, "data.label_noise=0"),
])  # fmt: skip
def test_a_plateau_names_what_else_may_be_the_cause(but, advice):
    judged = {"update_ratio": 5e-3} | but
    (verdict,) = judge(evidence(**judged, initializer=Normal(1.0, 0.0), losses=FLAT))
    assert verdict.kind == "plateau"
    assert verdict.advice.overrides == tuple(advice.split())


@pytest.mark.parametrize("best", [math.nan, math.inf, 0.0])
def test_without_a_best_constant_nobody_knows_what_was_learnt(best):
    unknown = Constants(best, delta=0.5, delta_alone=0.5, floor=math.nan)
    words = found(evidence(losses=FLAT, constants=unknown))
    assert list(words) == ["healthy"]
    assert "best constant" not in words["healthy"]


@pytest.mark.parametrize("best", [-1.0, 1.0])
def test_of_losses_below_0_no_share_is_told(best):
    below = Constants(best, delta=0.5, delta_alone=0.5, floor=math.nan)
    words = found(evidence(losses=(-1.0, -1.5), constants=below))
    assert list(words) == ["healthy"]
    assert "training took away" not in words["healthy"]


def test_losses_are_means_over_seeds_that_did_not_diverge():
    some = {"n_seeds": 3, "diverged_at": {2: 4}}
    assert evidence(**some).losses == pytest.approx([0.9, 0.5, 0.2])
    by_seed = evidence(**some).metrics.with_columns(loss=pl.col("seed") + 1.0)
    assert evidence(**some, metrics=by_seed).losses == pytest.approx([1.5, 1.5, 1.5])
