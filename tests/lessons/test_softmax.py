import math

import pytest
import torch


def test_it_adds_up_to_one_and_is_pytorchs(lesson):
    assert lesson.p.sum().item() == pytest.approx(1, abs=1e-15)
    assert torch.allclose(lesson.p, lesson.library, rtol=1e-14)
    assert lesson.p.tolist() == pytest.approx([0.0900, 0.2447, 0.6652], abs=5e-5)
    assert bool(((lesson.p > 0) & (lesson.p < 1)).all())


def test_it_keeps_the_order_and_exaggerates(lesson):
    assert lesson.kept_order is True
    assert lesson.ratio == pytest.approx(math.e)
    assert lesson.shifted < 1e-12
    tops = [float(p.max()) for p in lesson.sharpened.values()]
    assert tops == sorted(tops)
    assert tops[0] == pytest.approx(0.5065, abs=1e-4)
    assert tops[-1] > 0.99


def test_the_definition_fails_where_the_shifted_form_does_not(lesson):
    assert bool(lesson.naive.isnan().all())
    assert lesson.stable.tolist() == pytest.approx(lesson.p.tolist(), rel=1e-12)


def test_the_jacobian(lesson):
    p = lesson.p.tolist()
    for i in range(3):
        for j in range(3):
            assert lesson.by_formula[i, j].item() == pytest.approx(p[i] * ((i == j) - p[j]))
    assert lesson.jacobian_difference < 1e-15
    assert float(lesson.by_formula.sum(0).abs().max()) < 1e-15


def test_the_slopes_vanish_as_it_sharpens(lesson):
    entries = list(lesson.flattest.values())
    assert entries == sorted(entries, reverse=True)
    assert entries[0] <= 0.25
    assert entries[-1] < 0.01


def test_the_figure_shows_the_probabilities(lesson):
    for axes, probabilities in zip(lesson.columns, lesson.sharpened.values(), strict=True):
        heights = [bar.get_height() for bar in axes.patches]
        assert heights[:3] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
        assert heights[3:] == pytest.approx(probabilities.tolist())
