import math

import numpy as np
import polars
import pytest
import torch
from torch import nn

from deltaflow.flow import dead_units, measurement
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.initializers import Normal
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from deltaflow.nn.task import Classification, Regression

R, B = 3, 6
SIZES = [4, 5, 7, 3]
ACTIVATIONS = [nn.ReLU(), nn.LeakyReLU(0.1), nn.Tanh(), nn.Sigmoid(), nn.ELU(), nn.Hardtanh()]
OBJECTIVES = [
    CrossEntropy(Classification(("a", "b", "c"))),
    BinaryCrossEntropy(Classification(("a", "b", "c")), 0.5),
    MeanSquaredError(Regression(("y1", "y2", "y3"), (1.0, 1.0, 1.0)), "onehot", 0.5),
]
of_each_activation = pytest.mark.parametrize("phi", ACTIVATIONS, ids=str)
of_each_objective = pytest.mark.parametrize(
    "objective", OBJECTIVES, ids=lambda objective: type(objective).__name__
)
CE = OBJECTIVES[0]


def network_of(phi, sizes=SIZES, sigma_w=2.0, dtype=torch.float64, **options):
    network = FullyConnected(sizes, phi, R, dtype=dtype, **options)
    network.initialize(Normal(sigma_w, 0.3), seeds=range(R))
    return network


def rows_of(found, network, seeds, step):
    going = np.ones(len(seeds), dtype=bool)
    fans = [(layer.fan_in, layer.fan_out) for layer in network.layers]
    return layer_rows([MeasuredStep.of([found], step, going)], fans, seeds)


def batch_of(objective, n_samples=B):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((R, n_samples, SIZES[0])))
    if isinstance(objective.task, Classification):
        return x, torch.from_numpy(rng.integers(0, 3, (R, n_samples)))
    return x, torch.from_numpy(rng.standard_normal((R, n_samples, 3)))


def measured(network, objective, x, target):
    network.zero_grad()
    with Tape(network) as tape:
        output = network(x)
    objective.sample_loss(output, target).mean(1).sum().backward()
    return measurement.measure(network, tape)


def passes_of_single_samples(network, objective, r, x, target):
    """δ, the weight gradient and the bias gradient of each layer, a list over samples."""
    plain = network.replica(r)
    linears = [module for module in plain if isinstance(module, nn.Linear)]
    samples = []
    for s in range(x.shape[1]):
        h, z = x[r, s : s + 1], []
        for module in plain:
            h = module(h)
            if isinstance(module, nn.Linear):
                z.append(h)
        loss = objective.sample_loss(h[None], target[r : r + 1, s : s + 1]).sum()
        weights = [linear.weight for linear in linears]
        biases = [linear.bias for linear in linears]
        grads = torch.autograd.grad(loss, [*z, *weights, *biases])
        samples.append([g.numpy() for g in grads])
    n = len(linears)
    by_layer = list(zip(*samples, strict=True))
    return list(zip(by_layer[:n], by_layer[n : 2 * n], by_layer[2 * n :], strict=True))


def gradients_by_hand(delta, weight, bias):
    """The columns of one layer, from lists over samples."""
    n_samples, n_weights = len(weight), weight[0].size
    batch = sum(weight) / n_samples
    second_moment = sum((g**2).sum() for g in weight) / n_samples
    columns = {
        "delta_rms": math.sqrt(sum((d**2).mean() for d in delta) / n_samples),
        "delta_norm": math.sqrt(sum((d**2).sum() for d in delta) / n_samples),
        "weight_grad_rms": math.sqrt((batch**2).mean()),
        "weight_grad_norm": math.sqrt((batch**2).sum()),
        "bias_grad_rms": math.sqrt(((sum(bias) / n_samples) ** 2).mean()),
        "sample_grad_rms": math.sqrt(second_moment / n_weights),
    }
    if n_samples > 1:
        trace = sum(((g - batch) ** 2).sum() for g in weight) / (n_samples - 1)
        columns["grad_noise_trace"] = trace
        columns["grad_signal"] = (batch**2).sum() - trace / n_samples
    return columns


@of_each_activation
@of_each_objective
def test_gradients_are_those_of_single_samples_through_ordinary_networks(phi, objective):
    network = network_of(phi)
    x, target = batch_of(objective)
    found = measured(network, objective, x, target)
    for r in range(R):
        for layer, parts in enumerate(passes_of_single_samples(network, objective, r, x, target)):
            for name, expected in gradients_by_hand(*parts).items():
                value = found[name][layer][r].item()
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-15), (name, layer)


