import numpy as np
import pytest
import torch
from torch import nn

from deltaflow.nn.layers import StackedBatchNorm, StackedDropout, StackedLayerNorm
from deltaflow.nn.random_streams import Stream, keep_mask

R, B, N = 3, 8, 5
NORMALIZATIONS = pytest.mark.parametrize("stacked", [StackedLayerNorm, StackedBatchNorm])


def pre_activations(seed=0):
    draw = torch.Generator().manual_seed(seed)
    scale = torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64).view(R, 1, 1)
    return 3 + scale * torch.randn(R, B, N, generator=draw, dtype=torch.float64)


def trained(stacked):
    """A layer, and R plain ones, some steps of training away from their start."""
    layer = stacked(N, R, torch.float64)
    plain = [layer.replica(r) for r in range(R)]
    parameters = [p for module in plain for p in module.parameters()]
    optimizers = [torch.optim.SGD(p, lr=0.1) for p in (layer.parameters(), parameters)]
    for step in range(5):
        z = pre_activations(step)
        outputs = [layer(z), torch.stack([plain[r](z[r]) for r in range(R)])]
        for optimizer, output in zip(optimizers, outputs, strict=True):
            optimizer.zero_grad()
            (output.square().mean(1).sum() + output.sin().sum()).backward()
            optimizer.step()
    return layer, plain


@NORMALIZATIONS
@pytest.mark.parametrize("training", [True, False])
def test_each_replica_is_normalised_as_by_pytorch(stacked, training):
    layer, plain = trained(stacked)
    z = pre_activations(seed=9)
    found = layer.train(training)(z)
    expected = torch.stack([plain[r].train(training)(z[r]) for r in range(R)])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(layer.weight, torch.ones(R, N, dtype=torch.float64))


def test_running_averages_are_those_of_pytorch():
    layer, plain = trained(StackedBatchNorm)
    for name in ("running_mean", "running_var"):
        expected = torch.stack([getattr(module, name) for module in plain])
        torch.testing.assert_close(getattr(layer, name), expected, rtol=1e-13, atol=0)


@NORMALIZATIONS
def test_the_plain_layer_of_a_replica_holds_copies(stacked):
    layer, _ = trained(stacked)
    plain = layer.replica(1)
    z = pre_activations(seed=9)
    expected = layer.eval()(z)[1]
    torch.testing.assert_close(plain.eval()(z[1]), expected, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        plain.weight.zero_()
    torch.testing.assert_close(layer(z)[1], expected)


@NORMALIZATIONS
def test_a_replica_that_is_not_finite_spoils_no_other(stacked):
    layer = stacked(N, R, torch.float64)
    z = pre_activations()
    expected = layer(z)
    z[1, 0, 0] = torch.nan
    found = layer(z)
    assert torch.equal(found[[0, 2]], expected[[0, 2]])
    assert found[1].isnan().any()


def test_what_is_dropped_is_a_function_of_seed_step_and_layer():
    seeds = [7, 8, 2**40]
    dropout = StackedDropout(0.4, layer=2)
    h = torch.ones(R, B, N)
    found = dropout(h, seeds, step=11)
    for r, seed in enumerate(seeds):
        staying = keep_mask([seed], Stream.DROPOUT, 11, 2, rate=0.4, n=B * N).reshape(B, N)
        assert torch.equal(found[r], torch.from_numpy(staying) / 0.6)
    assert torch.equal(dropout(h, seeds, step=11), found)
    alone = dropout(h[:1], seeds[1:2], step=11)
    assert torch.equal(alone[0], found[1])
    others = [
        dropout(h, seeds, step=12),
        StackedDropout(0.4, layer=1)(h, seeds, step=11),
        dropout(h, [1, 2, 3], step=11),
    ]
    assert not any(torch.equal(other, found) for other in others)


def test_the_expected_activation_is_kept():
    n = 200
    dropped = StackedDropout(0.3, layer=1)(torch.full((1, n, n), 2.0), seeds=[0], step=0)
    share = float((dropped == 0).double().mean())
    deviation = np.sqrt(0.3 * 0.7) / n
    assert abs(share - 0.3) < 4 * deviation
    assert dropped.unique().tolist() == pytest.approx([0, 2 / 0.7])


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_nothing_is_dropped_in_evaluation_or_at_rate_0(rate, training):
    h = pre_activations()
    dropout = StackedDropout(rate, layer=1).train(training)
    assert dropout(h, seeds=[0, 1, 2], step=0) is h


def test_dropout_keeps_the_type_of_its_input():
    h = torch.ones(1, B, N, dtype=torch.bfloat16)
    assert StackedDropout(0.5, layer=1)(h, seeds=[0], step=0).dtype == torch.bfloat16


def test_what_layers_say_of_themselves():
    assert repr(StackedDropout(0.25, layer=1)) == "StackedDropout(rate=0.25)"
    assert isinstance(StackedLayerNorm(N, R).replica(0), nn.LayerNorm)
