import math

import numpy as np
import pytest


def test_steepest_slopes(lesson):
    steepest = {name: fact.steepest for name, fact in lesson.facts.items()}
    assert steepest == {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "leaky": 1.0}
    assert [name for name, fact in lesson.facts.items() if fact.saturates] == ["sigmoid", "tanh"]
    assert [name for name, fact in lesson.facts.items() if fact.has_flat_part] == ["relu"]


def test_curves_are_those_of_the_definitions(lesson):
    z = lesson.z.numpy()
    definitions = {
        "sigmoid": 1 / (1 + np.exp(-z)),
        "tanh": (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
        "relu": np.maximum(0, z),
        "leaky": np.where(z > 0, z, 0.01 * z),
    }
    for name, values in definitions.items():
        assert np.allclose(lesson.curves[name].numpy(), values, rtol=1e-12, atol=1e-14)


def test_slopes_are_those_of_the_formulas(lesson):
    assert max(lesson.slope_differences.values()) < 1e-14
    assert lesson.at_origin == pytest.approx({"sigmoid": 0.25, "tanh": 1, "relu": 0, "leaky": 0.01})


def test_sigmoid_reaches_1_only_by_rounding(lesson):
    # Stored as 1 once 1 − σ = 1/(1 + eˣ) is at most half the distance to the next number below 1.
    for name, digits in (("float32", 24), ("float64", 53)):
        assert lesson.rounds_to_one[name] == pytest.approx(math.log(2 ** (digits) - 1), abs=0.7)
    assert 1 / (1 + math.exp(lesson.rounds_to_one["float32"])) > 0
    assert lesson.left_end == 0
    assert lesson.lost == 0


def test_tanhs_slope_attains_its_maximum(lesson):
    assert lesson.steepest_at == pytest.approx({"sigmoid": 0, "tanh": 0}, abs=1e-12)
    assert lesson.at_origin["tanh"] == 1.0  # so the range is (0, 1], not (0, 1)
    assert lesson.ratio_at_zero == 4.0
    assert lesson.ratio_far < 1  # four times at 0 only


def test_tanh_is_odd_and_centred(lesson):
    assert lesson.odd == 0
    assert abs(lesson.means["tanh"]) < 0.01
    assert lesson.means["sigmoid"] == pytest.approx(0.5, abs=0.01)
    assert lesson.means["relu"] == pytest.approx(1 / math.sqrt(2 * math.pi), abs=0.01)


def test_only_relu_is_sparse(lesson):
    assert lesson.zeros["relu"] == pytest.approx(lesson.expected, abs=0.01)
    assert lesson.expected == pytest.approx(0.5, abs=1e-9)
    assert [lesson.zeros[name] for name in ("sigmoid", "tanh", "leaky")] == [0, 0, 0]


def test_the_figure_has_each_curve_and_its_slope_on_shared_axes(lesson):
    assert len(lesson.columns) == 4
    for axes, name in zip(lesson.columns, lesson.activations, strict=True):
        drawn = [line for line in axes.lines if len(line.get_xdata()) > 2]
        assert np.array_equal(drawn[0].get_ydata(), lesson.curves[name])
        slopes = np.concatenate([line.get_ydata() for line in drawn[1:]])
        assert slopes.max() == pytest.approx(lesson.facts[name].steepest)
        assert axes.get_ylim() == lesson.columns[0].get_ylim()
