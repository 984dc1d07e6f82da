import math

import numpy as np
import pytest
import torch
from torch import nn

from deltaflow.theory import Moments, edge_of_chaos, fixed_point


class Erf(nn.Module):
    def forward(self, z):
        return torch.erf(z)


TANH, RELU, ERF, SIGMOID = (Moments(phi) for phi in (nn.Tanh(), nn.ReLU(), Erf(), nn.Sigmoid()))


def iterated(moments, sigma_w, sigma_b, n_layers=4000, start=1.0):
    """The slow and obvious way: through so many layers."""
    q = np.array([start])
    for _ in range(n_layers):
        q = sigma_w**2 * moments.second_moment(q) + sigma_b**2
    return float(q[0])


@pytest.mark.parametrize("moments", [TANH, ERF, SIGMOID, Moments(nn.SELU()), Moments(nn.GELU())])
@pytest.mark.parametrize(("sigma_w", "sigma_b"), [(0.7, 0.3), (1.5, 0.1), (3.0, 0.0), (1.0, 1.0)])
def test_the_fixed_point_is_where_many_layers_lead(moments, sigma_w, sigma_b):
    found = fixed_point(moments, sigma_w, sigma_b)
    expected = iterated(moments, sigma_w, sigma_b, n_layers=300)
    if 0 < found.q < math.inf:
        assert found.q == pytest.approx(expected, rel=1e-8)
        chi = sigma_w**2 * moments.slope_second_moment(np.array([expected]))[0]
        assert found.chi == pytest.approx(chi, rel=1e-8)
    else:
        assert expected < 1e-6 if found.q == 0 else expected > 1e6


def test_selu_keeps_mean_0_and_variance_1():
    """Klambauer et al. 2017: with weights of mean 0 and variance 1/n, (0, 1) is attracting."""
    selu = Moments(nn.SELU())
    assert selu.second_moment(np.array([1.0]))[0] == pytest.approx(1, abs=1e-6)
    mean = selu.covariance(1.0, np.array(0.0))  # of independent inputs: the mean, squared
    assert mean == pytest.approx(0, abs=1e-12)
    point = fixed_point(selu, sigma_w=1.0, sigma_b=0.0, start=3.0)
    assert point.q == pytest.approx(1, abs=1e-5)
    assert 0 < point.xi_q < math.inf


@pytest.mark.parametrize(
    ("phi", "sigma_b", "sigma_w"),
    [
        (nn.ReLU(), 0.0, math.sqrt(2)),  # He et al. 2015
        (nn.LeakyReLU(0.2), 0.0, math.sqrt(2 / 1.04)),
        (nn.Identity(), 0.0, 1.0),
        (nn.Tanh(), 0.0, 1.0),
        (nn.Tanh(), math.sqrt(0.05), math.sqrt(1.76)),  # Schoenholz et al. 2017, figure 5
        (nn.Sigmoid(), 0.0, 10.15),
        # Hayou et al. 2019: the experiments of depth 200, in the authors' own code (from
        # 500,000 draws: github.com/soufiane001/impact_of_init_and_activation)
        (nn.ELU(), 0.1, 1.1775),
        (nn.Tanh(), 0.2, 1.3029),
        # Roberts, Yaida & Hanin 2022 (arXiv:2106.10165), section 5.3.4
        (nn.GELU(), math.sqrt(0.17292239), math.sqrt(1.98305826)),
        (nn.SiLU(), math.sqrt(0.55514317), math.sqrt(1.98800468)),
    ],
    ids=str,
)
def test_published_edges_of_chaos(phi, sigma_b, sigma_w):
    assert edge_of_chaos(Moments(phi), sigma_b).sigma_w == pytest.approx(sigma_w, abs=2e-3)


def test_published_variances_on_the_edge():
    """Beside the points of the same two sources: ELU's to its two digits, GELU's in closed form."""
    assert round(edge_of_chaos(Moments(nn.ELU()), 0.1).q, 2) == 0.44
    gelu = edge_of_chaos(Moments(nn.GELU()), math.sqrt(0.17292239))
    assert gelu.q == pytest.approx((3 + math.sqrt(17)) / 2, rel=1e-4)


