import math

import numpy as np
import pytest
from torch import nn

from deltaflow.theory import Moments, edge_of_chaos, predict
from deltaflow.theory.critical import Critical
from running import run_all

SHORT = ["init=critical", "logger=none", "trainer.max_epochs=1"]


@pytest.mark.parametrize(
    ("phi", "sigma_b"), [(nn.Tanh(), 0.2), (nn.ReLU(), 0.0), (nn.ELU(), 0.1), (nn.SELU(), 0.3)]
)
def test_a_deep_network_keeps_its_gradients(phi, sigma_b):
    critical = Critical(phi, sigma_b)
    profile = predict([200] * 80, Moments(phi), critical, np.full(1, 1.0)).delta_norm
    assert profile[40] == pytest.approx(profile[-1], rel=0.01)  # once q has settled
    assert 0.3 < profile[0] < 3


def test_variances_are_those_of_the_edge():
    critical, edge = Critical(nn.Tanh(), 0.2), edge_of_chaos(Moments(nn.Tanh()), 0.2)
    assert critical.weight_variance(7, 3) == pytest.approx(edge.sigma_w**2 / 7)
    assert critical.bias_variance(7) == pytest.approx(0.04)
    weight, bias = critical.draw(np.random.default_rng(0), 400, 300)
    assert weight.std() == pytest.approx(edge.sigma_w / 20, rel=0.01)
    assert bias.std() == pytest.approx(0.2, rel=0.15)


@pytest.mark.parametrize("sigma_b", [-0.1, math.nan, math.inf])
def test_an_impossible_bias_is_refused(sigma_b):
    with pytest.raises(ValueError, match="must be a finite number, at least 0"):
        Critical(nn.Tanh(), sigma_b)


@pytest.mark.parametrize(
    ("phi", "sigma_b", "advice"),
    [
        (nn.ReLU(), 0.1, r"`init.sigma_b=0`, or another activation"),
        (nn.Softplus(), 0.0, r"Use another activation"),
    ],
)
def test_where_there_is_no_edge_it_says_so(phi, sigma_b, advice):
    with pytest.raises(ValueError, match=rf"Found none for .* {advice}"):
        Critical(phi, sigma_b)


@pytest.mark.parametrize(
    ("phi", "said"), [(nn.Sigmoid(), "5.% of the units are saturated"), (nn.GELU(), "driven away")]
)
def test_an_edge_that_is_of_no_use_is_warned_of(phi, said):
    with pytest.warns(UserWarning, match=said):
        Critical(phi, 0.0)


@pytest.mark.slow
def test_it_takes_whatever_activation_is_chosen(tmp_path):
    chosen = ("tanh", "relu", "leaky", "elu", "identity", "hardtanh")
    settings = [[*SHORT, f"activation={name}", "network.depth=6"] for name in chosen]
    for name, result in zip(chosen, run_all(settings, tmp_path), strict=True):
        assert result.summary["theory"]["decay_rate"] == pytest.approx(1, abs=0.15), name
