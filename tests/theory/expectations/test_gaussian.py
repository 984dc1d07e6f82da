import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, ndtr

from deltaflow.theory.expectations.gaussian import expectation, rule

VARIANCES = np.array([1e-12, 1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6, 1e12])
CENTRED = np.zeros_like(VARIANCES)


def clipped_second_moment(q):
    """E min(max(u, −1), 1)², by parts."""
    z = 1 / np.sqrt(q)
    inside = 2 * ndtr(z) - 1
    edge = 2 * z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return np.where(q < 1e-4, q, q * (inside - edge) + 1 - inside)


CLOSED = {  # f, its kinks, its expectation over a centred Gaussian of variance q
    "1": (np.ones_like, (), np.ones_like),
    "square": (np.square, (), lambda q: q),
    "fourth power": (lambda u: u**4, (), lambda q: 3 * q**2),
    "rectified, squared": (lambda u: np.maximum(u, 0) ** 2, (0,), lambda q: q / 2),
    "magnitude": (np.abs, (0,), lambda q: np.sqrt(2 * q / math.pi)),
    "step": (lambda u: np.where(u > 0.25, 1.0, 0.0), (0.25,), lambda q: ndtr(-0.25 / np.sqrt(q))),
    "erf squared": (  # Williams 1997, equation 11
        lambda u: erf(u) ** 2, (), lambda q: 2 / math.pi * np.arcsin(2 * q / (1 + 2 * q)),
    ),
    "erf' squared": (
        lambda u: 4 / math.pi * np.exp(-2 * np.minimum(u**2, 300)), (),
        lambda q: 4 / math.pi / np.sqrt(1 + 4 * q),
    ),
    "clipped, squared": (lambda u: np.clip(u, -1, 1) ** 2, (-1, 1), clipped_second_moment),
    "cosine": (np.cos, (), lambda q: np.exp(-q / 2)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "kinks", "closed"), CLOSED.values(), ids=CLOSED)
def test_expectations_that_are_known(f, kinks, closed):
    widest = {np.cos: 1.0}.get(f, 1e3 if closed is clipped_second_moment else np.inf)
    q = VARIANCES[widest >= VARIANCES]  # cos turns too often; the other's terms cancel
    found = expectation(f, np.zeros_like(q), q, kinks)
    np.testing.assert_allclose(found, closed(q), rtol=1e-10, atol=1e-14)


@given(mean=st.floats(-5, 5), deviation=st.floats(0.01, 30))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_mean_against_scipys_adaptive_quadrature(mean, deviation):
    def f(u):
        return np.tanh(np.maximum(u - 0.5, 0))

    def integrand(u):
        z = (u - mean) / deviation
        return float(f(u)) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / deviation

    low, high = mean - 12 * deviation, mean + 12 * deviation
    panels = sorted({low, *np.clip([0.5, 1, 2, 4, 8, 16], low, high), mean, high})
    expected = sum(
        quad(integrand, a, b, epsabs=1e-14, epsrel=1e-13, limit=200)[0]
        for a, b in itertools.pairwise(panels)
    )
    found = expectation(f, np.array(mean), np.array(deviation**2), [0.5])
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_shapes_are_broadcast():
    mean, variance = np.zeros((3, 1)), np.array([1.0, 4.0])
    found = expectation(np.square, mean, variance)
    np.testing.assert_allclose(found, [[1, 4]] * 3)


def test_without_variance_it_is_the_value_at_the_mean():
    assert expectation(np.exp, np.array([0.0, 2.0]), np.zeros(2)).tolist() == [1, math.exp(2)]


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_weights_of_a_gaussian_add_up_to_1(variance):
    nodes, weights = rule(np.array(3.0), np.array(variance), [0.7])
    assert weights.sum() == pytest.approx(1, abs=1e-13)
    assert (np.diff(nodes) >= 0).all()
    assert (weights >= 0).all()


@pytest.mark.parametrize(("mean", "variance"), [(np.nan, 1.0), (0.0, np.nan), (0.0, np.inf)])
def test_what_is_not_finite_stays_so_and_alone(mean, variance):
    found = expectation(np.square, np.array([0.0, mean]), np.array([1.0, variance]))
    assert found[0] == pytest.approx(1)
    assert not np.isfinite(found[1])
