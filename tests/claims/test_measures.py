"""What each claim measures, on made-up records whose numbers are known."""

import math

import pytest
import torch
from torch import nn

from claims import measures, networks
from claims.runs import decades, minus, over
from deltaflow.nn.network import FullyConnected
from made import SEEDS, made_runs

pytestmark = pytest.mark.usefixtures("in_this_process")


def means(found):
    return {", ".join(c): sum(v.values()) / len(v) for c, v in found.items() if v}


def test_updates_lag_behind_by_the_layers_between(tmp_path):
    made = made_runs(
        tmp_path, {"network.depth": [2, 6]},
        norm=lambda own, seed, step, layer: 10.0 ** layer, update_ratio="delta_norm",
    )  # fmt: skip
    assert means(measures.lag_of_updates(made)) == pytest.approx(
        {"network.depth=2": 1, "network.depth=6": 5}
    )
    assert means(measures.growth_of_lag(made)) == pytest.approx({"from 2 to 6 hidden layers": 1})


def test_seeds_whose_numbers_have_no_logarithm_are_left_out(tmp_path):
    made = made_runs(
        tmp_path, {"network.depth": [3]},
        norm=lambda own, seed, step, layer: 0.0 if seed == 2 else 10.0 ** layer,
    )  # fmt: skip
    found = decades("delta_norm")(made)
    assert sorted(found) == [seed for seed in SEEDS if seed != 2]


def test_rates_and_vanishing_indices_are_those_of_the_records(tmp_path):
    rates = {"tanh": 0.6, "sigmoid": 0.2}
    made = made_runs(
        tmp_path,
        {"init": ["torch"], "init.sigma_w": [1], "network.depth": [4], "activation": list(rates)},
        norm=lambda own, seed, step, layer: rates[own["activation"]] ** -layer,
    )
    moments = ("at the start", "at the end")
    assert means(measures.decay_rates_compared(made)) == pytest.approx(
        {f"init.sigma_w=1, network.depth=4, {at}": 3 for at in moments}
    )
    found = means(measures.vanishing_index(made.of({"activation": "sigmoid"})))
    lost = 3 * math.log10(1 / 0.2)
    assert found == pytest.approx({f"init=torch, network.depth=4, {at}": lost for at in moments})


def test_blown_up_is_as_far_away_as_lost(tmp_path):
    slopes = {"sigmoid": 2.0, "tanh": -1.0, "relu": 0.5}
    made = made_runs(
        tmp_path,
        {"init": ["xavier", "he"], "activation": list(slopes), "network.depth": [3]},
        norm=lambda own, seed, step, layer: 10.0 ** (slopes[own["activation"]] * layer),
    )
    found = means(measures.nearer_with_relu(made))
    assert found["init=he, against sigmoid"] == pytest.approx(2 * (2 - 0.5))
    assert found["init=he, against tanh"] == pytest.approx(2 * (1 - 0.5))
    assert found["init=he, the other init=xavier, against tanh"] == pytest.approx(1)


def test_lost_at_one_step_and_blown_up_at_another_do_not_make_up_for_each_other(tmp_path):
    made = made_runs(
        tmp_path, {"network.depth": [3]},
        norm=lambda own, seed, step, layer: 10.0 ** (layer if step == 10 else -layer),
    )  # fmt: skip
    both_ways = decades("delta_norm", absolute=True)(made)
    assert both_ways == pytest.approx(dict.fromkeys(SEEDS, 2.0))
    assert decades("delta_norm")(made)[0] == pytest.approx(-2 / 3)


def test_sparsity_is_judged_by_split(tmp_path):
    better = {"relu": 0.02, "leaky": 0.0, "softplus": 0.03}
    made = made_runs(
        tmp_path,
        {"data.label_noise": [0.2], "data.split_seed": [0, 1, 2], "activation": list(better)},
        accuracy=lambda own, seed: 0.5 + own["data.split_seed"] / 10 + better[own["activation"]],
        inactive_fraction="delta_rms", norm=lambda own, seed, step, layer: 1.2 / (1 + seed / 100),
    )  # fmt: skip
    (leaky,), (softplus,) = (
        measure(made).values()
        for measure in (measures.gain_over_leaky, measures.gain_over_softplus)
    )
    assert leaky == pytest.approx(dict.fromkeys([0, 1, 2], 0.02))
    assert softplus == pytest.approx(dict.fromkeys([0, 1, 2], -0.01))
    assert 0.5 < means(measures.share_of_zeros(made))["data.label_noise=0.2"] < 0.7


