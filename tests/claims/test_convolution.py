"""The small convolutional networks: as many as seeds, each trained as if alone."""

import pytest
import torch

from deltaflow.claims import convolution
from deltaflow.claims.evidence import Evidence
from deltaflow.report.collect import collect
from running import run

SETTINGS = ["data=digits", "data.train_rows=100", "data.batch_size=32", "diagnostics=off",
            "logger=none", "optimizer.lr=0.02"]  # fmt: skip


def configuration(folder, *overrides):
    run([*SETTINGS, *overrides], folder)
    (one,) = Evidence.of_runs(collect([folder])).configurations
    return one


def test_its_parameters_are_counted():
    assert convolution.n_parameters() == (9 + 1) * 8 + (9 * 8 + 1) * 16 + (16 * 16 + 1) * 10


def test_first_weights_are_those_of_the_seed_and_no_stream_is_touched():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (convolution.build(seed)[1].weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_of_many_is_the_lone_one_and_learns(tmp_path):
    stack = convolution.accuracies(
        configuration(tmp_path / "3", "seed=4", "n_seeds=3", "trainer.max_epochs=12")
    )
    lone = convolution.accuracies(configuration(tmp_path / "1", "seed=5", "trainer.max_epochs=12"))
    assert sorted(stack) == [4, 5, 6]
    assert stack[5] == pytest.approx(lone[5], abs=0.01)
    assert min(stack.values()) > 0.6
