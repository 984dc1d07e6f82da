import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm
from torch import nn

from deltaflow.nn import activations
from deltaflow.nn.activations import Shipped, Tanh, derivative, rebuild, traits

Z = torch.linspace(-4, 4, 41, dtype=torch.float64)

CLOSED_FORMS = {
    nn.Sigmoid(): lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    nn.Tanh(): lambda z: 1 - np.tanh(z) ** 2,
    nn.ReLU(): lambda z: (z > 0).astype(float),
    nn.LeakyReLU(0.2): lambda z: np.where(z > 0, 1, 0.2),
    nn.ELU(): lambda z: np.where(z > 0, 1, np.exp(z)),
    nn.Softplus(): lambda z: 1 / (1 + np.exp(-z)),
}

TRAITS = {  # steepest, saturates, has_flat_part
    nn.Sigmoid(): (0.25, True, False),
    nn.Tanh(): (1.0, True, False),
    nn.ReLU(): (1.0, False, True),
    nn.LeakyReLU(0.01): (1.0, False, False),
    nn.Identity(): (1.0, False, False),
    nn.ELU(): (1.0, True, False),
    nn.SELU(): (1.7580993408473766, True, False),  # λα
    nn.Hardtanh(): (1.0, True, True),
    nn.ReLU6(): (1.0, True, True),
}


def name(value):
    return type(value).__name__ if isinstance(value, nn.Module) else None


class Bump(nn.Module):
    """A φ that PyTorch does not ship: exp(−z²), steepest √(2/e) at 1/√2."""

    def forward(self, z):
        return torch.exp(-z.square())


@pytest.mark.parametrize("phi", CLOSED_FORMS, ids=name)
def test_the_derivative_is_that_of_calculus(phi):
    np.testing.assert_allclose(derivative(phi, Z), CLOSED_FORMS[phi](Z.numpy()), rtol=1e-12)


@pytest.mark.parametrize("phi", TRAITS, ids=name)
def test_the_derivative_of_nan_is_nan_and_of_others_is_not(phi):
    slope = derivative(phi, torch.tensor([1.0, torch.nan, 0.5]))
    assert slope.isnan().tolist() == [False, True, False]


def test_the_derivative_leaves_the_graph_alone():
    z = Z.clone().requires_grad_()
    with torch.no_grad():
        slope = derivative(nn.Tanh(), z)
    assert not slope.requires_grad
    assert z.grad is None


@pytest.mark.parametrize("phi", TRAITS, ids=name)
def test_traits(phi):
    found = traits(phi)
    steepest, saturates, has_flat_part = TRAITS[phi]
    assert found.steepest == pytest.approx(steepest, rel=1e-12)
    assert (found.saturates, found.has_flat_part) == (saturates, has_flat_part)


def test_traits_of_a_function_of_the_users_own():
    found = traits(Bump())
    assert found.steepest == pytest.approx(math.sqrt(2 / math.e), rel=1e-6)
    assert (found.saturates, found.has_flat_part) == (True, False)


class Bowl(nn.Module):
    """φ = (z + 6)², level at z = −6 and nowhere else."""

    def forward(self, z):
        return (z + 6).square()


def test_a_point_is_no_flat_part():
    assert derivative(Bowl(), torch.tensor([-6.0])).item() == 0
    assert not traits(Bowl()).has_flat_part


@pytest.mark.parametrize(
    ("phi", "slope", "dip"),
    [  # where φ' is 0, by scipy from its formula
        (nn.GELU(), lambda z: norm.cdf(z) + z * norm.pdf(z), -0.7518),
        (nn.SiLU(), lambda z: expit(z) * (1 + z * (1 - expit(z))), -1.2785),
    ],
    ids=name,
)
def test_a_dip_between_steep_slopes_is_no_saturation(phi, slope, dip):
    found = traits(phi)
    assert derivative(phi, torch.tensor([dip], dtype=torch.float64)).item() == pytest.approx(
        0, abs=1e-4
    )
    assert found.saturates
    assert found.live[0] < dip - 0.5
    edge = brentq(lambda z: abs(slope(z)) - 0.05 * found.steepest, -9, found.live[0] + 0.01)
    assert found.live[0] == pytest.approx(edge, abs=1.1e-3)


class Root(nn.Module):
    """The square root of ReLU, whose slope below 0 is NaN by autograd."""

    def forward(self, z):
        return torch.relu(z).sqrt()


def test_a_slope_that_is_not_finite_somewhere_is_the_networks_affair():
    assert not traits(Root()).saturates


def test_traits_of_a_constant():
    constant = nn.Threshold(threshold=1e6, value=1.0)
    assert traits(constant).steepest == 0
    assert not traits(constant).saturates


def test_an_activation_with_parameters_is_refused():
    with pytest.raises(ValueError, match=r"no parameters of its own.*Found PReLU"):
        traits(nn.PReLU())


def test_a_shipped_activation_is_rebuilt_with_its_arguments():
    phi = rebuild("torch.nn.LeakyReLU", {"negative_slope": 0.3})
    assert isinstance(phi, nn.LeakyReLU)
    assert phi.negative_slope == 0.3


@pytest.mark.parametrize(
    "path",
    ["os.system", "torch.nn.Linear", "evil.ReLU", "ReLU", "torch.nn.Module", "torch.nn.functional"],
)
def test_nothing_else_is_built_by_name(path):
    with pytest.raises(ValueError, match=rf"Found '{path}'"):
        rebuild(path, {})


def test_an_activation_that_overwrites_its_input_is_refused():
    with pytest.raises(ValueError, match="inplace=False"):
        traits(nn.ReLU(inplace=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tanh_is_that_of_the_c_library(dtype):
    z = torch.cat([torch.logspace(-30, 2, 999), torch.tensor([0.0, 1e-40])]).to(dtype)
    z = torch.cat([z, -z, torch.tensor([math.inf, -math.inf])])
    expected = torch.tensor([math.tanh(value) for value in z.tolist()], dtype=torch.float64)
    error = (Tanh()(z).double() - expected).abs()
    assert (error <= 2 * torch.finfo(dtype).eps * expected.abs() + 1e-45).all()
    assert Tanh()(torch.tensor([math.nan], dtype=dtype)).isnan().all()


def test_tanh_has_pytorchs_first_and_second_derivative():
    z = Z.clone().requires_grad_()
    assert torch.autograd.gradcheck(Tanh(), z)
    assert torch.autograd.gradgradcheck(Tanh(), z)


def test_tanh_of_a_number_does_not_depend_on_its_place():
    z = torch.randn(100, generator=torch.Generator().manual_seed(0))
    whole = Tanh()(z)
    for start in range(17):
        assert torch.equal(Tanh()(z[start:].clone()), whole[start:])


def test_tanh_keeps_types_that_numpy_lacks():
    assert Tanh()(torch.ones(3, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("activation", [torch.nn.LeakyReLU, torch.nn.ELU])
def test_equal_shipped_activations_are_looked_at_once_and_others_apart(activation, monkeypatch):
    looked = []
    monkeypatch.setattr(activations, "_find_traits", lambda phi: looked.append(phi) or phi)
    first, same, other = activation(0.123), activation(0.123), activation(0.1230000001)
    assert traits(first) is traits(same) is first
    assert traits(other) is other
    assert looked == [first, other]
    activations._shipped_traits.cache_clear()


def test_activations_with_weights_and_of_the_users_own_are_no_shipped_ones():
    class Own(torch.nn.Tanh):
        pass

    assert Shipped.of(torch.nn.Tanh()) is not None
    assert Shipped.of(torch.nn.PReLU()) is None
    assert Shipped.of(Own()) is None
