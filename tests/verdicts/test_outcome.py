"""What came out, by made-up losses: learnt too little, too long, by heart, or well."""

import math

import numpy as np
import pytest

from deltaflow.verdicts import judge, words
from deltaflow.verdicts.evidence import fall
from evidence import N_STEPS, evidence, found, kinds

EPOCHS = np.arange(40)
JITTER = 0.002 * np.random.default_rng(0).standard_normal(40)


def settling(tau: float, floor: float = 0.6):
    """A loss that settles exponentially, with some noise."""
    return floor + 0.4 * np.exp(-EPOCHS / tau) + JITTER


@pytest.mark.parametrize(("tau", "falls"), [(4, False), (20, False), (40, True), (400, True)])
def test_a_descent_goes_on_where_a_quarter_of_it_is_still_to_come(tau, falls):
    assert (math.exp(-40 / tau) > 0.25) is falls
    assert fall(settling(tau))[1] is falls
    judged = evidence(losses=settling(tau), update_ratio=1e-2)
    assert kinds(judged) == (["undertrained"] if falls else ["partial"])


@pytest.mark.parametrize(("length", "kind"), [(0.99, "undertrained"), (1.01, "partial")])
def test_weights_that_cannot_have_moved_by_their_length_have_not_settled(length, kind):
    assert kinds(evidence(losses=settling(20), update_ratio=length / N_STEPS)) == [kind]


def test_how_much_it_falls_is_the_line_through_the_second_half():
    assert fall(1 - 0.01 * np.arange(20.0)) == (pytest.approx(0.1), True)


@pytest.mark.parametrize("losses", [1 + JITTER, 1 + JITTER[:10], [1.0], [1.0, 0.9], [math.nan] * 9])
def test_chance_and_too_few_epochs_are_no_descent(losses):
    assert fall(np.array(losses)) == (0.0, False)


@pytest.mark.parametrize(("update", "times"), [
    (5e-4, 1 + 3 * 0.81 / (2 * 0.1)),  # in proportion to what is left, it falls by e³ in that
    (1e-4, 1 / (1e-4 * N_STEPS)),  # or else the finding would come back: no layer would have moved
])  # fmt: skip
def test_a_step_that_leads_to_the_end_is_advised(update, times):
    judged = evidence(losses=1 - 0.01 * np.arange(20.0), update_ratio=update, lr=1e-4)
    (verdict,) = judge(judged)
    (override,) = verdict.advice.overrides
    assert float(override.removeprefix("optimizer.lr=")) == pytest.approx(1e-4 * times, rel=0.3)
    said = "took 0.1 off the loss, which still falls, and 0.81 is left."
    assert said in found(judged)["undertrained"]


@pytest.mark.parametrize(("validation", "kind"), [
    ((1.0, 0.96, 2.0), "by_heart"), ((1.0, 0.94, 2.0), "overfitting"), ((1.0, 0.9, 0.9), "healthy"),
])  # fmt: skip
def test_rows_learnt_by_heart_say_nothing_of_others(validation, kind):
    judged = evidence(others={"validation": validation})
    assert kinds(judged) == [kind]
    if kind == "overfitting":
        (verdict,) = judge(judged)
        assert verdict.advice.overrides == ("trainer.max_epochs=2",)
        assert "6% of the target was explained then" in found(judged)[kind]


@pytest.mark.parametrize(("last", "kind"), [(0.96, "plateau"), (0.94, "overfitting")])
def test_what_learns_nothing_of_its_own_rows_cannot_overfit(last, kind):
    others = {"validation": (1.0, 0.9, 1.1)}  # up and down by chance
    assert kinds(evidence(losses=(1.0, 1.0, last), others=others)) == [kind]


@pytest.mark.parametrize("noise", [0.0, 0.9])
def test_labels_that_were_replaced_are_to_blame_for_it(noise):
    (verdict,) = judge(evidence(others={"validation": (1.0, 1.2, 2.0)}, label_noise=noise))
    assert verdict.kind == "by_heart"
    assert (verdict.advice is not None) is bool(noise)


def test_without_a_validation_part_test_rows_tell():
    assert kinds(evidence(others={"test": (1.1,)})) == ["by_heart"]
    assert kinds(evidence(others={"test": (0.3,)})) == ["healthy"]


@pytest.mark.parametrize(("last", "is_said"), [(0.26, True), (0.24, False)])
def test_a_validation_loss_that_turns_is_told_behind_the_verdict(last, is_said):
    judged = evidence(others={"validation": (0.9, 0.2, last)})
    assert kinds(judged) == ["healthy", *["overfitting"] * is_said]
    if is_said:
        assert found(judged)["overfitting"] == (
            "Overfitting: the validation loss was 0.2 after epoch 2 of 3 and is 0.26 at the end. "
            "Try trainer.max_epochs=2."
        )


