"""A stack that is trained in parts is the stack that is trained as a whole."""

import threading

import pytest
import torch
from polars.testing import assert_frame_equal
from torch import nn

from deltaflow.nn.initializers import Normal
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import CrossEntropy, MeanSquaredError
from deltaflow.nn.stacking import JoinedObjective, joined_network, network_slice, objective_slice
from deltaflow.nn.task import Classification
from deltaflow.training import parts as in_parts
from deltaflow.training.workers import Workers
from running import run

R = 5
TASK = Classification(("a", "b", "c"))
SETTINGS = ["data=iris", "trainer.max_epochs=3", "trainer.precision=64-true", f"n_seeds={R}",
            "network.depth=3", "network.width=8", "diagnostics.every_n_steps=5",
            "diagnostics.histogram_every_n_steps=9", "trainer.gradient_clip_norm=0.3",
            "network.normalization=batch", "network.dropout=0.2", "logger=tensorboard"]  # fmt: skip


def network_of(phi, n_replicas, dropout=0.0):
    network = FullyConnected([4, 6, 3], phi, n_replicas, dropout=dropout, normalization="batch")
    network.initialize(Normal(1.0, 0.1), seeds=range(n_replicas))
    return network


@pytest.mark.parametrize(("optimizer", "tolerance"), [("sgd", 1e-9), ("adam", 1e-6)])
def test_a_run_in_parts_is_the_run_as_a_whole(optimizer, tolerance, tmp_path, monkeypatch):
    settings = [*SETTINGS, f"optimizer={optimizer}"]
    whole = run(settings, tmp_path / "whole")
    starts = set()
    evaluate_with_gradients = in_parts.Part.evaluate_with_gradients

    def watched(part, *arguments, **settings):
        starts.add(part.replicas.start)
        return evaluate_with_gradients(part, *arguments, **settings)

    monkeypatch.setattr(in_parts, "_WHOLE_BYTES", 2000)
    monkeypatch.setattr(in_parts, "_PART_BYTES", 2000)
    monkeypatch.setattr(in_parts.Part, "evaluate_with_gradients", watched)
    cut = run([*settings, "trainer.threads=2"], tmp_path / "cut")
    assert len(starts) > 1
    found, expected = cut.network.state_dict(), whole.network.state_dict()
    for name, theirs in expected.items():
        torch.testing.assert_close(found[name], theirs, rtol=tolerance, atol=1e-12)
    for table in ("layers", "metrics"):
        ours, theirs = getattr(cut, table), getattr(whole, table)
        assert len(theirs) > 0
        assert_frame_equal(ours, theirs, check_exact=False, rel_tol=10 * tolerance, abs_tol=1e-12)


@pytest.mark.parametrize("replicas", [slice(0, 2), slice(1, 4), slice(2, 5)])
def test_a_piece_is_some_of_the_replicas_and_shares_their_memory(replicas):
    whole = joined_network([network_of(nn.Tanh(), 2, 0.5), network_of(nn.ReLU(), 3)], [0, 1])
    part = network_slice(whole, replicas)
    x = torch.randn(5, 7, 4, generator=torch.Generator().manual_seed(0))
    expected = whole(x, step=3)[replicas]
    for buffer in whole.buffers():
        assert buffer.any()
    assert torch.equal(part.eval()(x[replicas]), whole.eval()(x)[replicas])
    assert torch.equal(part.train()(x[replicas], step=3), expected)
    with torch.no_grad():
        part.layers[0].weight.zero_()
    assert not whole.layers[0].weight[replicas].any()
    assert whole.layers[0].weight.any()
    assert sum(size for size, _ in part.trait_ranges) == replicas.stop - replicas.start


def test_an_objective_is_cut_where_it_changes():
    first, second = CrossEntropy(TASK), MeanSquaredError(TASK, "onehot", 0.5)
    both = JoinedObjective([first, second], [2, 3])
    assert objective_slice(both, slice(0, 2)) is first
    assert objective_slice(both, slice(3, 5)) is second
    output, target = torch.randn(5, 4, 3), torch.tensor([0, 1, 2, 0]).expand(5, 4)
    cut = objective_slice(both, slice(1, 4)).sample_loss(output[1:4], target[1:4])
    assert torch.equal(cut, both.sample_loss(output, target)[1:4])


def test_weights_of_folds_stay_with_their_replicas():
    first, second = CrossEntropy(TASK), CrossEntropy(TASK)
    first.weights = torch.tensor([[1.0, 2, 3], [4, 5, 6]], dtype=torch.float64)
    second.weights = 10 * first.weights
    output, target = torch.randn(7, 3, 3), torch.tensor([0, 1, 2]).expand(7, 3)
    usual = CrossEntropy(TASK).sample_loss(output, target)
    rows = torch.tensor([[1, 2, 3], [4, 5, 6]] * 2)
    torch.testing.assert_close(first.sample_loss(output[:4], target[:4]), usual[:4] * rows)
    both = JoinedObjective([first, second], [4, 3])
    whole = both.sample_loss(output, target)
    torch.testing.assert_close(whole[4:], usual[4:] * 10 * rows[:3])
    for replicas in (slice(0, 3), slice(1, 4), slice(3, 7), slice(5, 7), slice(2, 6)):
        cut = objective_slice(both, replicas)
        assert torch.equal(cut.sample_loss(output[replicas], target[replicas]), whole[replicas])
        twice = objective_slice(cut, slice(1, 2)).sample_loss(
            output[replicas][1:2], target[replicas][1:2]
        )
        assert torch.equal(twice, whole[replicas][1:2])


@pytest.mark.parametrize(("width", "n_replicas", "n_parts"), [
    (8, 64, 1), (32, 1, 1), (1000, 1, 1), (1000, 3, 2), (32, 1000, 2),
])  # fmt: skip
def test_small_stacks_are_one_part_and_large_ones_are_cut(width, n_replicas, n_parts):
    network = FullyConnected([4, width, width, 3], nn.ReLU(), n_replicas)
    assert in_parts.number_of_parts(network, 16) == n_parts


def test_the_first_error_of_several_parts_is_raised():
    parts = in_parts.split_into_parts(network_of(nn.Tanh(), 4), CrossEntropy(TASK), 2)

    def do(part):
        raise ArithmeticError(part.replicas.start)

    workers = Workers()
    with workers.threads(2), pytest.raises(ArithmeticError, match="0"):
        workers.each(parts, do)


@pytest.mark.parametrize("with_gradients", [True, False])
def test_threads_work_at_the_same_time_and_results_are_in_order(with_gradients):
    parts = in_parts.split_into_parts(network_of(nn.Tanh(), 6), CrossEntropy(TASK), 6)
    both_are_here = threading.Barrier(2)

    def do(part):
        both_are_here.wait(timeout=600)
        return part.replicas.start, torch.is_grad_enabled()

    workers = Workers()
    with workers.threads(2), torch.set_grad_enabled(with_gradients):
        found = workers.each(parts, do)
    assert found == [(start, with_gradients) for start in range(6)]


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_a_choice_of_kernels_is_left_as_it_is(kind):
    parameter = nn.Parameter(torch.ones(2, 3))
    assert in_parts.fused(kind([parameter])).param_groups[0]["fused"]
    assert not in_parts.fused(kind([parameter], foreach=True)).param_groups[0]["fused"]
    assert "fused" not in in_parts.fused(torch.optim.Adadelta([parameter])).param_groups[0]
