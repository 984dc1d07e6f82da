"""What each claim measures, on made-up records whose numbers are known."""

import math

import pytest
import torch
from torch import nn

from claims import costs, depth, outputs, structure, units
from claims.evidence import Evidence, decades, paired, ratio
from deltaflow.nn.network import FullyConnected
from made import SEEDS, evidence


def means(found):
    return {", ".join(c): sum(v.values()) / len(v) for c, v in found.items() if v}


def test_updates_lag_behind_by_the_layers_between(tmp_path):
    made = evidence(
        tmp_path, {"network.depth": [2, 6]},
        norm=lambda own, seed, step, layer: 10.0 ** layer, update_ratio="delta_norm",
    )  # fmt: skip
    assert means(depth.lag_of_updates(made)) == pytest.approx(
        {"network.depth=2": 1, "network.depth=6": 5}
    )
    assert means(depth.growth_of_lag(made)) == pytest.approx({"from 2 to 6 hidden layers": 1})


def test_seeds_whose_numbers_have_no_logarithm_are_left_out(tmp_path):
    made = evidence(
        tmp_path, {"network.depth": [3]},
        norm=lambda own, seed, step, layer: 0.0 if seed == 2 else 10.0 ** layer,
    )  # fmt: skip
    found = decades(made.of({"network.depth": 3}), "delta_norm")
    assert sorted(found) == [seed for seed in SEEDS if seed != 2]


def test_rates_are_compared_by_seed(tmp_path):
    rates = {"tanh": 0.6, "sigmoid": 0.2}
    made = evidence(
        tmp_path,
        {"init.sigma_w": [1], "network.depth": [4], "activation": ["sigmoid", "tanh"]},
        norm=lambda own, seed, step, layer: rates[own["activation"]] ** -layer,
    )
    assert means(depth.rates_compared(made)) == pytest.approx(
        {f"init.sigma_w=1, network.depth=4, at the {at}": 3 for at in ("start", "end")}
    )


def test_tanh_loses_what_its_vanishing_index_says(tmp_path):
    made = evidence(
        tmp_path, {"init": ["torch", "he"], "network.depth": [5]},
        norm=lambda own, seed, step, layer: 10.0 ** (layer if own["init"] == "torch" else -layer),
    )  # fmt: skip
    found = means(depth.lost_by_tanh(made))
    assert found["init=torch, network.depth=5, at the start"] == pytest.approx(4)
    assert found["init=he, network.depth=5, at the end"] == pytest.approx(-4)


def test_blown_up_is_as_far_away_as_lost(tmp_path):
    slopes = {"sigmoid": 2.0, "tanh": -1.0, "relu": 0.5}
    made = evidence(
        tmp_path,
        {"init": ["xavier", "he"], "activation": list(slopes), "network.depth": [3]},
        norm=lambda own, seed, step, layer: 10.0 ** (slopes[own["activation"]] * layer),
    )
    found = means(depth.nearer_with_relu(made))
    assert found["init=he, against sigmoid"] == pytest.approx(2 * (2 - 0.5))
    assert found["init=he, against tanh"] == pytest.approx(2 * (1 - 0.5))
    assert found["init=he, the other init=xavier, against tanh"] == pytest.approx(1)


def test_lost_at_one_step_and_blown_up_at_another_do_not_make_up_for_each_other(tmp_path):
    made = evidence(
        tmp_path, {"network.depth": [3]},
        norm=lambda own, seed, step, layer: 10.0 ** (layer if step == 10 else -layer),
    )  # fmt: skip
    one = made.of({"network.depth": 3})
    assert decades(one, "delta_norm", absolute=True) == pytest.approx(dict.fromkeys(SEEDS, 2.0))
    assert decades(one, "delta_norm")[0] == pytest.approx(-2 / 3)


