import pytest


def test_a_mean_of_squares(lesson):
    assert lesson.loss.item() == pytest.approx(14 / 3)
    assert lesson.gradient.tolist() == pytest.approx([2 / 3, 4 / 3, 2])


def test_each_factors_gradient_is_the_other(lesson):
    assert lesson.doubled.tolist() == [8.0, 10.0, 12.0]  # of two passes
    assert "u     made by nothing: a leaf  gradient tensor([4., 5., 6.])" in lesson.printed
    assert lesson.v.grad.tolist() == [2.0, 4.0, 6.0]
    assert lesson.z.grad.tolist() == [1.0, 1.0, 1.0]


def test_leaves_and_what_was_computed(lesson):
    assert lesson.u.is_leaf
    assert lesson.v.is_leaf
    assert not lesson.z.is_leaf
    assert not lesson.total.is_leaf
    assert type(lesson.z.grad_fn).__name__ == "MulBackward0"
    assert type(lesson.total.grad_fn).__name__ == "SumBackward0"


def test_whole_numbers_have_no_derivative(lesson):
    assert "floating point" in lesson.refusal


def test_it_agrees_with_the_definition(lesson):
    assert lesson.difference < 1e-9


def test_a_difference_quotient_has_a_best_step(lesson):
    for name, low, high in (("to one side", 1e-10, 1e-7), ("to both sides", 1e-7, 1e-4)):
        assert low < lesson.best[name] < high
        assert min(lesson.errors[name]) < lesson.errors[name][0] / 100
        assert min(lesson.errors[name]) < lesson.errors[name][-1] / 100