PARTS = ("validation", "test")


@pytest.mark.parametrize(("part", "other"), [PARTS, PARTS[::-1]])
@pytest.mark.parametrize(("last", "lost", "is_unlike"), [
    (0.4, 1e8, True), (0.4, 1.0, True), (0.4, 0.99, False),
    (0.8, 10.1, True), (0.8, 9.9, False),  # whatever else the network has learnt
])  # fmt: skip
def test_rows_that_a_constant_does_better_on_are_unlike_the_others(
    part, other, last, lost, is_unlike
):
    judged = evidence(others={part: (0.9, lost), other: (0.9, last)})
    assert (f"unlike_{part}_rows" in kinds(judged)) is is_unlike
    if is_unlike:
        (words,) = found(judged).values()
        assert f"{part.capitalize()} rows are unlike the others: the loss is {lost:.3g}" in words
        assert f"{last:.3g} on {other} rows. Look for rows of another size or origin." in words


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("at_end", "kind"), [
    (9.9, None), (10.1, "divergence"), (math.inf, "divergence"), (math.nan, "divergence"),
])  # fmt: skip
def test_an_overflow_on_other_rows_alone_is_no_matter_of_steps(part, at_end, kind):
    others = {"validation": (0.9, 0.4), "test": (0.4,)} | {part: (0.9, math.nan)}
    losses = np.array([at_end, 0.3])
    judged = evidence(diverged_at={0: N_STEPS, 1: 9}, others=others, final_losses=losses)
    assert kinds(judged) == [kind or f"unlike_{part}_rows"]
    if kind is None:
        assert (
            "the loss is not finite there, and 9.9 on training rows."
            in found(judged)[kinds(judged)[0]]
        )


@pytest.mark.parametrize(("scheduled", "advised"), [
    (True, "scheduler=constant"), (False, "optimizer.lr=0.6"),
])  # fmt: skip
def test_a_schedule_that_ends_the_steps_is_to_blame_for_a_plateau(scheduled, advised):
    judged = evidence(losses=(1.0, 1.0), scheduled=scheduled,
                      update_ratio=lambda _seed, step, _layer: 1e-5 if step else 5e-3)  # fmt: skip
    (verdict,) = judge(judged)
    assert verdict.kind == "plateau"
    assert verdict.advice.overrides == (advised,)


def of_classes(counts, predicted, **but):
    return evidence(
        class_counts=np.array(counts), predicted_counts=np.array([predicted] * 2), **but
    )


@pytest.mark.parametrize(("counts", "predicted", "overrides"), [
    ([98, 2], [100, 0], ("loss=bce", "loss.threshold=0.02")),
    ([3, 97], [0, 100], ("loss=bce", "loss.threshold=1")),
    ([60, 38, 2], [60, 40, 0], None),
])  # fmt: skip
def test_a_class_that_is_never_predicted_is_named(counts, predicted, overrides):
    (verdict,) = judge(of_classes(counts, predicted))
    assert verdict.kind == "missed_class"
    assert verdict.numbers["class"] == int(np.argmin(counts))
    assert (verdict.advice and verdict.advice.overrides) == overrides


@pytest.mark.parametrize(
    ("counts", "predicted"),
    [([98, 2], [99, 1]), ([50, 50, 0], [50, 50, 0]), ([40, 40, 20], [60, 40, 0])],
)
def test_classes_that_are_predicted_or_not_there_are_not_missed(counts, predicted):
    assert kinds(of_classes(counts, predicted)) == ["healthy"]


def test_accuracy_is_measured_from_that_of_the_largest_class():
    judged = of_classes([70, 30], [70, 30], losses=(0.9, 0.7, 0.7))
    better = judged.metrics.with_columns(accuracy=0.94)
    assert kinds(judged) == ["partial"]
    judged = of_classes([70, 30], [70, 30], metrics=better)
    assert judged.explained == pytest.approx([0.8, 0.8])
    assert found(judged)["healthy"].endswith("training accuracy 0.94 (the largest class has 0.7).")


SOME_FAIL = [[1.0, 1.0]] * 3 + [[0.5, 0.05]] * 5


def test_seeds_that_fail_are_counted_beside_those_that_do_not():
    judged = evidence(losses=SOME_FAIL, n_seeds=8, update_ratio=1e-3)
    (verdict,) = judge(judged)
    assert verdict.kind == "failed_seeds"
    assert (verdict.numbers["n_failed"], verdict.numbers["n_seeds"]) == (3, 8)
    assert verdict.numbers["cause"] == "plateau"
    assert found(judged)["failed_seeds"].startswith("3 of 8 seeds fail: ")