@pytest.mark.parametrize("sigma_b", [0.1, 0.2])
def test_the_edge_of_elu_against_a_plain_sum(sigma_b):
    """χ₁ = 1 by the trapezoid rule, after 500 layers."""
    sigma_w = edge_of_chaos(Moments(nn.ELU()), sigma_b).sigma_w
    z = np.linspace(-12, 12, 200_001)
    weight = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    q = 1.0
    for _ in range(500):
        negative = np.minimum(math.sqrt(q) * z, 0)
        phi = np.where(z > 0, math.sqrt(q) * z, np.expm1(negative))
        q = sigma_w**2 * weight @ phi**2 + sigma_b**2
    slope = np.exp(np.minimum(math.sqrt(q) * z, 0))
    assert sigma_w**2 * weight @ slope**2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "phi", [nn.Tanh(), Erf(), nn.ELU(), nn.SELU(), nn.Sigmoid(), nn.Hardtanh()], ids=str
)
@pytest.mark.parametrize("sigma_b", [0.05, 0.3])
def test_on_the_edge_gradients_neither_vanish_nor_explode(phi, sigma_b):
    moments = Moments(phi)
    edge = edge_of_chaos(moments, sigma_b)
    point = fixed_point(moments, edge.sigma_w, sigma_b, start=edge.q)
    assert point.q == pytest.approx(edge.q, rel=1e-6)
    assert point.chi == pytest.approx(1, abs=1e-8)
    assert point.phase == "critical"
    assert edge.attracting
    assert fixed_point(moments, 0.95 * edge.sigma_w, sigma_b).phase == "ordered"
    if not isinstance(phi, nn.Sigmoid):
        assert fixed_point(moments, 1.1 * edge.sigma_w, sigma_b, edge.q).phase == "chaotic"


@pytest.mark.parametrize("phi", [nn.ReLU(), nn.LeakyReLU(0.1), nn.Identity(), nn.Softplus()])
def test_rectifiers_with_a_bias_have_no_edge(phi):
    """χ₁ = 1 at σ_w² = 2, but q grows without bound there."""
    assert edge_of_chaos(Moments(phi), sigma_b=0.2) is None


@pytest.mark.parametrize("phi", [nn.GELU(), nn.SiLU()], ids=str)
@pytest.mark.parametrize("sigma_b", [0.0, 0.1])
def test_where_only_a_repelling_edge_exists_it_says_so(phi, sigma_b):
    moments = Moments(phi)
    edge = edge_of_chaos(moments, sigma_b)
    assert not edge.attracting
    assert iterated(moments, edge.sigma_w, sigma_b, 40, 1.1 * edge.q or 0.01) > 1.2 * edge.q


def test_sigmoids_edge_is_saturated():
    edge = edge_of_chaos(SIGMOID, sigma_b=0.0)
    assert edge.q == pytest.approx(45.6, abs=0.05)
    assert edge.saturated_fraction == pytest.approx(0.5, abs=0.05)
    assert edge_of_chaos(TANH, 0.1).saturated_fraction < 0.01


@pytest.mark.parametrize(
    ("moments", "sigma_w", "sigma_b", "q", "chi"),
    [
        (RELU, 1.2, 0.0, 0.0, 0.72),
        (RELU, 1.5, 0.0, math.inf, 1.125),
        (RELU, math.sqrt(2), 0.3, math.inf, 1.0),
        (TANH, 0.9, 0.0, 0.0, 0.81),
        (TANH, 1.0, 0.0, 0.0, 1.0),  # as slowly as 1/layers, which no iteration tells
        (TANH, 0.0, 0.0, 0.0, 0.0),
        (Moments(nn.ELU()), 1.6, 0.0, math.inf, 1.28),
    ],
)
def test_where_q_runs_away_the_limit_is_told(moments, sigma_w, sigma_b, q, chi):
    point = fixed_point(moments, sigma_w, sigma_b)
    assert point.q == q
    assert not point.neutral
    assert point.chi == pytest.approx(chi, abs=1e-9)


@pytest.mark.parametrize(("sigma_w", "q"), [(1e13, math.inf), (1e-13, 0.0)])
def test_signals_that_begin_beyond_all_that_is_looked_at_run_on(sigma_w, q):
    assert fixed_point(RELU, sigma_w, 0.0, start=sigma_w**2).q == q


