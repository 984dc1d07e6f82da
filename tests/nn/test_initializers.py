import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from deltaflow.nn.initializers import He, LeCun, Normal, Orthogonal, Torch, Xavier, Zeros
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.random_streams import Stream, generator

FAN_IN, FAN_OUT = 80, 500
DOCUMENTED = {  # weight and bias variance
    Torch(): (1 / (3 * FAN_IN), 1 / (3 * FAN_IN)),
    Xavier(): (2 / (FAN_IN + FAN_OUT), 0),
    He(): (2 / FAN_IN, 0),
    He(negative_slope=0.5): (2 / 1.25 / FAN_IN, 0),
    Normal(sigma_w=1.5, sigma_b=0.3): (1.5**2 / FAN_IN, 0.09),
    LeCun(): (1 / FAN_IN, 0),
    Zeros(): (0, 0),
}
RANDOM = [initializer for initializer in DOCUMENTED if initializer != Zeros()]


def draw(initializer, seed=0, fan_in=FAN_IN, fan_out=FAN_OUT):
    return initializer.draw(generator(seed, Stream.INIT, 1), fan_in, fan_out)


def assert_variance(entries, variance):
    n, z = entries.size, entries / math.sqrt(variance)
    kurtosis = max(np.mean(z**4), 1)
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(np.mean(z**2) - 1) < 5 * math.sqrt((kurtosis - 1) / n)


@pytest.mark.parametrize("initializer", DOCUMENTED, ids=str)
def test_the_stated_variances_are_the_documented_ones(initializer):
    weight, bias = DOCUMENTED[initializer]
    assert initializer.weight_variance(FAN_IN, FAN_OUT) == pytest.approx(weight, rel=1e-14)
    assert initializer.bias_variance(FAN_IN) == pytest.approx(bias, rel=1e-14)


@pytest.mark.parametrize("initializer", RANDOM, ids=str)
def test_the_drawn_entries_have_the_stated_variances(initializer):
    weight, bias = draw(initializer)
    assert (weight.shape, bias.shape) == ((FAN_OUT, FAN_IN), (FAN_OUT,))
    assert_variance(weight, DOCUMENTED[initializer][0])
    if DOCUMENTED[initializer][1] > 0:
        assert_variance(bias, DOCUMENTED[initializer][1])
    else:
        assert not bias.any()


@pytest.mark.parametrize("initializer", RANDOM, ids=str)
def test_the_distribution_is_uniform_for_torch_and_else_normal(initializer):
    weight, _ = draw(initializer)
    scale = math.sqrt(DOCUMENTED[initializer][0])
    uniform = stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))  # of variance 1
    is_torch = isinstance(initializer, Torch)
    right, wrong = (uniform, stats.norm) if is_torch else (stats.norm, uniform)
    assert stats.kstest(weight.ravel() / scale, right.cdf).pvalue > 1e-3
    assert stats.kstest(weight.ravel() / scale, wrong.cdf).pvalue < 1e-6


def test_torch_fills_the_same_interval_as_a_linear_layer():
    weight, bias = draw(Torch())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        linear = nn.Linear(FAN_IN, FAN_OUT)
    bound = 1 / math.sqrt(FAN_IN)
    for ours, theirs in ((weight, linear.weight), (bias, linear.bias)):
        assert 0.98 * bound < np.abs(ours).max() <= bound
        assert 0.98 * bound < theirs.detach().abs().max() <= bound
        assert stats.ks_2samp(ours.ravel(), theirs.detach().ravel()).pvalue > 1e-3


def test_the_gain_of_he_is_that_of_pytorch():
    gain = nn.init.calculate_gain("leaky_relu", 0.3)
    assert He(0.3).weight_variance(FAN_IN, FAN_OUT) == pytest.approx(gain**2 / FAN_IN)


def test_zeros_are_zeros():
    weight, bias = draw(Zeros())
    assert not weight.any()
    assert not bias.any()


@pytest.mark.parametrize("initializer", DOCUMENTED, ids=str)
def test_the_start_of_a_replica_is_that_of_its_seed_whatever_the_stack(initializer):
    stack = FullyConnected([4, 6, 5, 2], nn.Tanh(), n_replicas=3, dtype=torch.float64)
    stack.initialize(initializer, seeds=[10, 11, 12])
    alone = FullyConnected([4, 6, 5, 2], nn.Tanh(), dtype=torch.float64)
    alone.initialize(initializer, seeds=[11])
    for several, one in zip(stack.layers, alone.layers, strict=True):
        assert torch.equal(several.weight[1], one.weight[0])
        assert torch.equal(several.bias[1], one.bias[0])


@pytest.mark.parametrize("initializer", RANDOM, ids=str)
def test_the_start_of_a_layer_does_not_depend_on_the_layers_beside_it(initializer):
    narrow = FullyConnected([4, 6, 5, 2], nn.Tanh())
    wide = FullyConnected([9, 6, 5, 7], nn.Tanh())
    for network in (narrow, wide):
        network.initialize(initializer, seeds=[3])
    assert torch.equal(narrow.layers[1].weight, wide.layers[1].weight)
    assert torch.equal(narrow.layers[1].bias, wide.layers[1].bias)


@pytest.mark.parametrize("initializer", RANDOM, ids=str)
def test_layers_of_equal_shape_and_seeds_start_differently(initializer):
    network = FullyConnected([6, 6, 6], nn.Tanh(), n_replicas=2)
    network.initialize(initializer, seeds=[0, 1])
    starts = [layer.weight[r] for layer in network.layers for r in range(2)]
    for i, start in enumerate(starts):
        assert not any(torch.equal(start, other) for other in starts[:i])


@pytest.mark.parametrize("sigmas", [(-1.0, 0.0), (1.0, -0.1), (math.nan, 0.0), (1.0, math.inf)])
def test_impossible_deviations_are_refused(sigmas):
    with pytest.raises(ValueError, match=r"`init.sigma_[wb]` must be at least 0 and at most 1e"):
        Normal(*sigmas)


@pytest.mark.parametrize(("fan_in", "fan_out"), [(6, 6), (4, 9), (9, 4), (1, 3)])
def test_orthogonal_layers_keep_lengths(fan_in, fan_out):
    weight, bias = draw(Orthogonal(gain=1.5), fan_in=fan_in, fan_out=fan_out)
    assert weight.shape == (fan_out, fan_in)
    assert not bias.any()
    gram = weight.T @ weight if fan_out >= fan_in else weight @ weight.T
    assert np.allclose(gram, 1.5**2 * np.eye(min(fan_in, fan_out)), atol=1e-12)
    variance = Orthogonal(gain=1.5).weight_variance(fan_in, fan_out)
    assert np.mean(weight**2) == pytest.approx(variance, rel=1e-12)


def test_orthogonal_matrices_are_uniform():
    traces = [np.trace(draw(Orthogonal(1.0), seed, 5, 5)[0]) for seed in range(4000)]
    # Diaconis & Shahshahani 1994: E tr Q = 0, E (tr Q)^2 = 1, E (tr Q)^4 = 3 for n >= 2
    assert abs(np.mean(traces)) < 5 / math.sqrt(4000)
    assert abs(np.mean(np.square(traces)) - 1) < 5 * math.sqrt(2 / 4000)


def test_a_negative_gain_is_refused():
    with pytest.raises(ValueError, match=r"`init.gain` must be at least 0 and at most 1e"):
        Orthogonal(gain=-1.0)
