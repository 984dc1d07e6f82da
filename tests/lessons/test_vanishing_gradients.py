import numpy as np
import pytest


def test_the_product_of_slopes(lesson):
    assert lesson.steepest == {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "leaky": 1.0}
    assert lesson.steepest["sigmoid"] ** 10 == pytest.approx(9.54e-7, rel=1e-3)
    assert lesson.typical["relu"] == pytest.approx(0.5**0.5)
    assert lesson.typical["leaky"] == pytest.approx(((1 + 0.01**2) / 2) ** 0.5)
    z = np.random.default_rng(0).standard_normal(1_000_000)
    by_chance = np.sqrt(np.mean((1 - np.tanh(z) ** 2) ** 2))
    assert lesson.typical["tanh"] == pytest.approx(by_chance, rel=5e-3)


def test_measured_decay_is_what_theory_says(lesson):
    assert list(lesson.rates) == ["sigmoid", "tanh", "relu", "leaky", "relu, He"]
    for measured, theory in lesson.rates.values():
        assert measured == pytest.approx(theory, rel=0.03)


def test_who_vanishes_and_who_does_not(lesson):
    measured = {name: rate for name, (rate, _) in lesson.rates.items()}
    assert measured["sigmoid"] == pytest.approx(0.235, abs=0.01)
    assert measured["sigmoid"] < measured["relu"] < measured["tanh"] < 1
    assert measured["leaky"] == pytest.approx(measured["relu"], abs=0.01)
    assert measured["relu, He"] == pytest.approx(1, abs=0.02)


def test_the_figure_draws_theory_over_every_measurement(lesson):
    assert len(lesson.columns) == 4
    for axes, name in zip(lesson.columns, lesson.activations, strict=True):
        dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
        solid = [line for line in axes.lines if line.get_linestyle() == "-"]
        assert len(dotted) == len(solid) == (2 if name == "relu" else 1)
        for theory, measured in zip(dotted, solid, strict=True):
            apart = np.log10(theory.get_ydata()) - np.log10(measured.get_ydata())
            assert np.abs(apart).max() < 0.5
        assert axes.get_yscale() == "log"
