import copy
from functools import partial

import pytest
import torch
from torch import nn

from deltaflow.nn.initializers import Normal, Torch
from deltaflow.nn.network import FullyConnected

SHAPES = [[3, 2], [4, 8, 3], [2, 7, 5, 6, 1]]


def network_of(sizes, activation=None, n_replicas=3, **options):
    network = FullyConnected(
        sizes, activation or nn.Tanh(), n_replicas, dtype=torch.float64, **options
    )
    network.initialize(Normal(1.5, 0.5), seeds=range(n_replicas))
    return network


def inputs(n_replicas, n_samples, n_features):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_replicas, n_samples, n_features, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize("phi", [nn.ReLU(), nn.LeakyReLU(0.3), nn.Sigmoid()], ids=str)
def test_a_replica_is_an_ordinary_network_with_the_outputs_of_its_slice(sizes, phi):
    network = network_of(sizes, phi)
    x = inputs(3, 11, sizes[0])
    output = network(x)
    assert output.shape == (3, 11, sizes[-1])
    for r in range(3):
        torch.testing.assert_close(network.replica(r)(x[r]), output[r], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_a_replica_consists_of_linear_layers_and_activations_in_turn(sizes):
    plain = network_of(sizes).replica(0)
    hidden = [nn.Linear, nn.Tanh] * (len(sizes) - 2)
    assert [type(module) for module in plain] == [*hidden, nn.Linear]


@pytest.mark.parametrize("normalization", ["layer", "batch"])
@pytest.mark.parametrize("training", [True, False])
def test_a_replica_is_normalised_in_the_mode_of_the_stack(normalization, training):
    network = network_of([4, 6, 5, 3], normalization=normalization)
    x = inputs(3, 7, 4)
    network(x)  # moves running averages
    network.train(training)
    for r in range(3):
        plain = network.replica(r)
        assert plain.training == training
        torch.testing.assert_close(plain(x[r]), network(x)[r], rtol=1e-12, atol=1e-13)


def test_a_hidden_block_is_linear_normalised_activated_and_dropped():
    network = network_of([4, 6, 3], normalization="batch", dropout=0.2)
    block = [nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Dropout]
    assert [type(module) for module in network.replica(0)] == [*block, nn.Linear]


def test_units_are_dropped_by_the_seeds_that_weights_were_drawn_with():
    network = FullyConnected([3, 9, 2], nn.Tanh(), 2, dropout=0.5)
    network.initialize(Normal(1.5, 0.5), seeds=[7, 8])
    alone = FullyConnected([3, 9, 2], nn.Tanh(), 1, dropout=0.5)
    alone.initialize(Normal(1.5, 0.5), seeds=[8])
    x = inputs(2, 5, 3).float()
    assert network.seeds == (7, 8)
    assert torch.equal(network(x, step=3)[1], alone(x[1:], step=3)[0])
    assert not torch.equal(network(x, step=3), network(x, step=4))
    assert torch.equal(network.eval()(x, step=3), network(x, step=4))


def test_the_output_activation_comes_last():
    network = network_of([4, 5, 3], output_activation=nn.Softmax(dim=-1))
    x = inputs(3, 6, 4)
    assert torch.allclose(network(x).sum(-1), torch.ones(3, 6, dtype=torch.float64))
    torch.testing.assert_close(network.replica(2)(x[2]), network(x)[2])


def test_networks_share_no_module():
    phi, last = nn.Tanh(), nn.Softmax(dim=-1)
    network_of([4, 5, 3], phi, output_activation=last).eval()
    assert phi.training
    assert last.training


def test_a_replica_holds_copies():
    network = network_of([2, 3, 1])
    before = network.layers[0].weight.detach().clone()
    with torch.no_grad():
        network.replica(1)[0].weight.zero_()
    assert torch.equal(network.layers[0].weight, before)


@pytest.mark.parametrize("optimizer", [partial(torch.optim.SGD, momentum=0.9), torch.optim.Adam])
def test_weights_and_all_that_is_kept_of_them_are_contiguous(optimizer):
    network = network_of([3, 6, 2])
    stored = {
        k: v.mT.contiguous().mT if v.ndim == 3 else v for k, v in network.state_dict().items()
    }
    network.load_state_dict(stored)
    made = optimizer(
        network.parameters(), **({"momentum": 0.9} if optimizer is torch.optim.SGD else {})
    )
    network(inputs(3, 5, 3)).square().sum().backward()
    made.step()
    weight = network.layers[0].weight
    kept = [v for v in made.state[weight].values() if v is not None and v.ndim == 3]
    assert weight.shape == (3, 6, 3)
    assert len(kept) > 0
    for tensor in (weight, weight.grad, copy.deepcopy(network).layers[0].weight, *kept):
        assert tensor.is_contiguous()


def test_a_replica_has_pytorchs_own_tanh():
    kinds = [type(module) for module in network_of([3, 6, 2], nn.Tanh()).replica(0)]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear]