def test_sparsity_is_judged_by_split(tmp_path):
    better = {"relu": 0.02, "leaky": 0.0, "softplus": 0.03}
    made = evidence(
        tmp_path,
        {"data.label_noise": [0.2], "data.split_seed": [0, 1, 2], "activation": list(better)},
        accuracy=lambda own, seed: 0.5 + own["data.split_seed"] / 10 + better[own["activation"]],
        inactive_fraction="delta_rms", norm=lambda own, seed, step, layer: 1.2 / (1 + seed / 100),
    )  # fmt: skip
    gains = {name: units.gain_over(made, name) for name in ("leaky", "softplus")}
    assert [sorted(v) for found in gains.values() for v in found.values()] == [[0, 1, 2]] * 2
    assert means(gains["leaky"]) == pytest.approx({"data.label_noise=0.2": 0.02})
    assert means(gains["softplus"]) == pytest.approx({"data.label_noise=0.2": -0.01})
    assert 0.5 < means(units.share_of_zeros(made))["data.label_noise=0.2, activation=relu"] < 0.7


def test_units_died_if_they_were_alive_before(tmp_path):
    made = evidence(tmp_path, {"optimizer.lr": [0.1, 1]})  # dead: layer / 10 + step / 100
    assert means(units.died(made)) == pytest.approx(
        {"optimizer.lr=0.1": 0.2, "optimizer.lr=1": 0.2}
    )


def network(*biases: float) -> FullyConnected:
    """Two replicas of a unit whose z is a row's x and its bias, and of one whose z is its bias."""
    made = FullyConnected([1, 2, 1], nn.LeakyReLU(), n_replicas=2)
    with torch.no_grad():
        made.layers[0].weight[:] = torch.tensor([[1.0], [0.0]])
        made.layers[0].bias[:] = torch.tensor(biases)
    return made


def test_units_on_one_side_of_0_are_those_that_no_row_lifts(tmp_path, monkeypatch):
    made = evidence(
        tmp_path, {"optimizer.lr": [0.1], "activation": ["relu", "leaky"]}, seeds=[0, 1]
    )
    rows = torch.linspace(-1, 1, 5)[None, :, None].expand(2, -1, -1)  # some lift the first unit
    monkeypatch.setattr(units, "training_rows", lambda one: rows)
    monkeypatch.setattr(units, "untrained", lambda one: network(2, 1))
    monkeypatch.setattr(
        units, "trained", lambda one: network(0, 1 if one.axes["activation"] == "leaky" else -1)
    )
    assert means(units.on_one_side(made)) == {"optimizer.lr=0.1": 0}
    assert means(units.on_one_side_compared(made)) == {"optimizer.lr=0.1": 0.5}
    assert means(units.without_slope(made)) == {"optimizer.lr=0.1": 0}


def test_other_slopes_are_compared_with_the_usual_one(tmp_path):
    made = evidence(
        tmp_path, {"activation.negative_slope": [0.01, 1]},
        accuracy=lambda own, seed: 0.9 - 0.3 * (own["activation.negative_slope"] == 1),
    )  # fmt: skip
    assert means(units.lost_by_slope(made)) == pytest.approx({"activation.negative_slope=1": 0.3})


def test_a_second_softmax_is_measured_at_the_output_in_decades(tmp_path):
    made = evidence(
        tmp_path, {"data": ["iris"], "network.output_activation": [None, "softmax"]},
        norm=lambda own, seed, step, layer: 100.0 ** (layer == 3)
        / (10 * (1 + step) if own["network.output_activation"] else 1),
    )  # fmt: skip
    found = means(outputs.attenuation(made))
    assert found["data=iris, at the start"] == pytest.approx(1)
    assert found["data=iris, at the end"] == pytest.approx(1 + math.log10(21))
    assert 1 < found["data=iris, mean over training"] < found["data=iris, at the end"]


def test_a_round_is_two_runs_in_a_row_and_the_first_warms_up(tmp_path):
    made = evidence(
        tmp_path,
        {"network.width": [16], "seed": [0, 100, 200], "activation": ["relu", "tanh"]},
        seconds=lambda own: (1 + own["seed"]) * (3 if own["activation"] == "tanh" else 2),
    )
    (found,) = costs.cost_of_tanh(made).values()
    assert found == {100: 1.5, 200: 1.5}