@of_each_activation
def test_signals_are_those_of_ordinary_networks(phi):
    network = network_of(phi)
    x, target = batch_of(CE)
    found = measured(network, CE, x, target)
    for r in range(R):
        h, layer = x[r], -1
        for module in network.replica(r):
            h = module(h).detach()
            kind = "preactivation" if isinstance(module, nn.Linear) else "activation"
            layer += kind == "preactivation"
            assert found[f"{kind}_mean"][layer][r].item() == pytest.approx(h.mean().item())
            assert found[f"{kind}_std"][layer][r].item() == pytest.approx(
                h.std(correction=0).item()
            )
            if kind == "preactivation":
                q = found["preactivation_second_moment"][layer][r].item()
                assert q == pytest.approx(h.square().mean().item())
        weights = [module.weight for module in network.replica(r) if isinstance(module, nn.Linear)]
        for layer, weight in enumerate(weights):
            expected = weight.square().mean().sqrt().item()
            assert found["weight_rms"][layer][r].item() == pytest.approx(expected)


def entries_of(network, x, r, layer):
    z, n_linear = x[r], 0
    for module in network.replica(r):
        z = module(z).detach()
        n_linear += isinstance(module, nn.Linear)
        if n_linear == layer + 1:
            return z.tolist()
    raise AssertionError(layer)


SATURATED = {  # φ'(z) below a twentieth of its largest, solved for z
    nn.Sigmoid: lambda z: abs(z) > 2 * math.acosh(math.sqrt(20)),
    nn.Tanh: lambda z: abs(z) > math.acosh(math.sqrt(20)),
    nn.ELU: lambda z: z < math.log(0.05),
    nn.Hardtanh: lambda z: abs(z) >= 1,
}
FLAT = {nn.ReLU: lambda z: z <= 0, nn.Hardtanh: lambda z: abs(z) >= 1}


@of_each_activation
def test_shares_of_saturated_inactive_and_dead_units_are_counts(phi):
    network = network_of(phi, sigma_w=6.0)
    x, target = batch_of(CE)
    found = measured(network, CE, x, target)
    found["dead_fraction"] = dead_units.dead_fractions(network, x)
    saturated, flat = SATURATED.get(type(phi)), FLAT.get(type(phi))
    seen = {"saturated_fraction": 0, "inactive_fraction": 0, "dead_fraction": 0}
    for layer in range(network.depth):
        for r in range(R):
            rows = entries_of(network, x, r, layer)
            entries = [z for row in rows for z in row]
            units = list(zip(*rows, strict=True))
            expected = {
                "saturated_fraction": saturated and sum(map(saturated, entries)) / len(entries),
                "inactive_fraction": flat and sum(map(flat, entries)) / len(entries),
                "dead_fraction": flat and sum(all(map(flat, u)) for u in units) / len(units),
            }
            for name, share in expected.items():
                value = found[name][layer]
                assert (value is None) == (share is None), name
                if share is not None:
                    assert value[r].item() == pytest.approx(share), name
                    seen[name] += share > 0
    assert seen["saturated_fraction"] > 0 or saturated is None  # else nothing was counted
    assert (seen["inactive_fraction"] > 0 and seen["dead_fraction"] > 0) or flat is None


def test_the_output_layer_has_neither_activation_nor_shares():
    network = network_of(nn.Hardtanh())
    x, target = batch_of(CE)
    found = measured(network, CE, x, target)
    for name in ("activation_mean", "activation_std", "saturated_fraction", "inactive_fraction"):
        assert [value is None for value in found[name]] == [False, False, True]
    dead = dead_units.dead_fractions(network, x)
    assert [value is None for value in dead] == [False, False, True]


def test_a_linear_model_is_measured_too():
    network = network_of(nn.ReLU(), sizes=[4, 3])
    x, target = batch_of(CE)
    found = measured(network, CE, x, target)
    assert len(found["delta_rms"]) == 1
    (parts,) = passes_of_single_samples(network, CE, 1, x, target)
    assert found["delta_norm"][0][1].item() == pytest.approx(
        gradients_by_hand(*parts)["delta_norm"]
    )
    assert dead_units.dead_fractions(network, x) == [None]


def test_one_sample_has_no_noise():
    network = network_of(nn.Tanh())
    x, target = batch_of(CE, n_samples=1)
    found = measured(network, CE, x, target)
    assert found["grad_noise_trace"] == found["grad_signal"] == [None] * 3
    rows = rows_of(found, network, range(R), 0)
    for name in ("grad_noise_trace", "grad_signal", "noise_scale"):
        assert rows[name].null_count() == len(rows)


def test_the_noise_scale_is_null_where_noise_hides_the_gradient():
    found = {
        "grad_noise_trace": [torch.tensor([2.0, 2.0, 2.0, math.nan]), None],
        "grad_signal": [torch.tensor([4.0, 0.0, -1.0, math.nan]), None],
    }
    step = MeasuredStep.of([found], 0, np.ones(4, dtype=bool))
    scales = layer_rows([step], [(1, 1), (1, 1)], range(4)).filter(layer=1)["noise_scale"].to_list()
    assert scales[:3] == [0.5, None, None]
    assert math.isnan(scales[3])


