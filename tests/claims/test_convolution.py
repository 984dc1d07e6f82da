"""The small convolutional networks: as many as seeds, each trained as if alone."""

import pytest
import torch

from claims import convolution
from claims.networks import data_of
from claims.runs import Runs
from deltaflow.nn.random_streams import Stream, permutations
from running import run

SETTINGS = ["data=digits", "data.train_rows=100", "data.batch_size=32", "diagnostics=off",
            "logger=none", "optimizer.lr=0.02"]  # fmt: skip
EPOCHS = 12


def trained(folder, *overrides):
    return Runs((run([*SETTINGS, *overrides], folder),))


def test_its_parameters_are_counted():
    assert convolution.n_parameters() == (9 + 1) * 8 + (9 * 8 + 1) * 16 + (16 * 16 + 1) * 10


def test_first_weights_are_those_of_the_seed_and_no_stream_is_touched():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (convolution.build(seed)[1].weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def by_plain_loop(runs, seed: int) -> float:
    """The test accuracy of one network, trained row by row as the random streams say."""
    served = data_of(runs)
    (x, y), (test_x, test_y) = ([one[0] for one in served._parts[part]] for part in (0, 2))
    network = convolution.build(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(EPOCHS):
        (order,) = permutations([seed], Stream.ORDER, epoch, n=len(x))
        for rows in torch.from_numpy(order).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    return (network(test_x).argmax(-1) == test_y).double().mean().item()


def test_a_network_of_many_is_the_one_that_a_plain_loop_trains(tmp_path):
    runs = trained(tmp_path, "seed=4", "n_seeds=3", f"trainer.max_epochs={EPOCHS}")
    stack = convolution.accuracies(tmp_path)
    assert sorted(stack) == [4, 5, 6]
    assert stack[5] == pytest.approx(by_plain_loop(runs, seed=5), abs=0.003)  # one row of 359
    assert min(stack.values()) > 0.6
