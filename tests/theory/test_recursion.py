"""The prediction for a network, against formulas and against networks that were drawn."""

import math

import numpy as np
import pytest
from hydra.utils import instantiate
from torch import nn

from deltaflow.experiment.building import assembly
from deltaflow.flow import measurement
from deltaflow.flow.profiles import decay_rate
from deltaflow.flow.tape import Tape
from deltaflow.nn.initializers import He, LeCun, Normal, Torch, Xavier, Zeros
from deltaflow.theory import Moments, predict
from running import composed

RELU = Moments(nn.ReLU())
SIZES = [4, 20, 30, 10, 30, 3]


def test_relu_with_he_keeps_every_scale():
    found = predict(SIZES, RELU, He(), np.array([1.0, 3.0]))
    np.testing.assert_allclose(found.preactivation_second_moment, np.full(5, 4.0))
    np.testing.assert_allclose(found.delta_norm, np.ones(4))
    np.testing.assert_allclose(found.chi, np.ones(4))


def test_rectifiers_without_a_bias_hide_vanishing_from_the_weight_gradient():
    """δ shrinks on the way back as the signal does on its way in: their product is flat."""
    sizes = [20] * 9
    found = predict(sizes, RELU, Normal(1.0, 0.0), np.array([0.7]))
    np.testing.assert_allclose(found.delta_norm, 2.0 ** (-np.arange(6, -1, -1) / 2))
    np.testing.assert_allclose(found.sample_grad_rms[1:], np.ones(6))
    with_bias = predict(sizes, RELU, Torch(), np.array([0.7]))
    assert with_bias.sample_grad_rms[0] < 0.1


def test_widths_and_their_variances_enter_layer_by_layer():
    x = np.array([0.4, 1.3])
    found = predict(SIZES, RELU, Xavier(), x)
    q, h = 2 * 4 / (4 + 20) * x, []
    for fan_in, fan_out in [(20, 30), (30, 10), (10, 30), (30, 3)]:
        h.append(q / 2)
        q = 2 * fan_in / (fan_in + fan_out) * q / 2
    assert found.preactivation_second_moment[-1] == pytest.approx(q.mean())
    np.testing.assert_allclose(found.chi, [20 / 50, 30 / 40, 10 / 40, 30 / 33])
    np.testing.assert_allclose(found.delta_norm**2, [0.4 * 0.75 * 0.25, 0.75 * 0.25, 0.25, 1])
    square = found.delta_norm**2 * np.array([x.mean(), *(moment.mean() for moment in h[:3])])
    expected = np.sqrt(square / SIZES[1:5])
    np.testing.assert_allclose(found.sample_grad_rms, expected / expected[-1])


def test_a_sample_keeps_its_own_scale():
    """Where φ' depends on the scale, the profile of a mean is not the mean of profiles."""
    tanh, x = Moments(nn.Tanh()), np.array([0.1, 9.0])
    both = predict([4, 30, 30, 30, 2], tanh, Normal(1.5, 0.1), x)
    each = [predict([4, 30, 30, 30, 2], tanh, Normal(1.5, 0.1), x[i : i + 1]) for i in (0, 1)]
    np.testing.assert_allclose(
        both.delta_norm**2, np.mean([single.delta_norm**2 for single in each], axis=0)
    )
    assert both.delta_norm[0] != pytest.approx(
        predict([4, 30, 30, 30, 2], tanh, Normal(1.5, 0.1), x.mean(keepdims=True)).delta_norm[0],
        rel=0.02,
    )


def test_batches_are_predicted_side_by_side():
    x = np.random.default_rng(0).uniform(0.1, 4, (3, 40))
    found = predict(SIZES, Moments(nn.Tanh()), LeCun(), x)
    for r in range(3):
        alone = predict(SIZES, Moments(nn.Tanh()), LeCun(), x[r])
        for name in alone.__dataclass_fields__:
            np.testing.assert_allclose(getattr(found, name)[r], getattr(alone, name), rtol=1e-8)


@pytest.mark.parametrize(("sizes", "depth"), [([4, 3], 0), ([4, 8, 3], 1)])
def test_shallow_networks_have_short_profiles(sizes, depth):
    found = predict(sizes, RELU, He(), np.ones(2))
    assert found.preactivation_second_moment.shape == (depth + 1,)
    assert found.delta_norm.tolist() == found.sample_grad_rms.tolist() == [1.0] * depth


def test_without_weights_nothing_gets_through():
    found = predict(SIZES, Moments(nn.Tanh()), Zeros(), np.ones(2))
    assert found.preactivation_second_moment.tolist() == [0] * 5
    assert found.delta_norm.tolist() == [0, 0, 0, 1]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Step 0 of 16 networks of 12 hidden layers of 512 units on Iris, and what was predicted."""

    def at_step_0(activation, init):
        overrides = [
            f"activation={activation}", f"init={init}", "network.depth=12", "network.width=512",
            "n_seeds=16", "data.batch_size=null",
        ]  # fmt: skip
        config = composed(overrides, tmp_path_factory.mktemp("at"))
        data = assembly.datamodule(config)
        module = assembly.module(config, data)
        ((x, target),) = data.train_dataloader()
        with Tape(module.network) as tape:
            output = module.network(x)
        module.objective.sample_loss(output, target).mean(1).sum().backward()
        moments = Moments(module.network.activations[0])
        square = x[0].square().mean(-1).numpy()
        prediction = predict(module.network.sizes, moments, instantiate(config.init), square)
        return measurement.measure(module.network, tape), prediction

    return at_step_0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "init"),
    [("sigmoid", "torch"), ("sigmoid", "xavier"), ("tanh", "torch"), ("relu", "torch"),
     ("relu", "he"), ("leaky", "xavier")],
)  # fmt: skip
def test_wide_networks_do_as_predicted(activation, init, measured):
    found, prediction = measured(activation, init)
    n_seeds = 16
    q = np.array([value.numpy() for value in found["preactivation_second_moment"]])
    error = q.std(1, ddof=1) / math.sqrt(n_seeds)
    assert (np.abs(q.mean(1) - prediction.preactivation_second_moment) <= 4 * error).all()

    delta = np.array([value.numpy() for value in found["delta_norm"][:-1]])  # [depth, R]
    rate = np.exp(np.log(decay_rate(delta.T)).mean())
    assert rate == pytest.approx(decay_rate(prediction.delta_norm), rel=0.02)
    gradient = np.array([value.numpy() for value in found["sample_grad_rms"][:-1]])
    profile = np.exp(np.log(gradient / gradient[-1]).mean(1))
    np.testing.assert_allclose(profile, prediction.sample_grad_rms, rtol=0.1)
