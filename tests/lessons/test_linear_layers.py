import pytest
import torch
from torch import nn

from deltaflow.nn.network import FullyConnected


def test_shapes_of_a_layer(lesson):
    assert [list(t.shape) for t in (lesson.x, lesson.weight, lesson.bias, lesson.at_once)] == [
        [5, 2], [3, 2], [3], [5, 3]
    ]  # fmt: skip


def test_one_neuron_at_a_time_is_the_matrix_form(lesson):
    assert torch.allclose(lesson.one_by_one, lesson.at_once, rtol=1e-12, atol=1e-14)
    expected = nn.functional.linear(lesson.x, lesson.weight, lesson.bias)
    assert torch.allclose(lesson.one_by_one, expected, rtol=1e-12, atol=1e-14)


def test_parameters_are_counted(lesson):
    assert list(lesson.counts.values()) == [3, 2, 41, 41]
    assert lesson.unbiased.bias is None
    assert lesson.agree is True


def test_sizes_that_do_not_meet_fail_only_when_used(lesson):
    assert [(m.in_features, m.out_features) for m in lesson.broken.layers] == [
        (2, 10), (10, 1), (10, 1)
    ]  # fmt: skip
    assert "shapes cannot be multiplied (5x1 and 10x1)" in lesson.failure
    assert lesson.shapes == [(10, 2), (1, 10), (1, 1)]
    assert FullyConnected([2, 10, 1, 1], nn.ReLU())(torch.ones(1, 5, 2)).shape == (1, 5, 1)


def test_without_an_activation_many_layers_are_one(lesson):
    assert list(lesson.collapsed.shape) == [3, 4]
    assert lesson.linear_difference < 1e-14
    assert lesson.parameters == 5 * 16 + 2 * 17 * 16 + 17 * 3
    assert lesson.tanh_difference > 1e6 * lesson.linear_difference


def test_the_figure_shows_a_line_and_a_curve(lesson):
    bend = {
        name: float(values.diff(n=2).abs().max() / values.diff().abs().max())
        for name, values in lesson.outputs.items()
    }
    assert bend["no activation"] < 1e-3 < 0.1 < bend["ReLU"]
    straight = lesson.outputs["no activation"]
    assert straight[0] == pytest.approx(-straight[-1].item(), rel=1e-4)
