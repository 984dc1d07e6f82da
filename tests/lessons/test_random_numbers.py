import numpy as np
import pytest
import torch


def test_the_seed_gives_its_numbers(lesson):
    assert lesson.seed == 123
    expected = [[0.2961, 0.5166, 0.2517], [0.6886, 0.0740, 0.8665]]
    for row, numbers in zip(lesson.uniform.tolist(), expected, strict=True):
        assert row == pytest.approx(numbers, abs=5e-5)
    assert [list(t.shape) for t in (lesson.normal, lesson.chosen)] == [[2, 3], [1, 4]]
    torch.manual_seed(123)
    torch.rand(2, 3)
    assert torch.equal(torch.randn(2, 3), lesson.normal)
    assert torch.equal(torch.normal(2.0, 3.0, (1, 4)), lesson.chosen)


def test_the_same_seed_in_one_process_and_across_two(lesson):
    assert torch.equal(lesson.again, lesson.uniform)
    assert torch.equal(lesson.elsewhere, lesson.uniform)
    assert not torch.equal(lesson.further, lesson.uniform)


def test_three_is_the_standard_deviation_and_nine_the_variance(lesson):
    n = len(lesson.many)
    assert lesson.mean == pytest.approx(2, abs=5 * 3 / n**0.5)
    assert lesson.deviation == pytest.approx(3, abs=5 * 3 / (2 * n) ** 0.5)
    assert lesson.variance == pytest.approx(9, abs=5 * 9 * (2 / n) ** 0.5)
    assert abs(lesson.variance - 3) > 5


def test_a_stream_knows_nothing_of_other_draws(lesson):
    assert np.array_equal(lesson.first, lesson.second)
