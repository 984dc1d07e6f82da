"""The whole plane at once, against single points of it."""

import math

import numpy as np
import pytest
from torch import nn

from deltaflow.theory import Moments, edge_of_chaos, fixed_point, phase_diagram


class Bump(nn.Module):
    def forward(self, z):
        return z + 0.1 * z.sign()


PLANES = [
    (nn.Tanh(), 4.0), (nn.ReLU(), 4.0), (nn.Sigmoid(), 160.0), (nn.GELU(), 5.0),
    (nn.Hardtanh(), 4.0), (nn.SELU(), 2.5), (nn.Softplus(), 4.0), (nn.Identity(), 2.0),
    (nn.Hardshrink(0.3), 2.0), (Bump(), 0.95),
]  # fmt: skip


def compared(phi, widest, dropout):
    """Depths of the diagram and of ``fixed_point``, at points of all its phases."""
    moments = Moments(phi)
    weight, bias = np.linspace(0, widest, 33), np.linspace(0, 0.5, 9)
    diagram = phase_diagram(moments, weight, bias, dropout=dropout)
    for i, j in [(0, 1), (0, 9), (0, 24), (3, 7), (3, 16), (5, 15), (8, 20), (8, 32), (2, 0)]:
        point = fixed_point(moments, weight[j] ** 0.5, bias[i] ** 0.5, dropout=dropout)
        yield diagram, i, j, point


@pytest.mark.parametrize(("phi", "widest"), PLANES, ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_each_point_is_the_fixed_point(phi, widest, dropout):
    for diagram, i, j, point in compared(phi, widest, dropout):
        assert diagram.q[i, j] == pytest.approx(point.q, rel=1e-4)
        assert diagram.chi[i, j] == pytest.approx(point.chi, abs=1e-5)
        depth = diagram.trainable_depth[i, j]
        if point.trainable_depth < 1000:
            assert depth == pytest.approx(point.trainable_depth, rel=0.02)
        else:
            assert depth > 900


def test_all_phases_were_among_the_points():
    phases = {point.phase for phi, w in PLANES[:2] for *_, point in compared(phi, w, 0.0)}
    ends = [point.q for phi, w in PLANES[:2] for *_, point in compared(phi, w, 0.0)]
    assert phases >= {"ordered", "chaotic"}
    assert {0.0, math.inf} < set(ends)


@pytest.mark.parametrize(
    ("phi", "sigma_w", "sigma_b"),
    [(nn.Hardtanh(), 1.6, 0.304), (nn.SELU(), 1.12, 0.2), (nn.Tanh(), 2.1, 0.09)],
    ids=str,
)
def test_near_the_edge_kinks_are_seen(phi, sigma_w, sigma_b):
    """There the correlation's distance from 1 shrinks to where only high orders tell."""
    point = fixed_point(Moments(phi), sigma_w**0.5, sigma_b**0.5)
    diagram = phase_diagram(Moments(phi), np.array([sigma_w]), np.array([sigma_b]))
    assert point.phase == "chaotic"
    assert 100 < point.trainable_depth < 1000
    assert diagram.trainable_depth[0, 0] == pytest.approx(point.trainable_depth, rel=0.02)


@pytest.mark.parametrize("phi", [nn.Tanh(), nn.Hardtanh(), nn.ELU()], ids=str)
def test_the_curve_is_the_edge_of_chaos(phi):
    moments, bias = Moments(phi), np.array([0.0, 0.04, 0.2, 0.5])
    curve = phase_diagram(moments, np.linspace(0, 3.2, 161), bias).edge()
    expected = [edge_of_chaos(moments, b**0.5).sigma_w ** 2 for b in bias]
    np.testing.assert_allclose(curve, expected, atol=1e-3)


def test_rectifiers_turn_where_their_limit_does():
    diagram = phase_diagram(Moments(nn.ReLU()), np.linspace(0, 4, 9), np.array([0.0, 0.3]))
    np.testing.assert_allclose(diagram.edge(), 2.0)
    np.testing.assert_array_equal(diagram.q[1, 4:], np.inf)
    assert np.isnan(phase_diagram(Moments(nn.ReLU()), np.array([0.5]), np.zeros(1)).edge()).all()


def test_where_two_ends_exist_the_start_decides():
    gelu, variances = Moments(nn.GELU()), (np.array([2.2]), np.array([0.0]))
    assert phase_diagram(gelu, *variances, start=0.1).q[0, 0] == 0
    assert phase_diagram(gelu, *variances, start=30.0).q[0, 0] == math.inf
