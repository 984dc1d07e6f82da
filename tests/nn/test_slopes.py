"""Derivatives by formula against those by autograd."""

import pytest
import torch
from torch import nn

from deltaflow.nn.activations import Tanh, derivative
from deltaflow.nn.slopes import slope

PHI = [Tanh(), nn.Sigmoid(), nn.ReLU(), nn.LeakyReLU(0.2), nn.GELU(), nn.ELU()]


@pytest.mark.parametrize("phi", PHI, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_slope_is_the_derivative_bit_for_bit(phi, dtype):
    u = torch.linspace(-40, 40, 2001, dtype=dtype).view(3, 23, 29)
    u[0, 0, :3] = torch.tensor([0.0, torch.inf, -torch.inf])
    found, expected = slope(phi, u, phi(u)), derivative(phi, u)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)  # GELU at ∞


@pytest.mark.parametrize("phi", PHI, ids=repr)
def test_the_slope_at_nan_is_nan_and_others_are_left_alone(phi):
    u = torch.linspace(-3, 3, 12).view(2, 3, 2)
    u[1, 2, 0] = torch.nan
    found = slope(phi, u, phi(u))
    torch.testing.assert_close(found, derivative(phi, u), rtol=0, atol=0, equal_nan=True)
    assert found.isnan().sum() == 1


def test_there_are_no_slopes_of_nothing():
    empty = torch.empty(2, 0, 3)
    assert slope(nn.ReLU(), empty, empty).shape == (2, 0, 3)
