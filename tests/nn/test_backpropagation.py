"""The chain rule written out against autograd."""

import pytest
import torch
from torch import nn

from deltaflow.flow.tape import Tape
from deltaflow.nn.activations import Tanh
from deltaflow.nn.backpropagation import Backpropagation
from deltaflow.nn.initializers import He, Normal
from deltaflow.nn.network import FullyConnected, has_hooks
from deltaflow.nn.slopes import formula
from deltaflow.nn.stacking import joined_network

WITH_FORMULA = [Tanh(), nn.Sigmoid(), nn.ReLU(), nn.LeakyReLU(0.2)]
WITHOUT = [nn.Tanh(), nn.ELU(), nn.SELU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardtanh()]


def network_of(phi, n_replicas=3, sizes=(4, 6, 5, 2), **settings):
    network = FullyConnected(sizes, phi, n_replicas, dtype=torch.float64, **settings)
    network.initialize(Normal(1.2, 0.3), seeds=range(n_replicas))
    return network


def inputs(network, n_rows=7, seed=0):
    stream = torch.Generator().manual_seed(seed)
    shape = (network.n_replicas, n_rows, network.sizes[0])
    return torch.randn(shape, generator=stream, dtype=torch.float64)


def assert_as_autograd(network, by_formula, x, step=0):
    """Outputs, gradients of all parameters, and what went through each layer."""
    with Tape(network) as tape:
        output = network(x, step)
    network.zero_grad()
    output.sin().sum().backward()
    expected = {name: p.grad.clone() for name, p in network.named_parameters()}
    found = by_formula.forward(x, step)
    torch.testing.assert_close(found, output.detach(), rtol=1e-12, atol=1e-14)
    by_formula.backward(found.cos())
    for name, parameter in network.named_parameters():
        assert parameter.grad.shape == parameter.shape
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(by_formula.passes, tape.layers, strict=True):
        torch.testing.assert_close(ours.z.grad, theirs.z.grad, rtol=1e-10, atol=1e-12)
        for name in ("inputs", "z", "u", "h"):
            one, other = getattr(ours, name), getattr(theirs, name)
            assert (one is None) == (other is None)
            if one is not None:
                torch.testing.assert_close(one, other.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("phi", [*WITH_FORMULA, *WITHOUT], ids=repr)
@pytest.mark.parametrize("n_replicas", [1, 3])
def test_gradients_are_autograd_s(phi, n_replicas):
    network = network_of(phi, n_replicas)
    assert_as_autograd(network, Backpropagation(network), inputs(network))


@pytest.mark.parametrize("sizes", [(4, 2), (1, 1, 1), (3, 9, 9, 9, 9, 1)])
def test_of_any_sizes(sizes):
    network = network_of(Tanh(), sizes=sizes)
    assert_as_autograd(network, Backpropagation(network), inputs(network))


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_with_normalisation_and_dropout(normalization, dropout):
    network = network_of(nn.ReLU(), normalization=normalization, dropout=dropout)
    for step in range(2):  # each drops others
        assert_as_autograd(network, Backpropagation(network), inputs(network), step)


@pytest.mark.parametrize("kinds", [[nn.ReLU(), Tanh()], [nn.ReLU(), nn.GELU()]], ids=repr)
def test_of_runs_with_their_own_activations(kinds):
    network = joined_network([network_of(phi, n) for n, phi in enumerate(kinds, 2)], [0, 1])
    assert_as_autograd(network, Backpropagation(network), inputs(network))


def test_memory_is_used_again_and_batches_may_differ_in_size():
    network = network_of(nn.ReLU())
    by_formula = Backpropagation(network)
    for seed, n_rows in enumerate([7, 3, 7, 1, 3]):
        assert_as_autograd(network, by_formula, inputs(network, n_rows, seed))
    x = inputs(network)
    assert by_formula.forward(x).data_ptr() == by_formula.forward(x + 1).data_ptr()


def test_updates_in_place_are_seen():
    network = network_of(Tanh())
    by_formula = Backpropagation(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    assert_as_autograd(network, by_formula, inputs(network))


@pytest.mark.parametrize("phi", WITH_FORMULA, ids=repr)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 0.0])
def test_what_is_not_finite_goes_through_as_in_autograd(phi, value):
    u = torch.tensor([value, 0.5], dtype=torch.float64, requires_grad=True)
    phi(u).backward(torch.ones(2, dtype=torch.float64))
    h, slope = torch.empty(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    made = formula(phi)
    made.apply(u.detach(), h)
    made.multiply_by_slope(slope, u.detach(), h)
    torch.testing.assert_close(h, phi(u).detach(), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(slope, u.grad, rtol=0, atol=0, equal_nan=True)


HOOKS = {
    "forward": lambda network: network.activations[0].register_forward_hook(print),
    "backward": lambda network: network.layers[0].register_full_backward_hook(print),
    "gradient": lambda network: network.layers[1].weight.register_hook(print),
    "accumulated": lambda n: n.layers[1].bias.register_post_accumulate_grad_hook(print),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_are_found(kind):
    network = network_of(nn.ReLU())
    assert not has_hooks(network)
    hook = HOOKS[kind](network)
    assert has_hooks(network)
    hook.remove()
    assert not has_hooks(network)


def test_a_step_in_single_precision_is_autograd_s_to_rounding():
    network = FullyConnected([4, 32, 32, 3], Tanh(), 5)
    network.initialize(He(), seeds=range(5))
    x = inputs(network).float()
    network(x).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    by_formula = Backpropagation(network)
    by_formula.backward(2 * by_formula.forward(x))
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-5)