def test_rows_of_the_table_carry_each_value_to_its_seed_and_layer():
    network = network_of(nn.ReLU())
    x, target = batch_of(CE)
    found = measured(network, CE, x, target)
    rows = rows_of(found, network, [7, 8, 9], 30)
    assert rows["seed"].to_list() == [7, 7, 7, 8, 8, 8, 9, 9, 9]
    assert rows["layer"].to_list() == [1, 2, 3] * 3
    assert rows["step"].unique().to_list() == [30]
    assert rows["fan_in"].to_list() == [4, 5, 7] * 3
    assert rows["fan_out"].to_list() == [5, 7, 3] * 3
    for row in rows.iter_rows(named=True):
        value = found["delta_norm"][row["layer"] - 1][row["seed"] - 7].item()
        assert row["delta_norm"] == value
        assert (row["activation_mean"] is None) == (row["layer"] == 3)
        if row["grad_signal"] > 0:
            ratio = row["grad_noise_trace"] / row["grad_signal"]
            assert row["noise_scale"] == pytest.approx(ratio)
        else:
            assert row["noise_scale"] is None


@of_each_objective
def test_tiny_error_signals_do_not_underflow(objective):
    network = network_of(nn.Tanh(), dtype=torch.float32)
    x, target = (t.float() if t.is_floating_point() else t for t in batch_of(objective))
    plain = measured(network, objective, x, target)
    shrunk = 2.0**-88  # about 3e-27, of which the square has no float32

    class Shrunk:
        def sample_loss(self, output, target):
            return shrunk * objective.sample_loss(output, target)

    found = measured(network, Shrunk(), x, target)
    assert 0 < found["delta_rms"][0].max() < 1e-25
    for name in ("delta_rms", "delta_norm", "weight_grad_norm", "sample_grad_rms", "bias_grad_rms"):
        for tiny, value in zip(found[name], plain[name], strict=True):
            torch.testing.assert_close(tiny / shrunk, value, rtol=1e-5, atol=0)
    for tiny, value in zip(found["grad_noise_trace"], plain["grad_noise_trace"], strict=True):
        torch.testing.assert_close(tiny / shrunk**2, value, rtol=1e-5, atol=0)


@of_each_activation
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_broken_replica_leaves_the_numbers_of_the_others_bit_identical(phi, poison):
    x, target = batch_of(CE)
    network = network_of(phi)
    healthy = measured(network, CE, x, target)
    healthy["dead_fraction"] = dead_units.dead_fractions(network, x)
    with torch.no_grad():
        network.layers[1].weight[1, 2, 3] = poison
    broken = measured(network, CE, x, target)
    broken["dead_fraction"] = dead_units.dead_fractions(network, x)
    for name, values in healthy.items():
        for value, other in zip(values, broken[name], strict=True):
            assert value is None or torch.equal(value[[0, 2]], other[[0, 2]]), name
    assert not broken["delta_rms"][0][1].isfinite()


@of_each_activation
def test_what_is_nan_is_not_counted_as_healthy(phi):
    network = network_of(phi)
    x, target = batch_of(CE)
    with torch.no_grad():
        network.layers[0].weight[1] = torch.nan
    found = measured(network, CE, x, target)
    found["dead_fraction"] = dead_units.dead_fractions(network, x)
    signals = [name for name in found if "activation" in name or "fraction" in name]
    rows = rows_of(found, network, range(R), 0).filter(polars.col("seed") == 1)
    for name in signals:
        for value, reached in zip(found[name], rows[name], strict=True):
            assert (reached is None) if value is None else math.isnan(reached), name


@of_each_activation
def test_measuring_leaves_outputs_gradients_and_modes_as_they_are(phi):
    x, target = batch_of(CE)
    plain, taped = network_of(phi), network_of(phi)
    CE.sample_loss(plain(x), target).mean(1).sum().backward()
    measured(taped, CE, x, target)
    dead_units.dead_fractions(taped, x)
    for ours, theirs in zip(taped.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    assert taped.training
    assert torch.equal(taped(x), plain(x))


def test_a_tape_stops_listening_when_it_is_left():
    network = network_of(nn.ReLU())
    x, _ = batch_of(CE)
    with Tape(network) as tape:
        network(x)
    network(x)
    assert len(tape.layers) == 3


def test_measuring_before_the_backward_pass_is_refused():
    network = network_of(nn.ReLU())
    x, _ = batch_of(CE)
    with Tape(network) as tape:
        network(x)
    with pytest.raises(ValueError, match=r"needs its gradients. Found none"):
        measurement.measure(network, tape)


def test_the_probe_is_run_in_evaluation_mode():
    modes = []

    class Watching(nn.ReLU):
        def forward(self, z):
            modes.append(self.training)
            return super().forward(z)

    network = network_of(Watching())
    modes.clear()
    dead_units.dead_fractions(network, batch_of(CE)[0])
    assert modes[: network.depth] == [False] * network.depth
    assert network.training
