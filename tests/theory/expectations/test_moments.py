import math

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from torch import nn

from deltaflow.theory.expectations.moments import Moments
from running import composed, options

Q = np.array([1e-6, 1e-2, 0.3, 1.0, 4.0, 50.0, 1e4])
CORRELATIONS = np.array([-1.0, -0.7, 0.0, 0.2, 0.9, 0.9999, 1.0])
fixed = settings(derandomize=True, deadline=None, max_examples=30)


class Erf(nn.Module):
    def forward(self, z):
        return torch.erf(z)


def _activation(option, tmp_path):
    return instantiate(composed([f"activation={option}"], tmp_path).activation)


@given(slope=st.floats(0, 0.9))
@fixed
def test_rectifiers_have_closed_forms(slope):
    moments = Moments(nn.LeakyReLU(slope))
    half = (1 + slope**2) / 2
    np.testing.assert_allclose(moments.second_moment(Q), half * Q, rtol=1e-10)
    np.testing.assert_allclose(moments.slope_second_moment(Q), np.full(7, half), rtol=1e-10)
    np.testing.assert_allclose(moments.second_moment_slope(Q), np.full(7, half), rtol=1e-10)


@pytest.mark.parametrize("q", [0.1, 2.0, 300.0])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_the_correlation_of_rectifiers_is_the_arc_cosine_kernel(q, slope):
    """Cho & Saul 2009, orders 1 and 0, and linearity: leaky = (1 − α)·relu + α·identity."""
    moments, c = Moments(nn.LeakyReLU(slope)), CORRELATIONS
    angle = np.arccos(c)
    order_0 = (math.pi - angle) / (2 * math.pi)
    order_1 = q * (np.sin(angle) + (math.pi - angle) * c) / (2 * math.pi)
    cross = q * c / 2  # of relu and identity
    expected = (1 - slope) ** 2 * order_1 + 2 * slope * (1 - slope) * cross + slope**2 * q * c
    slopes = (1 - slope) ** 2 * order_0 + 2 * slope * (1 - slope) / 2 + slope**2
    np.testing.assert_allclose(moments.covariance(q, c), expected, rtol=1e-10, atol=1e-12 * q)
    np.testing.assert_allclose(moments.slope_covariance(q, c), slopes, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("q", [0.1, 2.0, 300.0])
def test_the_correlation_of_the_error_function_is_an_arc_sine(q):
    """Williams 1997, equation 11; its derivative in c is q times the slopes' covariance."""
    moments, c = Moments(Erf()), CORRELATIONS
    share = 2 * q * c / (1 + 2 * q)
    np.testing.assert_allclose(
        moments.covariance(q, c), 2 / math.pi * np.arcsin(share), rtol=1e-10, atol=1e-13
    )
    slope = 2 / math.pi / np.sqrt(1 - share**2) * 2 / (1 + 2 * q)
    np.testing.assert_allclose(moments.slope_covariance(q, c), slope, rtol=1e-10)


def test_the_identity_leaves_everything_as_it_is():
    moments = Moments(nn.Identity())
    np.testing.assert_allclose(moments.second_moment(Q), Q, rtol=1e-12)
    np.testing.assert_allclose(moments.covariance(2.0, CORRELATIONS), 2 * CORRELATIONS, atol=1e-12)


@pytest.mark.parametrize("option", options("activation"))
@pytest.mark.parametrize("q", [0.04, 1.0, 25.0])
def test_every_activation_against_monte_carlo(option, q, tmp_path):
    moments, n = Moments(_activation(option, tmp_path)), 400_000
    u, v = np.random.default_rng(0).standard_normal((2, n)) * math.sqrt(q)
    w = 0.6 * u + 0.8 * v
    at = np.array([q])
    pairs = {
        "second": (moments.second_moment(at)[0], moments.value(u) ** 2),
        "slope": (moments.slope_second_moment(at)[0], moments.slope(u) ** 2),
        "covariance": (moments.covariance(q, np.array(0.6)), moments.value(u) * moments.value(w)),
        "slopes": (moments.slope_covariance(q, np.array(0.6)), moments.slope(u) * moments.slope(w)),
    }
    for name, (found, drawn) in pairs.items():
        error = drawn.std() / math.sqrt(n)
        assert abs(float(found) - drawn.mean()) <= 5 * error + 20 / n, name


@pytest.mark.parametrize("option", options("activation"))
def test_the_slope_of_the_variance_map_is_its_difference_quotient(option, tmp_path):
    moments = Moments(_activation(option, tmp_path))
    for q in (0.05, 1.0, 20.0):
        step = 1e-4 * q
        low, high = moments.second_moment(np.array([q - step, q + step]))
        found = moments.second_moment_slope(np.array([q]))[0]
        assert found == pytest.approx((high - low) / (2 * step), rel=1e-6)


@pytest.mark.parametrize(
    ("activation", "kinks"),
    [
        (nn.ReLU(), (0.0,)),
        (nn.Hardtanh(-0.7, 1.25), (-0.7, 1.25)),
        (nn.ReLU6(), (0.0, 6.0)),
        (nn.Hardshrink(0.5), (-0.5, 0.5)),
        (nn.ELU(2.0), (0.0,)),
        (nn.ELU(), ()),  # φ' is continuous; 0 is an end of a panel anyway
        (nn.Tanh(), ()),
        (nn.GELU(), ()),
        (nn.Identity(), ()),
        (nn.Hardtanh(-100.0, 2e7), (-100.0, 2e7)),
        (nn.Threshold(1 / 3, 0.0), (1 / 3,)),
    ],
    ids=str,
)
def test_kinks_are_found(activation, kinks):
    assert Moments(activation).kinks == pytest.approx(kinks, rel=1e-12)


def test_jumps_are_kinks_with_a_height():
    ((left, down), (right, up)) = Moments(nn.Hardshrink(0.5)).jumps
    assert (left, right) == (-0.5, 0.5)
    assert (down, up) == pytest.approx((0.5, 0.5), rel=1e-6)
    assert Moments(nn.ReLU()).jumps == ()


@pytest.mark.parametrize("c", [-0.6, 0.0, 0.5, 0.99])
def test_the_slope_of_a_covariance_counts_jumps(c):
    """The difference quotient of the covariance, and for sign the derivative of an arc sine."""
    moments, q, step = Moments(nn.Hardshrink(0.5)), 0.8, 1e-5
    low, high = moments.covariance(q, np.array([c - step, c + step]))
    expected = (high - low) / (2 * step * q)
    assert moments.slope_covariance(q, np.array(c)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("phi", [nn.Tanh(), nn.ReLU(), nn.Hardtanh(), nn.GELU()], ids=str)
@pytest.mark.parametrize("spread", [1.0, 1e-12, 1.5, 900.0, 1e5])
def test_moments_of_many_samples_are_those_of_each(phi, spread):
    q = 0.05 * np.geomspace(1, spread, 200)
    moments = Moments(phi)
    together, n = moments.layer_moments(q), 7
    for name in together.__dataclass_fields__:
        each = [getattr(moments.layer_moments(q[i : i + 1]), name)[0] for i in range(0, 200, n)]
        np.testing.assert_allclose(getattr(together, name)[::n], each, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("q", [0.5, 1.0, 9.0])
def test_of_gelu_only_the_far_side_is_saturated(q):
    def slope(z):
        return norm.cdf(z) + z * norm.pdf(z)

    steepest = slope(2**0.5)
    edge = brentq(lambda z: abs(slope(z)) - 0.05 * steepest, -9, -1.4)
    found = Moments(nn.GELU()).saturated_fraction(np.array([q]))
    assert found == pytest.approx(norm.cdf(edge / q**0.5), rel=0.1)  # an integral over a step
