"""Each preset shows what its comment says."""

import polars as pl
import pytest

from running import run

pytestmark = pytest.mark.slow


@pytest.fixture
def preset(tmp_path):
    def train(name: str, *overrides: str):
        folder = tmp_path / "_".join([name, *overrides])
        return run([f"experiment={name}", "logger=none", *overrides], folder)

    return train


def _mean(result, moment: str, name: str) -> float:
    return result.summary[moment][name]["mean"]


def _accuracy(result) -> float:
    return result.summary["metrics"]["test"]["accuracy"]["mean"]


def test_wine_needs_standardisation(preset):
    assert _accuracy(preset("wine")) > 0.95
    assert _accuracy(preset("wine", "data.standardize=false")) < 0.75


def test_deep_digits_learn_with_relu_and_not_with_sigmoid(preset):
    assert _accuracy(preset("digits_deep")) > 0.9
    assert _accuracy(preset("digits_deep", "activation=sigmoid")) < 0.3


def test_spirals_need_depth(preset):
    deep, linear = preset("spirals_deep"), preset("spirals_deep", "network.depth=0")
    assert _accuracy(linear) < 0.75 < 0.95 < _accuracy(deep)


def test_wide_tanh_weights_are_chaotic(preset):
    chaotic, ordered = preset("tanh_chaos"), preset("tanh_chaos", "init.sigma_w=1")
    assert _mean(chaotic, "flow", "vanishing_index_start") < -1
    assert _mean(ordered, "flow", "vanishing_index_start") > 0
    saturated = chaotic.layers.filter(pl.col("step") == 0)["saturated_fraction"].mean()
    assert saturated > 0.2


def test_wide_relu_weights_explode(preset):
    wide, he = preset("exploding_relu"), preset("exploding_relu", "init.sigma_w=1.414")
    assert _mean(wide, "flow", "decay_rate_start") == pytest.approx(2**0.5, rel=0.1)
    assert _mean(he, "flow", "decay_rate_start") == pytest.approx(1, rel=0.1)


@pytest.mark.filterwarnings("ignore:.*has its softmax inside")
def test_a_second_softmax_attenuates_the_gradient(preset):
    doubled = preset("double_softmax")
    single = preset("double_softmax", "network.output_activation=null")
    gains = [_mean(result, "flow", "loss_gain_start") for result in (doubled, single)]
    assert gains[0] < 0.5 * gains[1]
    losses = [result.summary["metrics"]["final"]["loss"]["mean"] for result in (doubled, single)]
    assert losses[0] > 5 * losses[1]


def test_zero_weights_stay_zero(preset):
    result = preset("zero_init")
    assert all(not layer.weight.any() for layer in result.network.layers)
    assert result.network.layers[-1].bias.any()
    assert not any(layer.bias.any() for layer in result.network.layers[:-1])


def test_a_slope_of_1_cannot_learn_xor(preset):
    assert _accuracy(preset("leaky_alpha")) < 0.65
    assert _accuracy(preset("leaky_alpha", "activation.negative_slope=0.01")) > 0.95


def test_a_wide_network_overfits_few_samples(preset):
    result = preset("overfit")
    last = result.metrics["epoch"].max()
    at_the_end = result.metrics.filter(pl.col("epoch") == last).group_by("split").agg(
        pl.col("loss").mean()
    )  # fmt: skip
    losses = dict(at_the_end.iter_rows())
    assert losses["train"] < 0.05
    assert losses["validation"] > 5 * result.summary["metrics"]["best"]["loss"]["mean"]
