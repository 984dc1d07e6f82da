"""How networks scatter, against closed forms and against networks that PyTorch draws itself."""

import math

import numpy as np
import pytest
import torch
from scipy.special import digamma
from torch import nn

from deltaflow.nn.initializers import He, Initializer, Normal, Orthogonal, Torch, Xavier, Zeros
from deltaflow.theory import Moments, edge_of_chaos, finite_width, predict

ONE = np.ones((1, 1))


def test_relu_has_five_over_the_width_a_layer():
    """Of one sample: Var ln‖δ‖² = Σ 5/N, and E ln‖δ‖ is ¼ Σ 5/N below (Hanin & Nica 2020)."""
    n, depth = 1000, 12
    found = finite_width([n] * (depth + 2), Moments(nn.ReLU()), He(), ONE)
    between = np.arange(depth)[::-1]
    np.testing.assert_allclose(found.deviation, np.sqrt(5 * between / n) / 2, rtol=2e-3)
    np.testing.assert_allclose(found.shift, -5 * between / n / 4, rtol=2e-3)


@pytest.mark.parametrize("n", [8, 32])
def test_a_linear_layer_is_a_chi_square(n):
    """‖Wᵀδ‖² / ‖δ‖² is χ²_N / N of normal weights, whose logarithm has a digamma for a mean."""
    found = finite_width([n] * 4, Moments(nn.Identity()), Normal(1.0, 0.0), ONE)
    assert found.shift[0] == pytest.approx((digamma(n / 2) - math.log(n / 2)) / 2, rel=1e-9)
    drawn = np.log(np.random.default_rng(0).chisquare(n, 200_000)) / 2
    assert found.deviation[0] == pytest.approx(drawn.std(), rel=0.01)


def test_orthogonal_weights_keep_every_length():
    found = finite_width([8] * 22, Moments(nn.Identity()), Orthogonal(1.0), ONE)
    np.testing.assert_allclose(found.shift, 0, atol=1e-9)
    np.testing.assert_allclose(found.deviation, 0, atol=1e-5)


@pytest.mark.parametrize(("sizes", "depth"), [([4, 3], 0), ([4, 8, 3], 1)])
def test_a_shallow_network_has_nothing_to_scatter(sizes, depth):
    found = finite_width(sizes, Moments(nn.Tanh()), Xavier(), ONE)
    assert found.shift.tolist() == found.deviation.tolist() == [0.0] * depth


def test_the_last_hidden_layer_is_where_profiles_meet():
    found = finite_width([4, 9, 7, 3], Moments(nn.Tanh()), Xavier(), ONE)
    assert found.shift[-1] == found.deviation[-1] == 0 < found.deviation[0]


class Cube(nn.Module):
    def forward(self, z):
        return z**3


