"""Numbers made of tensors: the fast way says what kernels in double precision say."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from deltaflow.flow import kernels
from deltaflow.watching.measuring import reductions
from deltaflow.watching.measuring.scalar_functions import BoundFunction, scalar_function
from deltaflow.watching.measuring.watched_layers import WatchedLayer


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e-40, 1e25, 0.0])
@pytest.mark.parametrize("shape", [(1,), (7,), (32, 5), (300, 400), (2, 3, 4, 5), (70_000,)])
def test_lengths_and_moments(shape, scale):
    x = scale * (2 + torch.randn(shape, dtype=torch.float64)).float()
    whole = x.double()[None]
    assert reductions.length(x) == pytest.approx(float(kernels.frobenius(whole)), rel=1e-6)
    mean, std, second = (float(m) for m in kernels.moments(whole))
    assert reductions.moments(x) == pytest.approx((mean, std, second), rel=1e-9, abs=1e-9 * std)
    precise = reductions.precise_enough(x)
    assert float(precise.square().sum()) == pytest.approx(float(whole.square().sum()), rel=1e-5)


def test_a_large_mean_hides_no_deviation():
    x = 1e6 + torch.tensor([-1.0, 1.0]).repeat(50).double()
    assert reductions.moments(x)[1] == pytest.approx(1, rel=1e-9)
    assert reductions.moments(torch.full((9,), 0.1))[1] < 1e-15


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_so(value):
    x = torch.tensor([1.0, value])
    assert not math.isfinite(reductions.length(x))
    assert not any(map(math.isfinite, reductions.moments(x)))


@pytest.mark.parametrize(
    "function",
    [
        torch.relu, torch.relu_, torch.tanh, torch.sigmoid, functional.gelu, functional.silu,
        functional.elu, functional.hardtanh, functional.hardswish, functional.softplus,
        functional.softsign, functional.leaky_relu, torch.sin, lambda z: z.clamp(-1, 1) ** 3,
        lambda z: z * torch.sigmoid(z),
    ],
)  # fmt: skip
def test_the_fast_way_is_that_of_accelerators(function, monkeypatch):
    u = 5 * torch.randn(64, 8)
    u[:, 0] = -u[:, 0].abs() - 50
    u[0, 1] = 0
    layer = WatchedLayer("layer", nn.Linear(8, 8))
    kind = scalar_function(BoundFunction(function), "cpu")
    h = kind.phi(u)
    fast, off = kind.measure(u, h, layer)
    monkeypatch.setattr("deltaflow.watching.measuring.scalar_functions.is_fast", lambda x: False)
    monkeypatch.setattr("deltaflow.watching.measuring.reductions.is_fast", lambda x: False)
    slow, also_off = kind.measure(u, h, layer)
    assert fast == pytest.approx({name: float(value) for name, value in slow.items()}, rel=1e-6)
    assert (off is None) == (also_off is None)
    assert off is None or off.tolist() == also_off.tolist()
