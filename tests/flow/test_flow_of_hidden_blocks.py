"""Flow through normalisation and dropout, against ordinary networks and autograd."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from deltaflow.flow import dead_units, measurement
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.flow.tape import Tape
from deltaflow.nn.initializers import Normal
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import CrossEntropy
from deltaflow.nn.task import Classification

R, B, STEP = 3, 6, 4
SIZES = [4, 5, 7, 3]
CE = CrossEntropy(Classification(("a", "b", "c")))
BY_SAMPLE = ("sample_grad_rms", "grad_noise_trace", "grad_signal")


class Masked(nn.Module):
    """What dropout did in one step, as a fixed product."""

    def __init__(self, factors):
        super().__init__()
        self.factors = factors

    def forward(self, h):
        return h * self.factors


def rows_of(found, network, seeds, step):
    going = np.ones(len(seeds), dtype=bool)
    fans = [(layer.fan_in, layer.fan_out) for layer in network.layers]
    return layer_rows([MeasuredStep.of([found], step, going)], fans, seeds)


def network_of(phi, **options):
    network = FullyConnected(SIZES, phi, R, dtype=torch.float64, **options)
    network.initialize(Normal(2.0, 0.3), seeds=[5, 6, 7])
    with torch.no_grad():
        for module in network.normalizations:
            for parameter in module.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=_draw()))
    return network


def _draw():
    return torch.Generator().manual_seed(1)


def batch():
    x = torch.randn(R, B, SIZES[0], generator=_draw(), dtype=torch.float64)
    return x, torch.arange(R * B).view(R, B) % 3


def measured(network, x, target, **options):
    with Tape(network) as tape:
        output = network(x, STEP)
    CE.sample_loss(output, target).mean(1).sum().backward()
    return measurement.measure(network, tape, **options)


def plain_replica(network, r):
    """The replica in the mode of training, dropout as the mask of that step."""
    modules, layer = [], 0
    for module in network.replica(r):
        if isinstance(module, nn.Dropout):
            ones = torch.ones(R, B, SIZES[layer + 1], dtype=torch.float64)
            modules.append(Masked(network.dropouts[layer](ones, network.seeds, STEP)[r]))
            layer += 1
        else:
            modules.append(module)
    return nn.Sequential(*modules)


def passed_through(plain, x, target):
    """δ (of the whole batch's loss), what each linear layer was fed, and what φ was."""
    h, z, fed, u = x, [], [], []
    for module in plain:
        if isinstance(module, nn.Linear):
            fed.append(h)
        if isinstance(module, nn.Tanh):
            u.append(h)
        h = module(h)
        if isinstance(module, nn.Linear):
            z.append(h)
    loss = CE.sample_loss(h[None], target[None]).sum()
    return torch.autograd.grad(loss, z), fed, u


@pytest.mark.parametrize(
    "options",
    [{"normalization": "layer"}, {"dropout": 0.4}, {"normalization": "layer", "dropout": 0.4}],
    ids=str,
)
def test_gradients_of_single_samples_are_those_of_ordinary_networks(options):
    network = network_of(nn.Tanh(), **options)
    x, target = batch()
    found = measured(network, x, target)
    for r in range(R):
        plain = plain_replica(network, r)
        weights = [module.weight for module in plain if isinstance(module, nn.Linear)]
        losses = CE.sample_loss(plain(x[r])[None], target[r][None])[0]
        by_sample = [torch.autograd.grad(loss, weights, retain_graph=True) for loss in losses]
        deltas, _, _ = passed_through(plain, x[r], target[r])
        for layer, gradients in enumerate(zip(*by_sample, strict=True)):
            stacked = torch.stack(gradients)
            mean, n = stacked.mean(0), len(gradients)
            trace = float((stacked - mean).square().sum()) / (n - 1)
            expected = {
                "delta_rms": float(deltas[layer].square().mean().sqrt()),
                "weight_grad_norm": float(mean.norm()),
                "sample_grad_rms": float(stacked.square().mean().sqrt()),
                "grad_noise_trace": trace,
                "grad_signal": float(mean.square().sum()) - trace / n,
            }
            for name, value in expected.items():
                assert found[name][layer][r].item() == pytest.approx(value, rel=1e-9), name


def test_batch_normalisation_leaves_the_batchs_gradients_and_no_samples():
    network = network_of(nn.Tanh(), normalization="batch", dropout=0.2)
    x, target = batch()
    found = measured(network, x, target)
    for r in range(R):
        deltas, _, _ = passed_through(plain_replica(network, r), x[r], target[r])
        for layer, delta in enumerate(deltas):
            value = found["delta_norm"][layer][r].item()
            assert value == pytest.approx(math.sqrt(float(delta.square().sum()) / B), rel=1e-9)
    assert not set(BY_SAMPLE) & set(found)
    rows = rows_of(found, network, network.seeds, STEP)
    for name in (*BY_SAMPLE, "noise_scale"):
        assert rows[name].null_count() == len(rows)
    assert rows["delta_norm"].null_count() == 0


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_signals_are_taken_before_normalisation_and_shares_after_it(normalization):
    network = network_of(nn.Tanh(), normalization=normalization)
    with torch.no_grad():
        for module in network.normalizations:
            module.weight.mul_(3)
    x, target = batch()
    found = measured(network, x, target)
    for r in range(R):
        plain = plain_replica(network, r)
        _, fed, u = passed_through(plain, x[r], target[r])
        linears = [module for module in plain if isinstance(module, nn.Linear)]
        for layer in range(network.depth):
            z = linears[layer](fed[layer])
            assert found["preactivation_std"][layer][r].item() == pytest.approx(
                float(z.detach().std(correction=0))
            )
            saturated = u[layer].abs() > math.acosh(math.sqrt(20))
            share = found["saturated_fraction"][layer][r].item()
            assert share == pytest.approx(float(saturated.double().mean()))
            assert share != float((z.abs() > math.acosh(math.sqrt(20))).double().mean())


def test_death_is_judged_at_the_input_of_the_activation():
    network = network_of(nn.ReLU(), normalization="batch")
    with torch.no_grad():
        network.normalizations[0].weight[1, 2] = 0
        network.normalizations[0].bias[1, 2] = -1  # off for every sample
        network.normalizations[0].bias[0] = 100  # on for every sample
    x, _ = batch()
    dead = dead_units.dead_fractions(network, x)
    assert dead[0][0] == 0
    assert dead[0][1] >= 1 / SIZES[1]
    assert dead[-1] is None


def test_the_probe_leaves_running_averages_and_dropped_units_as_they_are():
    network = network_of(nn.ReLU(), normalization="batch", dropout=0.5)
    x, _ = batch()
    expected = network(x, STEP)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    dead_units.dead_fractions(network, x)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(network(x, STEP), expected)


def test_the_effective_rank_is_that_of_the_activations_before_dropout():
    network = network_of(nn.Tanh(), dropout=0.4)
    x, target = batch()
    found = measured(network, x, target, effective_rank=True)["effective_rank"]
    for r in range(R):
        _, _, u = passed_through(plain_replica(network, r), x[r], target[r])
        for layer, activations in enumerate(entries.detach().tanh() for entries in u):
            values = torch.linalg.svdvals(activations)
            entropy = torch.distributions.Categorical(values / values.sum()).entropy()
            assert found[layer][r].item() == pytest.approx(entropy.exp().item())
    assert found[-1] is None
    assert "effective_rank" not in measured(network, x, target)
