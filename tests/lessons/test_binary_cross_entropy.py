import math

import pytest


def test_sigmoid_and_loss_are_the_joined_form(lesson):
    expected = [math.log(1 + math.exp(z if y == 0 else -z)) for z, y in
                zip((1, 2, 3, 4), (0, 1, 0, 1), strict=True)]  # fmt: skip
    for losses in (lesson.by_definition, lesson.joined, lesson.in_two_parts, lesson.project):
        assert losses.flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_whole_number_targets_fail_and_floats_do_not(lesson):
    assert "Float" in lesson.failure
    assert "Long" in lesson.failure
    assert lesson.with_floats == pytest.approx(1.126732, abs=1e-6)
    assert lesson.project.tolist() == pytest.approx(lesson.joined.flatten().tolist())  # of integers


@pytest.mark.parametrize("logit", [-200.0, -100.0, 100.0, 200.0])
def test_only_the_joined_form_is_right_far_out(lesson, logit):
    found = lesson.extreme[logit]
    assert found["joined loss"] == abs(logit)
    assert found["joined gradient"] == math.copysign(1, logit)
    assert found["naive loss"] == math.inf
    assert math.isnan(found["naive gradient"])
    assert found["clamped loss"] == 100
    assert found["clamped gradient"] == 0


def test_a_threshold_trades_one_mistake_for_the_other(lesson):
    missed, alarms = zip(*lesson.by_threshold.values(), strict=True)
    assert list(missed) == sorted(missed, reverse=True)
    assert list(alarms) == sorted(alarms)
    assert missed[2] < missed[1] / 2 < missed[0] / 2
    assert (lesson.n_malignant, lesson.n_benign) == (212, 357)


def test_the_threshold_is_on_the_probability(lesson):
    benign = lesson.benign[0].bool()
    sure = lesson.output.sigmoid()[0, :, 0] >= 0.9
    assert lesson.by_threshold[0.9] == (int((sure & ~benign).sum()), int((~sure & benign).sum()))
