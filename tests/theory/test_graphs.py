"""Graphs against closed forms, against the recursion of plain chains, and against networks."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from deltaflow.nn.initializers import Normal, Torch
from deltaflow.theory import Graph, Moments, NoTheoryError, predict, propagate, trace
from deltaflow.theory.graphs.batches import NormalizedBatch
from deltaflow.theory.graphs.operations import (
    BatchNorm,
    Dropout,
    Elementwise,
    LayerNorm,
    Linear,
    Source,
    Sum,
)

WIDTH, BLOCKS = 512, 20


def source(*second_moments):
    return Source(np.array(second_moments), np.zeros(len(second_moments)))


def chain(sizes, phi, weight, bias, fed, dropout=0.0):
    """Linear layers with φ between them."""
    moments, operations = Moments(phi), [fed]
    for number, units in enumerate(sizes[1:]):
        if number:
            operations.append(Elementwise(len(operations) - 1, moments))
            if dropout:
                operations.append(Dropout(len(operations) - 1, dropout))
        operations.append(Linear(len(operations) - 1, weight, bias, units))
    return Graph(operations)


def branches(n_blocks, weight, norm=None):
    """h + W₂ relu(W₁ h), or of the normalised h."""
    operations = [source(1.0)]
    for _ in range(n_blocks):
        start = last = len(operations) - 1
        if norm is not None:
            operations.append(norm(start))
            last = len(operations) - 1
        operations += [Linear(last, weight, 0.0, 8), Elementwise(last + 1, Moments(nn.ReLU()))]
        operations += [Linear(last + 2, weight, 0.0, 8), Sum((start, last + 3), (1.0, 1.0))]
    return Graph(operations)


@pytest.mark.parametrize("phi", [nn.ReLU(), nn.Tanh()])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_chain_is_that_of_the_recursion(phi, dropout):
    sizes, q = [4, 9, 7, 8, 3], np.array([0.3, 1.0, 2.5])
    expected = predict(sizes, Moments(phi), Normal(1.3, 0.2), q[:1], dropout)
    found = propagate(chain(sizes, phi, 1.69, 0.04, source(*q), dropout))
    each = found.preactivation_second_moment
    np.testing.assert_allclose(each[:, 0], expected.preactivation_second_moment)
    square = found.delta_square[:, 0]
    np.testing.assert_allclose(np.sqrt(square[:-1] / square[-2]), expected.delta_norm)
    one = propagate(chain(sizes, phi, 1.69, 0.04, source(q[0]), dropout)).sample_grad_rms
    np.testing.assert_allclose(one[:-1] / one[-2], expected.sample_grad_rms)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_matrix_between_samples_has_the_diagonal_that_its_diagonal_has(dropout):
    sizes, x = [4, 9, 7, 8, 3], np.random.default_rng(0).standard_normal((5, 4))
    products = x @ x.T / 4
    of = [chain(sizes, nn.Tanh(), 1.69, 0.04, Source(k, x.mean(1)), dropout)
          for k in (products, np.diag(products))]  # fmt: skip
    for name in ("preactivation_second_moment", "delta_square", "input_second_moment"):
        whole, each = (getattr(propagate(graph), name) for graph in of)
        np.testing.assert_allclose(whole, each, rtol=1e-7)


def test_a_linear_residual_block_multiplies_by_one_and_its_variance():
    operations = [source(2.0)]
    for at in range(0, 20, 2):
        operations += [Linear(at, 0.3, 0.0, 8), Sum((at, at + 1), (1.0, 1.0))]
    found = propagate(Graph(operations))
    np.testing.assert_allclose(found.input_second_moment[:, 0], 2 * 1.3 ** np.arange(10))
    np.testing.assert_allclose(found.delta_square[:, 0], 1.3 ** np.arange(9, -1, -1))


def test_a_residual_block_of_he_and_relu_triples():
    found = propagate(branches(10, weight=2.0))
    np.testing.assert_allclose(found.input_second_moment[::2, 0], 3.0 ** np.arange(10))
    np.testing.assert_allclose(found.delta_square[1::2, 0], 3.0 ** np.arange(9, -1, -1))


@pytest.mark.parametrize("is_centred", [True, False])
def test_behind_normalisation_signals_grow_by_as_much_in_each_block(is_centred):
    found = propagate(branches(10, 2.0, lambda at: LayerNorm(at, 0.0, is_centred=is_centred)))
    q = 1 + 2 * np.arange(11.0)  # of h, in front of each block
    np.testing.assert_allclose(found.preactivation_second_moment[::2, 0], 2.0)
    gain = np.cumprod((1 + 2 / q[:-1])[::-1])[::-1]  # 1 by h, 2/q by the branch
    np.testing.assert_allclose(found.delta_square[1::2, 0], [*gain[1:], 1.0])


def test_two_ways_from_one_signal_to_one_sum_add_up_as_they_are():
    operations = [source(1.0), Linear(0, 2.0, 0.0, 8), Sum((1, 1), (1.0, 3.0))]
    found = propagate(Graph(operations))
    assert found.delta_square[0] == pytest.approx(16)


@pytest.mark.parametrize("n", [8, 24])
def test_batch_normalisation_makes_gradients_of_linear_networks_explode(n):
    """By (n − 2)/(n − 3) a layer (Yang et al. 2019, arXiv:1902.08129)."""
    operations = [Source(np.eye(n), np.zeros(n))]
    for at in range(0, 24, 2):
        operations += [Linear(at, 1.7, 0.0, 8), BatchNorm(at + 1, 0.0)]
    square = propagate(Graph(operations)).delta_square.mean(-1)
    assert (square[1] / square[9]) ** (1 / 8) == pytest.approx((n - 2) / (n - 3), rel=0.006)


def test_gradients_go_back_through_a_batch_by_the_derivative_of_each_draw():
    draw, n = np.random.default_rng(0), 6
    z, g = draw.standard_normal((n, 9)), draw.standard_normal((n, 4))
    batch = NormalizedBatch.of(z @ z.T / 9, 0.1, 1.0)
    slope = draw.standard_normal(batch.u.shape)
    each = [(np.eye(n) - 1 / n - np.outer(u, u) / n) / deviation * s
            for u, deviation, s in zip(batch.u, batch.deviation, slope, strict=True)]  # fmt: skip
    expected = np.mean([d @ (g @ g.T) @ d.T for d in each], 0)
    np.testing.assert_allclose(batch.back(g @ g.T, slope), expected, rtol=1e-12, atol=1e-14)


def test_no_square_of_a_gradient_is_negative_where_next_to_nothing_goes_back():
    draw = np.random.default_rng(1)
    for _ in range(20):
        z, g = draw.standard_normal((2, 3)), draw.standard_normal((2, 2))
        batch = NormalizedBatch.of(1e9 * z @ z.T, 1e-5, 1.0)
        square = np.diagonal(batch.back(g @ g.T, np.ones_like(batch.u)))
        assert (square >= 0).all()


class Residual(nn.Module):
    def __init__(self, norm, is_behind=False):
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm, self.is_behind = norm(WIDTH), is_behind

    def forward(self, h):
        if self.is_behind:
            return self.norm(h + self.second(functional.relu(self.first(h))))
        return h + self.second(functional.relu(self.first(self.norm(h)), inplace=True))


def measured(model, x):
    """δ norm of each linear layer, for gradients of the output that are drawn at random."""
    norms, layers = {}, [m for m in model.modules() if isinstance(m, nn.Linear)]

    def listen(layer, _, z):
        z.register_hook(lambda delta: norms.__setitem__(layer, float(delta.square().sum())))

    hooks = [layer.register_forward_hook(listen) for layer in layers]
    out = model(x)
    out.backward(torch.randn_like(out))
    for hook in hooks:
        hook.remove()
    return np.sqrt([norms[layer] for layer in layers])


def rate(norms):
    """By what δ changes per layer going back, over all layers but the last."""
    inner = np.log(norms[:-1])
    return math.exp(-np.polyfit(np.arange(len(inner)), inner, 1)[0])


def plain(norm, dropout=0.0):
    layers = [nn.Linear(10, WIDTH)]
    for _ in range(10):
        layers += [norm(WIDTH), nn.Tanh(), nn.Dropout(dropout), nn.Linear(WIDTH, WIDTH)]
    return nn.Sequential(*layers)


MODELS = {
    "residual": lambda: residual(lambda _: nn.Identity()),
    "residual, layer norm in front": lambda: residual(nn.LayerNorm),
    "residual, RMS norm in front": lambda: residual(nn.RMSNorm),
    "residual, layer norm behind": lambda: residual(nn.LayerNorm, True),
    "residual, batch norm in front": lambda: residual(nn.BatchNorm1d, n_blocks=5),
    "chain": lambda: plain(lambda _: nn.Identity()),
    "chain, layer norm": lambda: plain(nn.LayerNorm),
    "chain, batch norm": lambda: plain(nn.BatchNorm1d),
    "chain, dropout": lambda: plain(lambda _: nn.Identity(), 0.2),
}


def residual(norm, is_behind=False, n_blocks=BLOCKS):
    blocks = [Residual(norm, is_behind) for _ in range(n_blocks)]
    return nn.Sequential(nn.Linear(10, WIDTH), *blocks, nn.Linear(WIDTH, WIDTH))


@pytest.mark.parametrize("name", MODELS)
def test_networks_of_512_units_decay_as_predicted(name):
    torch.manual_seed(0)
    model, x = MODELS[name](), torch.randn(16, 10)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.in_features))
    found = propagate(trace(model, x))
    true, said = measured(model, x), found.delta_norm
    assert rate(said) == pytest.approx(rate(true), rel=0.02)
    if abs(math.log(rate(true))) > 0.03:
        assert math.log(rate(said)) == pytest.approx(math.log(rate(true)), rel=0.1)
    assert np.abs(np.log(said / said[-2]) - np.log(true / true[-2])).max() < 0.25


def test_tracing_leaves_the_model_as_it_is():
    torch.manual_seed(0)
    model = plain(nn.BatchNorm1d)
    before, drawn = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    propagate(trace(model, torch.randn(8, 10, generator=torch.Generator().manual_seed(0))))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_what_depends_on_no_layer_is_taken_as_it_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(5, 3, 4)
    found = propagate(trace(model, x))
    np.testing.assert_allclose(found.input_second_moment[0], x.square().mean((1, 2)), rtol=1e-6)
    weight, bias = Torch().weight_variance(12, 8), Torch().bias_variance(12)
    expected = 12 * weight * found.input_second_moment[0] + bias
    np.testing.assert_allclose(found.preactivation_second_moment[0], expected, rtol=0.3)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x) * self.b(x)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else x


class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        z = self.a(x)
        return z + z.relu()


class Again(nn.Module):
    """As a residual network with φ behind its sums."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = self.a(x).relu()
        return (h + self.b(h)).relu()


def trained_norm():
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    nn.init.normal_(model[1].weight)
    return model


def alike():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8))
    nn.init.ones_(model[1].weight)
    return model


SHARED = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Gated(), "`mul` of several tensors"),
        (Branching(), "torch.fx can trace"),
        (Around(), "a function of itself"),
        (Again(), "Gaussian signals"),
        (nn.Sequential(SHARED, SHARED), "called twice"),
        (trained_norm(), "have been trained"),
        (alike(), "not drawn around 0"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1)), "no function of one number"),
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval(), "BatchNorm1d"),
        (nn.Sequential(nn.Conv1d(4, 4, 1)), "Conv1d"),
        (nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), "Gaussian signals"),
    ],
)  # fmt: skip
def test_where_there_is_none_it_says_so(model, words):
    with pytest.raises(NoTheoryError, match="Theory") as raised:
        propagate(trace(model, torch.ones(3, 4)))
    assert words in str(raised.value)