def test_seeds_that_fail_are_judged_by_themselves():
    judged = evidence((4, 1, 3), losses=SOME_FAIL, n_seeds=8, sizes_listed=True, dead_fraction=None)
    (verdict,) = judge(judged)
    assert verdict.numbers["cause"] == "bottleneck"
    assert verdict.advice.overrides == ("network.hidden_sizes=[32]",)


@pytest.mark.parametrize(("worst", "fails"), [(0.53, True), (0.51, False)])
def test_a_seed_fails_with_less_than_half_of_what_the_best_took_away(worst, fails):
    judged = evidence(losses=[[1.0, 0.04], [1.0, worst]])
    assert (kinds(judged) == ["failed_seeds"]) is fails


def test_early_nobody_has_failed():
    assert kinds(evidence(losses=SOME_FAIL, n_seeds=8, n_steps=49)) == ["healthy"]
    assert N_STEPS >= 50


def test_what_falls_is_learnt_where_other_rows_share_in_it():
    falling = {"losses": 1 - 0.01 * np.arange(20.0), "update_ratio": 1e-4}
    shared = {"validation": 1 - 0.006 * np.arange(20.0)}
    assert kinds(evidence(**falling, others=shared)) == ["undertrained"]
    by_heart = {"validation": 1 + 0.01 * np.arange(20.0)}
    assert kinds(evidence(**falling, others=by_heart)) == ["by_heart"]
    wrong = evidence(losses=1 - 0.001 * np.arange(20.0), others=by_heart, label_noise=0.9)
    (verdict,) = judge(wrong)
    assert (verdict.kind, verdict.advice.overrides) == ("plateau", ("data.label_noise=0",))


@pytest.mark.parametrize("losses", [(1.0, 0.9, 0.8), (1.0, 0.95, 0.9, 0.85), (1.0, 0.9, 0.8, 0.7)])
@pytest.mark.parametrize("n_steps", [6, N_STEPS])
def test_a_few_epochs_are_enough_to_see_that_a_loss_still_falls(losses, n_steps):
    assert kinds(evidence(losses=losses, n_steps=n_steps)) == ["undertrained"]
    assert kinds(evidence(losses=[*losses, losses[-1], losses[-1]], n_steps=n_steps)) != [
        "undertrained"
    ]


def test_a_loss_that_falls_much_counts_where_half_of_the_errors_are_gone():
    judged = of_classes([50, 50], [50, 50], losses=1 - 0.01 * np.arange(20.0), update_ratio=1e-4)
    accurate = judged.metrics.with_columns(accuracy=0.8)
    found_early = of_classes([50, 50], [50, 50], metrics=accurate, update_ratio=1e-4)
    assert kinds(found_early) == ["undertrained"]


@pytest.mark.parametrize(("late", "kind"), [(True, "healthy"), (False, "failed_seeds")])
def test_a_seed_whose_loss_still_falls_has_not_failed(late, kind):
    slow = 1 - 0.02 * np.arange(20.0) if late else np.full(20, 0.62)
    quick = np.maximum(1 - 0.1 * np.arange(20.0), 0.02)
    assert kinds(evidence(losses=[slow, quick, quick], n_seeds=3)) == [kind]


@pytest.mark.parametrize(("tau", "kind"), [(200, "undertrained"), (20, "healthy")])
def test_a_descent_that_goes_on_is_told_where_much_is_explained_and_more_is_left(tau, kind):
    losses = np.exp(-np.arange(140) / tau)  # in half of it: a factor of 0.7, or 0.03
    assert kinds(evidence(losses=losses, update_ratio=1e-4)) == [kind]


def test_a_loss_like_a_constants_is_little_whatever_the_accuracy():
    judged = of_classes([50, 50], [50, 50], losses=(1.0, 1.0, 0.99))
    accurate = judged.metrics.with_columns(accuracy=0.9)
    assert of_classes([50, 50], [50, 50], metrics=accurate).explains_little


def test_rows_that_were_left_out_may_join_those_learnt_by_heart():
    (verdict,) = judge(evidence(others={"validation": (1.0, 1.2, 2.0)}, rows_left_out=True))
    assert (verdict.kind, verdict.advice.overrides) == ("by_heart", ("data.train_rows=null",))


def test_a_partial_network_whose_loss_still_falls_is_told_how_to_go_on():
    (verdict,) = judge(evidence(losses=settling(20), update_ratio=6e-3, lr=0.1))
    assert verdict.kind == "partial"
    assert verdict.advice.overrides[0].startswith("optimizer.lr=")
    assert "The loss still falls, by" in words(verdict)