@pytest.mark.parametrize(
    ("phi", "initializer"),
    [
        (nn.Tanh(), Zeros()),
        (nn.ReLU(), Zeros()),
        (Cube(), Normal(9.0, 0.0)),
        (nn.Threshold(0, 0), He()),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_samples", [1, 5])
def test_where_nothing_gets_through_nothing_is_said(phi, initializer, n_samples):
    x = np.random.default_rng(0).standard_normal((n_samples, 4))
    found = finite_width([4, *[1] * 9, 3], Moments(phi), initializer, x @ x.T / 4)
    if isinstance(phi, nn.Threshold):
        assert found.deviation[0] > 1
    else:
        assert np.isnan(found.deviation[0])
        assert np.isnan(found.shift[0])


TANH_EDGE = edge_of_chaos(Moments(nn.Tanh()), 0.2).sigma_w
CASES: dict[str, tuple[nn.Module, Initializer, list[int], float]] = {
    "relu he 50 x 32": (nn.ReLU(), He(), [32] * 50, 0.0),
    "relu he 12 x 100": (nn.ReLU(), He(), [100] * 12, 0.0),
    "relu orthogonal 20 x 40": (nn.ReLU(), Orthogonal(math.sqrt(2)), [40] * 20, 0.0),
    "relu torch 10 x 32": (nn.ReLU(), Torch(), [32] * 10, 0.0),
    "relu 10 x 32, dropout": (nn.ReLU(), Normal(1.0, 0.0), [32] * 10, 0.3),
    "tanh orthogonal 20 x 40": (nn.Tanh(), Orthogonal(1.0), [40] * 20, 0.0),
    "tanh orthogonal 20 x 40, chaotic": (nn.Tanh(), Orthogonal(1.3), [40] * 20, 0.0),
    "tanh xavier 20 x 40": (nn.Tanh(), Xavier(), [40] * 20, 0.0),
    "tanh chaotic 20 x 40": (nn.Tanh(), Normal(1.5, 0.2), [40] * 20, 0.0),
    "tanh critical 30 x 64": (nn.Tanh(), Normal(TANH_EDGE, 0.2), [64] * 30, 0.0),
    "tanh torch, tapered": (nn.Tanh(), Torch(), [64, 32, 16, 8], 0.0),
    "elu orthogonal 20 x 40": (nn.ELU(), Orthogonal(1.2), [40] * 20, 0.0),
    "selu lecun 20 x 32": (nn.SELU(), Normal(1.0, 0.0), [32] * 20, 0.0),
    "sigmoid xavier 6 x 32": (nn.Sigmoid(), Xavier(), [32] * 6, 0.0),
}
N_NETWORKS = 200


def start(layer: nn.Linear, initializer: Initializer) -> None:
    """PyTorch's own initialisation of the same name."""
    match initializer:
        case He():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        case Orthogonal(gain):
            nn.init.orthogonal_(layer.weight, gain)
        case Xavier():
            nn.init.xavier_normal_(layer.weight)
        case Normal(sigma_w, sigma_b):
            nn.init.normal_(layer.weight, 0, sigma_w / math.sqrt(layer.in_features))
            nn.init.normal_(layer.bias, 0, sigma_b)
    if not isinstance(initializer, Normal | Torch):
        nn.init.zeros_(layer.bias)


def scattered(phi, initializer, hidden, dropout, n_samples):
    """What is predicted of some inputs, what mean-field theory says, and networks' profiles."""
    x = torch.randn(n_samples, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sizes, moments, square = [13, *hidden, 3], Moments(phi), x.square().mean(1).numpy()
    found = finite_width(sizes, moments, initializer, (x @ x.T / 13).numpy(), dropout)
    mean_field = np.log(predict(sizes, moments, initializer, square, dropout).delta_norm)
    target = torch.arange(n_samples) % 3
    return found, mean_field, drawn(phi, initializer, hidden, dropout, x, target)


def drawn(phi, initializer, hidden, dropout, x, target):
    """Ln(δ norm / that of the last hidden layer) of networks one by one, ``[networks, depth]``."""
    torch.manual_seed(0)
    profiles = []
    for _ in range(N_NETWORKS):
        signal, kept = x, []
        for fan_in, fan_out in zip([x.shape[1], *hidden], hidden, strict=False):
            layer = nn.Linear(fan_in, fan_out, dtype=x.dtype)
            start(layer, initializer)
            kept.append(layer(signal))
            signal = nn.functional.dropout(phi(kept[-1]), dropout)
        head = nn.Linear(hidden[-1], 3, dtype=x.dtype)
        start(head, initializer)
        loss = nn.functional.cross_entropy(head(signal), target, reduction="sum")
        delta = torch.autograd.grad(loss, kept)
        norm = torch.stack([d.square().sum(1).mean().sqrt() for d in delta])
        profiles.append((norm / norm[-1]).log().numpy())
    return np.array(profiles)


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [1, 16])
@pytest.mark.parametrize("case", CASES)
def test_networks_have_the_centre_and_the_width_that_are_predicted(case, n_samples):
    """The centre within three standard errors and a tenth, for what is of second order.

    The width within 15 % and two of its own standard errors, which are 1/√(2n) of it.
    """
    found, mean_field, profiles = scattered(*CASES[case], n_samples)
    for layer in (0, len(mean_field) // 2):
        deviation = profiles[:, layer].std(ddof=1)
        off = profiles[:, layer].mean() - mean_field[layer] - found.shift[layer]
        assert abs(off) <= 3 * deviation / math.sqrt(N_NETWORKS) + 0.1 * abs(found.shift[layer])
        ratio = found.deviation[layer] / deviation
        assert abs(math.log(ratio)) <= 0.15 + 2 / math.sqrt(2 * N_NETWORKS)


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [1, 16])
@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize(("phi", "initializer", "low", "high"), [
    (nn.ReLU(), He(), 0.6, 1.1), (nn.Tanh(), Xavier(), 0.9, 1.4),
], ids=["relu", "tanh"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero")  # rectifiers that pass nothing back
def test_of_few_units_the_width_is_known_roughly(phi, initializer, low, high, width, n_samples):
    found, _, profiles = scattered(phi, initializer, [width] * 6, 0.0, n_samples)
    first = profiles[np.isfinite(profiles[:, 0]), 0]
    assert low <= found.deviation[0] / first.std(ddof=1) <= high
