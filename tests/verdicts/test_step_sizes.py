"""The step size to try instead, worked out by hand."""

import math

import pytest

from deltaflow.verdicts.advice import longer_training, smaller_step
from deltaflow.verdicts.words import advice_words
from evidence import evidence


def smaller(judged):
    return advice_words(smaller_step(judged))


@pytest.mark.parametrize(("length", "lr", "advised", "predicted"), [
    (0.5, 1.0, "0.02", "0.01"),  # fifty times shorter, to a hundredth
    (0.5, 0.03, "0.0006", "0.01"),
    (40.0, 3.0, "0.0008", "0.01"),
    (0.02, 0.1, "0.01", "0.002"),  # at least ten times smaller
    (1e-3, 0.1, "0.01", "0.0001"),
])  # fmt: skip
def test_a_smaller_step_makes_the_first_update_a_hundredth_of_the_weights(
    length, lr, advised, predicted
):
    assert smaller(evidence(update_ratio=length, lr=lr)) == (
        f"Try optimizer.lr={advised}, predicted first update {predicted} of the weights' length."
    )


def test_the_longest_first_update_decides():
    longest = evidence(lr=1.0, update_ratio=lambda *at: {(1, 0, 4): 0.5}.get(at, 0.01))
    assert "optimizer.lr=0.02," in smaller(longest)


@pytest.mark.parametrize("unknown", [math.nan, 0.0, None])
def test_without_a_first_update_the_step_is_ten_times_smaller(unknown):
    assert smaller(evidence(update_ratio=unknown, lr=0.3)) == "Try optimizer.lr=0.03."
    assert smaller(evidence(recorded=False, lr=0.3)) == "Try optimizer.lr=0.03."


def test_an_optimizer_without_lr_is_told_the_factor():
    assert smaller(evidence(update_ratio=0.5, lr=None)) == "Try a step size 50 times smaller."


@pytest.mark.parametrize(("inputs", "standardized", "inputs_first"), [
    (30.0, False, True), (0.04, False, True), (3.0, False, False), (30.0, True, False),
])  # fmt: skip
def test_inputs_of_an_odd_size_come_before_the_step(inputs, standardized, inputs_first):
    said = smaller(evidence(inputs=inputs, standardized=standardized))
    expected = f"Try data.standardize=true, predicted mean(x²) = 1 instead of {inputs:g}."
    assert (said == expected) is inputs_first
    assert ("optimizer.lr" in said) is not inputs_first


@pytest.mark.parametrize(("length", "times", "advised"), [
    (1e-5, 100, ["optimizer.lr=10"]),
    (1e-5, 1000, ["optimizer.lr=100"]),
    (1e-5, 4000, ["optimizer.lr=100", "trainer.max_epochs=400"]),  # no step beyond a hundredth
    (1e-2, 3, ["trainer.max_epochs=300"]),
    (5e-2, 3, ["trainer.max_epochs=300"]),
    (1e-2, 1.4, []),
    (1e-2, 1e9, ["trainer.max_epochs=10000"]),
])  # fmt: skip
def test_it_takes_a_longer_step_then_more_epochs_to_get_further(length, times, advised):
    found = longer_training(evidence(update_ratio=length, lr=0.1, max_epochs=100), times)
    assert list(found.overrides) == advised
    if "optimizer.lr" in str(advised):
        assert found.predicted["update"] == pytest.approx(length * float(advised[0][13:]) / 0.1)


@pytest.mark.parametrize("but", [{"lr": None}, {"update_ratio": 0.0}, {"recorded": False}])
def test_what_is_unknown_or_stands_still_is_no_advice(but):
    assert not longer_training(evidence(**but), 10.0).overrides
