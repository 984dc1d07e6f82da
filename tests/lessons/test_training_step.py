import pytest


def test_the_steps_by_hand(lesson):
    assert lesson.z1.flatten().tolist() == pytest.approx([0.2, 0.5])
    assert lesson.h1.flatten().tolist() == pytest.approx([0.549834, 0.622459], abs=1e-6)
    output = 0.7 * 0.549834 - 0.5 * 0.622459 + 0.2
    assert lesson.z2.item() == pytest.approx(output, abs=1e-6)
    assert lesson.loss == pytest.approx((output - 1) ** 2, abs=1e-6)
    assert lesson.delta2.item() == pytest.approx(2 * (output - 1), abs=1e-6)
    by_unit = [w * lesson.delta2.item() * h * (1 - h)
               for w, h in zip((0.7, -0.5), lesson.h1[0].tolist(), strict=True)]  # fmt: skip
    assert lesson.delta1.flatten().tolist() == pytest.approx(by_unit)


def test_the_update_lowers_the_loss(lesson):
    assert lesson.loss_after < lesson.loss
    for name, value in lesson.parameters.items():
        assert (value - lesson.updated[name]).flatten().tolist() == pytest.approx(
            (0.5 * lesson.gradients[name]).flatten().tolist()
        )


def test_the_project_computes_the_same(lesson):
    assert len(lesson.deltas) == 2
    assert len(lesson.theirs) == 4
    assert lesson.largest_difference < 1e-14


def test_all_five_steps_are_printed(lesson):
    for step in ("1. forward", "2. activation", "3. loss", "4. backward", "5. update"):
        assert step in lesson.printed


def test_the_boundary_forms(lesson):
    assert lesson.losses == sorted(lesson.losses, reverse=True)
    assert lesson.accuracies[0] < 0.9 < 0.98 < lesson.accuracies[-1]
    assert len(lesson.surfaces) == len(lesson.moments) == 4
    for surface in lesson.surfaces:
        assert surface.min() < 0.5 < surface.max()  # so that there is a line to draw