def test_replicas_do_not_mix():
    network = network_of([3, 6, 2])
    x = inputs(3, 5, 3)
    before = network(x)
    with torch.no_grad():
        network.layers[0].weight[1] = torch.nan
    after = network(x)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert after[1].isnan().all()


def test_the_gradient_of_a_replica_is_its_own():
    network = network_of([3, 6, 2])
    x = inputs(3, 5, 3)
    network(x)[1].square().sum().backward()
    for layer in network.layers:
        assert layer.weight.grad[1].any()
        assert not layer.weight.grad[[0, 2]].any()


def test_the_global_generator_of_pytorch_is_left_alone():
    before = torch.random.get_rng_state()
    network = network_of([3, 6, 2])
    network(inputs(3, 5, 3))
    network.replica(1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_parameters_of_one_replica_are_counted():
    network = network_of([4, 8, 3], n_replicas=5)
    assert network.n_parameters == (4 * 8 + 8) + (8 * 3 + 3)
    assert network.n_parameters == sum(p.numel() for p in network.replica(0).parameters())
    normalised = network_of([4, 8, 3], n_replicas=5, normalization="layer")
    assert normalised.n_parameters == network.n_parameters + 8 + 8


def test_what_a_network_says_of_itself():
    network = network_of([4, 8, 8, 3], n_replicas=2)
    assert (network.sizes, network.depth, network.n_replicas) == ((4, 8, 8, 3), 2, 2)
    assert repr(network.layers[1]) == "StackedLinear(fan_in=8, fan_out=8, n_replicas=2)"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_are_drawn_in_double_and_rounded_once(dtype):
    network = FullyConnected([4, 3], nn.ReLU(), dtype=dtype)
    network.initialize(Torch(), seeds=[0])
    exact = FullyConnected([4, 3], nn.ReLU(), dtype=torch.float64)
    exact.initialize(Torch(), seeds=[0])
    assert network.layers[0].weight.dtype == dtype
    assert torch.equal(network.layers[0].weight, exact.layers[0].weight.to(dtype))


@pytest.mark.parametrize(
    ("sizes", "n_replicas"), [([3], 1), ([], 1), ([3, 0, 2], 1), ([3, -1], 1), ([3, 2], 0)]
)
def test_impossible_shapes_are_refused(sizes, n_replicas):
    with pytest.raises(ValueError, match=r"at least an input and an output size"):
        FullyConnected(sizes, nn.ReLU(), n_replicas)


@pytest.mark.parametrize("r", [-1, 3])
def test_a_replica_that_is_not_there_is_refused(r):
    with pytest.raises(ValueError, match=f"numbered 0 to 2. Found {r}"):
        network_of([2, 1]).replica(r)


def test_too_few_seeds_are_refused():
    with pytest.raises(ValueError, match="Found 2 seeds for 3 replicas"):
        network_of([2, 1]).initialize(Torch(), seeds=[0, 1])


def test_an_activation_with_parameters_is_refused():
    with pytest.raises(ValueError, match="PReLU"):
        FullyConnected([2, 3, 1], nn.PReLU())