def test_units_died_if_they_were_alive_before(tmp_path):
    made = made_runs(tmp_path, {"optimizer.lr": [0.1, 1]})  # dead: layer / 10 + step / 100
    assert means(measures.died(made)) == pytest.approx(
        {"optimizer.lr=0.1": 0.2, "optimizer.lr=1": 0.2}
    )


def network(*biases: float) -> FullyConnected:
    """Two replicas of a unit whose z is a row's x and its bias, and of one whose z is its bias."""
    made = FullyConnected([1, 2, 1], nn.LeakyReLU(), n_replicas=2)
    with torch.no_grad():
        made.layers[0].weight[:] = torch.tensor([[1.0], [0.0]])
        made.layers[0].bias[:] = torch.tensor(biases)
    return made


class Rows:
    """Five rows for each of two replicas; some lift the first unit above 0."""

    n_rows = (5, 0, 0)

    def probe(self, n_rows):
        return torch.linspace(-1, 1, n_rows)[None, :, None].expand(2, -1, -1)


def test_units_that_went_off_are_those_that_no_row_lifts_any_more(tmp_path, monkeypatch):
    made = made_runs(
        tmp_path, {"optimizer": ["sgd"], "optimizer.lr": [0.1], "activation": ["relu", "leaky"]},
        seeds=[0, 1],
    )  # fmt: skip
    monkeypatch.setattr(networks, "data_of", lambda runs: Rows())
    monkeypatch.setattr(networks, "network_of", lambda runs, at: network(
        0 if at == "end" else 2,
        -1 if at == "end" and runs.among("activation") == ["relu"] else 1,
    ))  # fmt: skip
    condition = "optimizer=sgd, optimizer.lr=0.1"
    assert means(measures.went_off_with_relu(made)) == {condition: 0.5}
    assert means(measures.went_off_with_leaky(made)) == {condition: 0}
    assert means(measures.fewer_went_off(made)) == {condition: 0.5}


def test_other_slopes_are_compared_with_the_usual_one(tmp_path):
    made = made_runs(
        tmp_path, {"activation.negative_slope": [0.01, 1]},
        accuracy=lambda own, seed: 0.9 - 0.3 * (own["activation.negative_slope"] == 1),
    )  # fmt: skip
    assert means(measures.lost_by_slope(made)) == pytest.approx(
        {"activation.negative_slope=1": 0.3}
    )


def test_a_second_softmax_takes_what_its_jacobian_does():
    torch.manual_seed(0)
    logits, y = torch.randn(2, 5, 3, dtype=torch.float64), torch.randint(3, (2, 5))
    once, twice = (networks.delta_rms(logits, y, n) for n in (1, 2))
    for r in range(2):
        deltas = []
        for z, own in zip(logits[r], y[r], strict=True):
            p, right = z.softmax(0), nn.functional.one_hot(own, 3)
            jacobian = torch.diag(p) - p[:, None] * p[None, :]
            deltas.append((p - right, jacobian @ (p.softmax(0) - right)))
        for found, by_hand in zip((once, twice), zip(*deltas, strict=True), strict=True):
            assert found[r].item() == pytest.approx(torch.stack(by_hand).square().mean().sqrt())


def test_networks_trained_with_and_without_a_second_softmax_are_compared(tmp_path):
    made = made_runs(
        tmp_path, {"data": ["iris"], "network.output_activation": [None, "softmax"]},
        norm=lambda own, seed, step, layer: 0.1 if own["network.output_activation"] else 1 + step,
    )  # fmt: skip
    found = means(measures.delta_of_others(made))
    assert found == pytest.approx({"data=iris": 1 + math.log10(21)})


def test_a_round_is_two_runs_in_a_row_and_the_first_warms_up(tmp_path):
    made = made_runs(
        tmp_path,
        {"network.width": [16], "seed": [0, 100, 200], "activation": ["relu", "tanh"]},
        seconds=lambda own: (1 + own["seed"]) * (3 if own["activation"] == "tanh" else 2),
    )
    (found,) = measures.cost_of_tanh(made).values()
    assert found == {100: 1.5, 200: 1.5}