def test_where_every_q_stays_what_it_is():
    for start in (0.1, 7.0):
        point = fixed_point(RELU, math.sqrt(2), 0.0, start)
        assert (point.q, point.neutral, point.phase) == (start, True, "critical")
        assert point.trainable_depth == math.inf


@pytest.mark.slow
def test_the_correlation_that_inputs_end_up_with():
    for moments, sigma_w, sigma_b in ((TANH, 2.5, 0.2), (ERF, 2.0, 0.4), (ERF, 3.0, 0.0)):
        point = fixed_point(moments, sigma_w, sigma_b)
        c = 0.3
        for _ in range(400):
            c = float(sigma_w**2 * moments.covariance(point.q, np.array(c)) + sigma_b**2) / point.q
        assert point.c == pytest.approx(c, abs=1e-8)
        assert point.phase == "chaotic"
    assert fixed_point(TANH, 1.2, 0.3).c == 1


@pytest.mark.parametrize(("sigma_w", "sigma_b"), [(1.2, 0.3), (2.5, 0.2)])
def test_distances_fall_by_e_within_their_depth_scales(sigma_w, sigma_b):
    point = fixed_point(TANH, sigma_w, sigma_b)
    q, c, n = point.q * 1.001, point.c - 1e-4, 3
    for _ in range(n):
        q = float(sigma_w**2 * TANH.second_moment(np.array([q]))[0]) + sigma_b**2
        c = float(sigma_w**2 * TANH.covariance(point.q, np.array(c)) + sigma_b**2) / point.q
    assert (q - point.q) / (0.001 * point.q) == pytest.approx(math.exp(-n / point.xi_q), rel=5e-3)
    assert (point.c - c) / 1e-4 == pytest.approx(math.exp(-n / point.xi_c), rel=2e-2)


def test_in_the_ordered_phase_correlations_and_gradients_share_a_scale():
    point = fixed_point(TANH, 1.1, 0.4)
    assert point.xi_c == pytest.approx(-1 / math.log(point.chi))
    assert point.trainable_depth == pytest.approx(6 * point.xi_c)
    assert point.layers_per_decade == pytest.approx(2 / -math.log10(point.chi))


@pytest.mark.parametrize(("sigma_w", "sigma_b"), [(0.9, 0.3), (1.8, 0.2)])
def test_dropout_grows_second_moments_but_no_covariance(sigma_w, sigma_b):
    point = fixed_point(TANH, sigma_w, sigma_b, dropout=0.3)
    q, c = np.array([1.0]), 0.9
    for _ in range(100):
        q = sigma_w**2 * TANH.second_moment(q) / 0.7 + sigma_b**2
        c = float(sigma_w**2 * TANH.covariance(point.q, np.array(c)) + sigma_b**2) / point.q
    assert point.q == pytest.approx(float(q[0]), rel=1e-9)
    assert point.c == pytest.approx(c, rel=1e-7)
    assert point.chi == pytest.approx(sigma_w**2 * TANH.slope_second_moment(q)[0] / 0.7)
    assert point.xi_c < math.inf
    assert fixed_point(TANH, sigma_w, sigma_b, dropout=1e-12).c == pytest.approx(
        fixed_point(TANH, sigma_w, sigma_b).c, abs=1e-5
    )


def test_where_q_runs_away_δ_alone_has_a_scale():
    assert fixed_point(RELU, 1.5, 0.0).xi_c == pytest.approx(1 / math.log(1.125))
    assert fixed_point(RELU, 1.2, 0.0).xi_c == pytest.approx(-1 / math.log(0.72))
    assert fixed_point(RELU, math.sqrt(2), 0.3).xi_c == math.inf


def test_a_linear_network_keeps_every_correlation():
    point = fixed_point(Moments(nn.Identity()), 1.0, 0.0)
    assert point.neutral
    assert math.isnan(point.c)


