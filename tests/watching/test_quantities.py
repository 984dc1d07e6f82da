"""What is measured of a watched model: against our own networks, and against plain loops."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint
from watched import trained
from watching_accuracy.architectures import LeNet, Residual, Transformer, chain

from deltaflow import watch
from deltaflow.flow import measurement
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.initializers import Normal
from deltaflow.nn.network import FullyConnected
from deltaflow.records import LAYERS

SIZES = [4, 6, 5, 3]


def stacked(phi, normalization=None):
    network = FullyConnected(SIZES, phi, 1, dtype=torch.float64, normalization=normalization)
    network.initialize(Normal(1.5, 0.3), seeds=[0])
    return network


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("phi", [nn.ReLU(), nn.Tanh(), nn.Hardtanh(), nn.LeakyReLU(0.1)], ids=str)
def test_our_own_network_from_outside(phi, normalization, tmp_path):
    network = stacked(phi, normalization)
    outside = network.replica(0)
    x, y = torch.randn(12, 4, dtype=torch.float64), torch.randint(0, 3, (12,))
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (network, outside)]
    rows = []
    with watch(outside, tmp_path / "run", every_n_steps=1) as flow:
        for step in range(3):
            for optimizer in optimizers:
                optimizer.zero_grad()
            with Tape(network) as tape:
                output = network(x[None])
            nn.functional.cross_entropy(output[0], y).backward()
            found = measurement.measure(network, tape)
            before = [layer.weight.detach().clone() for layer in network.layers]
            optimizers[0].step()
            found["update_ratio"] = [
                torch.linalg.vector_norm(layer.weight.detach() - old)[None]
                / torch.linalg.vector_norm(old)
                for layer, old in zip(network.layers, before, strict=True)
            ]
            fans = [(layer.fan_in, layer.fan_out) for layer in network.layers]
            rows.append(layer_rows([MeasuredStep.of([found], step, np.array([True]))], fans, [0]))
            loss = nn.functional.cross_entropy(outside(x), y)
            loss.backward()
            optimizers[1].step()
            flow.step(loss)
    assert flow.run.record.verdicts
    for step, own in enumerate(rows):
        watched = flow.run.layers.filter(step=step)
        for name in LAYERS.quantities:
            if name.startswith("predicted_"):
                continue
            assert watched[name].is_null().to_list() == own[name].is_null().to_list(), name
            expected, got = (table[name].drop_nulls().to_numpy() for table in (own, watched))
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-14, err_msg=name)


LAYERS_OF_SEVERAL_POSITIONS = {
    "linear over a sequence": (nn.Linear(3, 4), (5, 7, 3)),
    "linear over a long sequence": (nn.Linear(2, 2), (4, 9, 2)),
    "conv1d": (nn.Conv1d(2, 3, 3, stride=2, padding=1), (5, 2, 9)),
    "conv2d": (nn.Conv2d(2, 3, (3, 2), dilation=2, bias=False), (5, 2, 8, 6)),
}


@pytest.mark.parametrize("name", LAYERS_OF_SEVERAL_POSITIONS)
def test_gradients_of_single_samples(name, tmp_path):
    layer, shape = LAYERS_OF_SEVERAL_POSITIONS[name]
    layer = layer.double()
    x = torch.randn(shape, dtype=torch.float64)
    weights = torch.randn_like(layer(x)[0])
    alone = []
    for sample in x:
        layer.zero_grad()
        (layer(sample[None])[0].sin() * weights).sum().backward()
        alone.append(layer.weight.grad.square().mean())
    layer.zero_grad()
    with watch(layer, tmp_path / "run") as flow:
        loss = (layer(x).sin() * weights).sum() / len(x)
        loss.backward()
        flow.step(loss)
    (row,) = flow.run.layers.to_dicts()
    assert row["sample_grad_rms"] == pytest.approx(float(torch.stack(alone).mean().sqrt()))
    assert row["noise_scale"] is None or row["noise_scale"] > 0


@pytest.mark.parametrize(
    "layer",
    [nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Conv2d(4, 6, 3, groups=2), nn.Conv3d(4, 6, 2)],
    ids=lambda layer: type(layer).__name__,
)
def test_what_is_not_exact_is_null(layer, tmp_path):
    x = torch.randn(3, 4, *[5] * (layer.weight.dim() - 2))
    with watch(layer, tmp_path / "run") as flow:
        loss = layer(x).square().mean()
        loss.backward()
        flow.step(loss)
    (row,) = flow.run.layers.to_dicts()
    assert row["sample_grad_rms"] is row["noise_scale"] is None
    assert row["delta_rms"] > 0
    assert row["fan_out"] == 6
    assert row["fan_in"] * 6 == layer.weight.numel()


def test_delta_is_of_one_sample_whatever_its_shape(tmp_path):
    model = LeNet()
    x, y = torch.randn(6, 1, 8, 8), torch.randint(0, 10, (6,))
    seen = {}
    model.conv1.register_forward_hook(
        lambda m, i, z: (z.register_hook(lambda g: seen.update(g=g)), None)[1]
    )
    with watch(model, tmp_path / "run") as flow:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        flow.step(loss)
    norms = (6 * seen["g"]).flatten(1).norm(dim=1)  # of ∂(loss of one sample)/∂z
    first = flow.run.layers.filter(layer=1)
    assert first["delta_norm"][0] == pytest.approx(float(norms.square().mean().sqrt()), rel=1e-5)
    assert flow.run.record.layers == ["conv1", "conv2", "fc1", "fc2"]
    assert first["inactive_fraction"][0] > 0  # through the pooling, by a function
    assert flow.run.layers.filter(layer=3)["saturated_fraction"][0] is not None  # of tanh
    assert flow.run.layers.filter(layer=4)["activation_mean"][0] is None


def test_a_block_that_is_skipped_has_its_own_function_alone(tmp_path):
    model = nn.Sequential(nn.Linear(2, 8), Residual(8), nn.Linear(8, 2))
    run = trained(model, tmp_path / "run", n_steps=1)
    assert run.record.layers == ["0", "1.first", "1.second", "2"]
    assert run.layers["inactive_fraction"].is_null().to_list() == [True, False, True, True]


class ByHand(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.linear, self.out, self.function = nn.Linear(2, 8), nn.Linear(8, 2), function

    def forward(self, x):
        return self.out(self.function(self.linear(x)))


@pytest.mark.parametrize(
    ("function", "saturates", "is_flat"),
    [
        (torch.tanh, True, False),
        (lambda z: z.relu(), False, True),
        (lambda z: nn.functional.leaky_relu(z, 0.1, inplace=True), False, False),
        (lambda z: z.clamp(min=0), False, True),
        (lambda z: 0.5 * torch.tanh(2 * z), True, False),
        (nn.functional.hardtanh_, True, True),
        (nn.SELU(inplace=True), True, False),
    ],
    ids=["tanh", "relu", "leaky", "clamp", "scaled tanh", "hardtanh", "selu"],
)
def test_the_function_that_follows(function, saturates, is_flat, tmp_path):
    row = trained(ByHand(function), tmp_path / "run", n_steps=1).layers.to_dicts()[0]
    assert row["activation_std"] > 0
    assert (row["saturated_fraction"] is not None) == saturates
    assert (row["inactive_fraction"] is not None) == is_flat


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z * torch.sigmoid(z),
        lambda z: z.softmax(-1),
        lambda z: nn.functional.dropout(z, 0.5),
        lambda z: z.sort(-1).values,
        nn.PReLU(),
    ],
    ids=["used twice", "softmax", "dropout", "sort", "of its own weight"],
)
def test_what_is_no_function_of_one_number_is_left_out(function, tmp_path):
    row = trained(ByHand(function), tmp_path / "run", n_steps=1).layers.to_dicts()[0]
    assert row["activation_std"] is row["saturated_fraction"] is row["inactive_fraction"] is None
    assert row["delta_rms"] > 0


def test_a_shared_layer_has_its_weights_alone(tmp_path):
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), shared, nn.Tanh(), shared, nn.Linear(4, 2))
    run = trained(model, tmp_path / "run", n_steps=1)
    row = run.layers.filter(layer=2).to_dicts()[0]
    assert row["delta_rms"] is row["activation_std"] is row["preactivation_std"] is None
    assert row["weight_grad_norm"] > 0
    assert row["update_ratio"] > 0


def test_a_pass_that_evaluates_is_none_of_the_step(tmp_path):
    model, (x, y) = chain([2, 8, 2]), (torch.randn(8, 2), torch.randint(0, 2, (8,)))
    with watch(model, tmp_path / "run", every_n_steps=1) as flow:
        for _ in range(2):
            loss = nn.functional.cross_entropy(model(x), y)
            model.zero_grad()
            loss.backward()
            flow.step(loss)
            model(torch.cat([x, x]))  # with a graph that nobody asks for
            with torch.no_grad():
                model(x)
    first, second = (flow.run.layers.filter(step=step) for step in (0, 1))
    assert first["delta_norm"].to_list() == pytest.approx(second["delta_norm"].to_list())


def test_frozen_layers_have_signals_and_no_gradient(tmp_path):
    model = chain([2, 8, 8, 2])
    model[0].requires_grad_(False)
    run = trained(model, tmp_path / "run", n_steps=11, every_n_steps=10)
    frozen = run.layers.filter(layer=1)
    assert frozen["preactivation_std"].null_count() == 0
    assert frozen["weight_grad_norm"].null_count() == frozen["delta_rms"].null_count() == 2
    assert frozen["update_ratio"].to_list() == [0, 0]
    assert "detached" not in {v.kind for v in run.record.verdicts}


def test_attention_is_watched_where_its_layers_are_called(tmp_path):
    tokens = torch.randint(0, 8, (64, 6))
    data = tokens, (tokens[:, 0] > 3).long()
    run = trained(Transformer(), tmp_path / "run", data, n_steps=1)
    assert run.record.layers[:4] == ["blocks.0.qkv", "blocks.0.out", "blocks.0.up", "blocks.0.down"]
    assert run.layers["sample_grad_rms"].null_count() == 0
    of_gelu = run.layers.filter(layer=3)
    assert of_gelu["activation_std"][0] > 0


def test_units_that_are_off_for_many_samples_are_dead(tmp_path):
    model = chain([2, 8, 2], nn.ReLU)
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-100.0] * 3 + [100.0] * 5))
    run = trained(model, tmp_path / "run", n_steps=4, batch_size=100, every_n_steps=1)
    dead = run.layers.filter(layer=1)["dead_fraction"].to_list()
    assert dead[:2] == [None, None]  # 200 rows are too few to say so
    assert dead[2:] == [3 / 8, 3 / 8]


def test_activation_checkpoints_stay_as_they_are(tmp_path):
    class Saving(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = chain([2, 8, 8]), nn.Linear(8, 2)

        def forward(self, x):
            return self.head(checkpoint(self.body, x, use_reentrant=False).relu())

    run = trained(Saving(), tmp_path / "run", n_steps=11)
    assert run.layers["delta_rms"].null_count() == 0
    assert run.layers.filter(layer=1)["saturated_fraction"].null_count() == 0


def test_a_weight_made_of_others_has_no_gradient_of_its_own(tmp_path):
    model = chain([2, 8, 2])
    weight_norm(model[0])
    run = trained(model, tmp_path / "run", n_steps=11)
    first = run.layers.filter(layer=1)
    assert first["weight_grad_norm"].null_count() == len(first)
    assert (first["update_ratio"] > 0).all()
    assert [verdict.kind for verdict in run.record.verdicts] == ["healthy"]


def test_a_loss_that_is_not_finite_from_the_start_is_no_matter_of_the_step(tmp_path):
    run = trained(chain([2, 8, 2]), tmp_path / "run", n_steps=3,
                  loss_fn=lambda z, y: nn.functional.cross_entropy(z, y) * math.inf)  # fmt: skip
    assert run.record.verdicts[0].words.startswith("The loss is not finite before any update")


def test_a_head_that_is_made_anew_is_watched(tmp_path):
    model = chain([2, 8, 2])
    x, y = torch.randn(32, 2), torch.randint(0, 2, (32,))
    with watch(model, tmp_path / "run", every_n_steps=1) as flow:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model[2] = nn.Linear(8, 2)
        for _ in range(3):
            loss = nn.functional.cross_entropy(model(x), y)
            model.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)
    rows = flow.run.layers.filter(layer=2)
    assert rows["weight_grad_norm"].null_count() == 0
    assert rows["update_ratio"].to_list() == [0, 0, 0]
    assert flow.run.record.verdicts[0].kind == "unoptimized"
    assert "Found others since" in flow.run.record.theory.nothing


def test_a_model_that_only_evaluates_and_attention_by_pytorch(tmp_path):
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    data = torch.randn(32, 5, 8), torch.randint(0, 5, (32,))
    model.eval()
    run = trained(model, tmp_path / "run", data, n_steps=3,
                  loss_fn=lambda z, y: nn.functional.cross_entropy(z[:, :, 0], y))  # fmt: skip
    assert {"linear1", "linear2"} <= set(run.record.layers)
    assert run.layers["delta_rms"].null_count() == 0
    assert not model.training
