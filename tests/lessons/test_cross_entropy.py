import math

import pytest
import torch


def test_log_softmax_and_negative_log_likelihood(lesson):
    expected = [math.log(1 + math.exp(-1)), math.log(1 + math.e)]
    for losses in (lesson.by_definition, lesson.in_two_parts, lesson.project):
        assert losses.tolist() == pytest.approx(expected, rel=1e-12)
    assert lesson.library == pytest.approx(sum(expected) / 2)


def test_the_gradient_is_probability_less_truth(lesson):
    assert lesson.gradient_difference < 1e-15
    third = 1 / (1 + math.e)
    expected = torch.tensor([[third, -third], [third - 1, 1 - third]], dtype=torch.float64)
    assert torch.allclose(lesson.delta, expected)


def test_a_class_without_a_logit_is_refused(lesson):
    assert "Target 2 is out of bounds" in lesson.out_of_range
    assert lesson.refusal.startswith("Class labels must be a list of indices 0 to 1. Found [1, 2]")


def test_softmax_twice_has_a_floor(lesson):
    assert lesson.floor == pytest.approx(math.log(1 + 2 / math.e))
    assert lesson.floor > 0.55


def test_softmax_twice_attenuates_the_gradient(lesson):
    ratios = [once / twice for once, twice in lesson.at_wrong.values()]
    assert ratios == sorted(ratios)
    assert lesson.at_wrong[0.0] == pytest.approx((2 / 3, 2 / 9))
    assert ratios[0] == pytest.approx(3)
    assert ratios[-1] > 10_000
    assert all(b < a for a, b in zip(lesson.once, lesson.twice, strict=True))