class Function(nn.Module):
    """φ as any function of tensors."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, z):
        return self.f(z)


SIGN = Moments(Function(torch.sign))
STEP = Moments(Function(lambda z: (z > 0.5) + 0.1 * z))
FAR = Moments(Function(lambda z: z.clamp(-100, 100)))


@pytest.mark.parametrize("sigma_b", [0.0, 0.5, 1.0])
def test_inputs_part_at_a_jump_as_the_arc_sine_law_says(sigma_b):
    """E sign sign = (2/π) arcsin c; its slope, (2/π)/√(1 − c²), is infinite at c = 1."""
    point, weight, q = fixed_point(SIGN, math.sqrt(2), sigma_b), 2.0, 2.0 + sigma_b**2
    c = 0.9
    for _ in range(200):
        c = (weight * 2 / math.pi * math.asin(c) + sigma_b**2) / q
    assert point.q == pytest.approx(q)
    assert point.c == pytest.approx(c, abs=1e-9)
    slope = weight / q * 2 / math.pi / math.sqrt(1 - c * c)
    assert point.xi_c == pytest.approx(-1 / math.log(slope))
    assert (point.chi, point.xi_q) == (0, 0)  # δ sees no jump, and all q are alike to sign


def test_inputs_part_at_a_jump_as_drawn_numbers_do():
    """A step with a slope, σ_w = 2, σ_b = 0.2: c* is where a million pairs stay."""
    point = fixed_point(STEP, 2.0, 0.2)
    u, v = np.random.default_rng(0).standard_normal((2, 1_000_000)) * math.sqrt(point.q)
    near = {}
    for c in (point.c - 0.05, point.c, point.c + 0.05):
        product = STEP.value(u) * STEP.value(c * u + math.sqrt(1 - c * c) * v)
        error = 4 * product.std() / 1000 / point.q
        near[c] = (4 * product.mean() + 0.04) / point.q
        if c == point.c:
            assert near[c] == pytest.approx(c, abs=4 * error)
    low, _, high = near.values()
    assert (high - low) / 0.1 == pytest.approx(math.exp(-1 / point.xi_c), abs=0.03)
    assert point.c == pytest.approx(0.659, abs=5e-4)
    assert point.trainable_depth == pytest.approx(13.8, abs=0.05)
    assert point.chi == pytest.approx(0.04)


def test_a_jump_that_no_signal_reaches_parts_nothing():
    far = Moments(Function(lambda z: torch.tanh(z) + (z > 40)))
    point, same = fixed_point(far, 1.1, 0.3), fixed_point(TANH, 1.1, 0.3)
    assert (point.c, point.xi_c) == (1, pytest.approx(same.xi_c))


def test_kinks_far_out_count():
    """clamp(±a) is a·clamp(±1) of z/a, so q* is a² times, and all else the same."""
    point, unit = fixed_point(FAR, 1.2, 0.3), fixed_point(Moments(nn.Hardtanh()), 1.2, 0.003)
    assert point.q == pytest.approx(1e4 * unit.q, rel=1e-9)
    assert point.chi == pytest.approx(unit.chi, rel=1e-9)
    assert point.c == pytest.approx(unit.c, rel=1e-6)
    assert point.trainable_depth == pytest.approx(109.2, abs=0.1)


@pytest.mark.parametrize("phi", [nn.Tanh(), nn.Hardtanh(), nn.SELU(), nn.GELU()], ids=str)
@pytest.mark.parametrize("beyond", [1e-9, 1e-5, 1e-2])
def test_where_gradients_explode_at_finite_q_inputs_part(phi, beyond):
    edge = edge_of_chaos(Moments(phi), 0.3)
    point = fixed_point(Moments(phi), edge.sigma_w * (1 + beyond), 0.3, start=edge.q)
    if point.q < math.inf:
        assert point.chi > 1
        assert point.c < 1
        assert point.xi_c > 0


@pytest.mark.parametrize(("start", "q", "chi"), [(0.3, 0.0, 0.0), (0.4, math.inf, math.inf)])
def test_where_slopes_grow_with_q_there_is_no_number_for_chi(start, q, chi):
    """φ = z²: q ← 3 q², χ = 4 q."""
    point = fixed_point(Moments(Function(lambda z: z**2)), 1.0, 0.0, start)
    assert (point.q, point.chi, point.xi_c) == (q, chi, 0)