def test_precision_is_compared_by_round_and_by_seed(tmp_path):
    cost = {"bf16-mixed": 1, "32-true": 2, "64-true": 3}
    made = made_runs(
        tmp_path, {"seed": [0, 100], "trainer.precision": list(cost)},
        seconds=lambda own: cost[own["trainer.precision"]],
        accuracy=lambda own, seed: 0.5 + cost[own["trainer.precision"]] / 10 + seed / 10_000,
    )  # fmt: skip
    assert measures.cost_of_precision(made) == {
        ("64-true against 32-true",): {100: 1.5}, ("32-true against bf16-mixed",): {100: 2.0},
    }  # fmt: skip
    gains = measures.gain_by_precision(made)
    assert [len(values) for values in gains.values()] == [2 * len(SEEDS)] * 2
    assert list(means(gains).values()) == pytest.approx([0.1, 0.1])


def test_sigmoid_is_compared_on_the_output_and_inside(tmp_path):
    made = made_runs(
        tmp_path,
        {"loss": ["bce", "mse"], "network.depth": [3], "activation": ["sigmoid", "tanh", "relu"]},
        accuracy=lambda own, seed: 0.8 + 0.1 * (own["loss"] == "bce")
        - 0.3 * (own["activation"] == "sigmoid"),
    )  # fmt: skip
    assert means(measures.output_compared(made)) == pytest.approx({"network.depth=3": 0.1})
    assert means(measures.hidden_compared(made)) == pytest.approx(
        {f"network.depth=3, against {name}": 0.3 for name in ("tanh", "relu")}
    )


@pytest.mark.parametrize("scale", [0.01, 0.1, 1, 3, 10, 100])
def test_softmax_never_widens_a_gap_itself_and_exaggerates_large_ones(scale):
    torch.manual_seed(0)
    logits = scale * torch.randn(3, 50, 5, dtype=torch.float64)
    first, second = logits.softmax(-1).topk(2)[0].unbind(-1)
    own = logits.topk(2)[0]
    assert (first - second <= (own[..., 0] - own[..., 1]) / 2).all()
    gained = networks.gap_gained(logits)
    assert (gained < 0).all() if scale < 0.5 else (gained > 0).all() or scale < 3


def test_imbalance_is_1_for_a_constant_and_0_for_an_odd_activation():
    h = torch.tensor([2.0, -2.0, 1.0, -1.0])[None, :, None]
    assert networks.imbalance(h, h).item() == 0
    assert networks.imbalance(h, h.abs() * 0 - 3).item() == 1
    assert networks.imbalance(h, torch.cat([h, 0 * h], -1)).item() == 0  # a unit that is off


def test_shuffled_pixels_are_compared_at_equal_widths(tmp_path):
    made = made_runs(
        tmp_path, {"network.width": [8, 16], "data.shuffle_seed": [None, 0]},
        accuracy=lambda own, seed: own["network.width"] / 20
        - 0.01 * (own["data.shuffle_seed"] is not None),
    )  # fmt: skip
    assert means(measures.lost_by_shuffling(made)) == pytest.approx(
        {f"network.width={width}, data.shuffle_seed=0": 0.01 for width in (8, 16)}
    )


def test_depth_is_compared_with_a_linear_model_by_loss(tmp_path):
    made = made_runs(
        tmp_path, {"activation": ["identity", "tanh"], "network.depth": [0, 2]},
        accuracy=lambda own, seed: 0.5
        + 0.4 * (own["activation"] == "tanh" and own["network.depth"] > 0),
    )  # fmt: skip
    assert means(measures.gain_by_linear_depth(made)) == {"network.depth=2": 0}
    assert means(measures.gain_by_tanh_depth(made)) == pytest.approx({"network.depth=2": 0.4})


def test_only_seeds_that_both_have_are_paired():
    assert minus({1: 2.0, 2: 5.0}, {2: 3.0, 3: 1.0}) == {2: 2.0}
    assert over({1: 2.0, 2: 6.0, 3: 1.0}, {2: 3.0, 3: 0.0}) == {2: 2.0}


def test_a_claim_needs_its_runs(tmp_path):
    made = made_runs(tmp_path, {"network.depth": [2, 3]})
    with pytest.raises(ValueError, match=r"runs with network.depth=4\. Found none"):
        made.of({"network.depth": 4})