def test_precision_is_compared_by_round_and_by_seed(tmp_path):
    cost = {"bf16-mixed": 1, "32-true": 2, "64-true": 3}
    made = evidence(
        tmp_path, {"seed": [0, 100], "trainer.precision": list(cost)},
        seconds=lambda own: cost[own["trainer.precision"]],
        accuracy=lambda own, seed: 0.5 + cost[own["trainer.precision"]] / 10 + seed / 10_000,
    )  # fmt: skip
    assert costs.cost_of_precision(made) == {
        ("64-true over 32-true",): {100: 1.5}, ("32-true over bf16-mixed",): {100: 2.0},
    }  # fmt: skip
    gains = costs.gain_by_precision(made)
    assert [len(values) for values in gains.values()] == [2 * len(SEEDS)] * 2
    assert list(means(gains).values()) == pytest.approx([0.1, 0.1])


def test_sigmoid_is_compared_on_the_output_and_inside(tmp_path):
    made = evidence(
        tmp_path,
        {"loss": ["bce", "mse"], "network.depth": [3], "activation": ["sigmoid", "tanh", "relu"]},
        accuracy=lambda own, seed: 0.8 + 0.1 * (own["loss"] == "bce")
        - 0.3 * (own["activation"] == "sigmoid"),
    )  # fmt: skip
    assert means(outputs.output_compared(made)) == pytest.approx({"network.depth=3": 0.1})
    assert means(outputs.hidden_compared(made)) == pytest.approx(
        {f"network.depth=3, against {name}": 0.3 for name in ("tanh", "relu")}
    )


@pytest.mark.parametrize("scale", [0.01, 0.1, 1, 3, 10, 100])
def test_softmax_never_widens_a_gap_itself_and_exaggerates_large_ones(scale):
    torch.manual_seed(0)
    logits = scale * torch.randn(3, 50, 5, dtype=torch.float64)
    first, second = logits.softmax(-1).topk(2)[0].unbind(-1)
    own = logits.topk(2)[0]
    assert (first - second <= (own[..., 0] - own[..., 1]) / 2).all()
    gained = outputs.gap_gained(logits)
    assert (gained < 0).all() if scale < 0.5 else (gained > 0).all() or scale < 3


def test_imbalance_is_1_for_a_constant_and_0_for_an_odd_activation():
    h = torch.tensor([2.0, -2.0, 1.0, -1.0])[None, :, None]
    assert structure.imbalance(h).item() == 0
    assert structure.imbalance(h.abs() * 0 - 3).item() == 1
    assert structure.imbalance(torch.cat([h, 0 * h], -1)).item() == 0  # a unit that is off


def test_shuffled_pixels_are_compared_at_equal_widths(tmp_path):
    made = evidence(
        tmp_path, {"network.width": [8, 16], "data.shuffle_seed": [None, 0]},
        accuracy=lambda own, seed: own["network.width"] / 20
        - 0.01 * (own["data.shuffle_seed"] is not None),
    )  # fmt: skip
    assert means(structure.lost_by_shuffling(made)) == pytest.approx(
        {f"network.width={width}, data.shuffle_seed=0": 0.01 for width in (8, 16)}
    )


def test_depth_is_compared_with_a_linear_model_by_loss(tmp_path):
    made = evidence(
        tmp_path, {"activation": ["identity", "tanh"], "network.depth": [0, 2]},
        accuracy=lambda own, seed: 0.5
        + 0.4 * (own["activation"] == "tanh" and own["network.depth"] > 0),
    )  # fmt: skip
    assert means(structure.gain_by_depth(made, "identity")) == {"network.depth=2": 0}
    assert means(structure.gain_by_depth(made, "tanh")) == pytest.approx({"network.depth=2": 0.4})


def test_only_seeds_that_both_have_are_paired():
    assert paired({1: 2.0, 2: 5.0}, {2: 3.0, 3: 1.0}) == {2: 2.0}
    assert ratio({1: 2.0, 2: 6.0, 3: 1.0}, {2: 3.0, 3: 0.0}) == {2: 2.0}


def test_a_claim_needs_its_configurations(tmp_path):
    made: Evidence = evidence(tmp_path, {"network.depth": [2, 3]})
    with pytest.raises(ValueError, match=r"one configuration with network.depth=4\. Found 0"):
        made.of({"network.depth": 4})
    with pytest.raises(ValueError, match="Found 2"):
        made.of({})
