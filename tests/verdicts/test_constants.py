"""What constant outputs give, against closed forms, hand calculation and brute force."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from deltaflow.nn.network import OUTPUT_ACTIVATIONS
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy, MeanSquaredError, Objective
from deltaflow.nn.task import Classification, Regression
from deltaflow.verdicts.evidence import constants

COUNTS = [[5, 5], [9, 1], [4, 4, 4], [7, 2, 1], [1, 2, 3, 4]]
SQUASHES = [None, *OUTPUT_ACTIVATIONS.values()]
SIZE, PLACE = Regression(("size",), (1.0,)), Regression(("x", "y"), (1.0, 1.0))
PLACES = torch.tensor([[1.0, -2.0], [3.0, 0.5], [2.0, 2.0], [-4.0, 1.0]], dtype=torch.float64)


def classes(counts):
    return Classification(tuple("abcd"[: len(counts)]))


def labels(counts):
    return torch.repeat_interleave(torch.tensor(counts))


def binary_entropy(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


class Absolute(Objective):
    """A loss of the user's own: its best constant is the median."""

    n_outputs = 1

    def sample_loss(self, output, target):
        return (output - target).abs() @ torch.ones(1, dtype=output.dtype)  # of one type alone

    def predict(self, output):
        return output


class Weighted(CrossEntropy):
    """Another, which holds tensors of the network's precision."""

    def sample_loss(self, output, target):
        weight = torch.tensor([1.0, 2.0, 3.0])
        return functional.cross_entropy(
            output.movedim(-1, 1), target, weight=weight, reduction="none"
        )


class Share(Absolute):
    """And one that makes a probability of a number."""

    link = "sigmoid"

    def sample_loss(self, output, target):
        return functional.binary_cross_entropy_with_logits(output, target, reduction="none").mean(
            -1
        )


class Broken(Absolute):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target) + (output.sum(-1) - 1).sqrt()


@pytest.mark.parametrize("counts", COUNTS)
def test_cross_entropy_is_at_best_the_entropy_of_the_classes(counts):
    found = constants(CrossEntropy(classes(counts)), labels(counts))
    shares = np.array(counts) / sum(counts)
    assert found.loss == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-9)


@pytest.mark.parametrize("counts", COUNTS)
def test_binary_cross_entropy_is_at_best_the_mean_binary_entropy(counts):
    found = constants(BinaryCrossEntropy(classes(counts), 0.5), labels(counts))
    shares = np.array(counts) / sum(counts)
    each = [binary_entropy(p) for p in (shares[1:] if len(counts) == 2 else shares)]
    assert found.loss == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("target", ["onehot", "index"])
def test_squared_error_on_classes_is_at_best_their_variance(counts, target):
    found = constants(MeanSquaredError(classes(counts), target, 0.5), labels(counts))
    numbers = labels(counts).numpy()
    if target == "onehot" and len(counts) > 2:
        numbers = np.eye(len(counts))[numbers]
    assert found.loss == pytest.approx(numbers.var(0).mean(), rel=1e-9)


def test_squared_error_on_numbers_is_at_best_the_mean_variance_of_the_targets():
    objective = MeanSquaredError(PLACE, "onehot", 0.5)
    found = constants(objective, PLACES)
    assert found.loss == pytest.approx(PLACES.numpy().var(0).mean(), rel=1e-9)
    assert math.isnan(found.floor)


@pytest.mark.parametrize("counts", COUNTS)
def test_δ_of_cross_entropy_at_0_is_a_share_less_one_and_shares(counts):
    k = len(counts)
    found = constants(CrossEntropy(classes(counts)), labels(counts))
    expected = math.sqrt(((1 - 1 / k) ** 2 + (k - 1) / k**2) / k)
    assert found.delta == found.delta_alone == pytest.approx(expected)


@pytest.mark.parametrize("counts", COUNTS)
def test_δ_of_binary_cross_entropy_at_0_is_a_half_per_output(counts):
    objective = BinaryCrossEntropy(classes(counts), 0.5)
    assert constants(objective, labels(counts)).delta == pytest.approx(0.5 / objective.n_outputs)


def test_δ_of_squared_error_at_0_is_twice_the_target_per_output():
    objective = MeanSquaredError(PLACE, "onehot", 0.5)
    assert constants(objective, PLACES).delta == pytest.approx(math.sqrt((PLACES**2).mean()))


@pytest.mark.parametrize("counts", [[5, 5], [7, 2, 1], [1, 2, 3, 4]])
def test_a_softmax_in_front_multiplies_δ_by_its_jacobian(counts):
    k = len(counts)
    found = constants(CrossEntropy(classes(counts)), labels(counts), nn.Softmax(-1))
    jacobian = (np.eye(k) - 1 / k) / k
    own = np.full(k, 1 / k) - np.eye(k)[0]  # where all outputs are 1/k, as where all are 0
    assert found.delta == pytest.approx(math.sqrt(np.square(jacobian @ own).mean()))
    assert found.delta_alone == pytest.approx(math.sqrt(np.square(own).mean()))


def test_a_sigmoid_in_front_multiplies_δ_by_a_quarter_and_starts_at_a_half():
    objective = BinaryCrossEntropy(classes([5, 5]), 0.5)
    found = constants(objective, labels([5, 5]), nn.Sigmoid())
    p = 1 / (1 + math.exp(-0.5))
    assert found.delta == pytest.approx(math.sqrt((p**2 + (1 - p) ** 2) / 2) / 4)
    assert found.delta_alone == 0.5


def test_a_softmax_of_one_output_lets_nothing_through():
    objective = BinaryCrossEntropy(classes([5, 5]), 0.5)
    assert constants(objective, labels([5, 5]), nn.Softmax(-1)).delta == 0


@pytest.mark.parametrize("counts", COUNTS)
def test_the_floor_of_cross_entropy_behind_a_softmax(counts):
    found = constants(CrossEntropy(classes(counts)), labels(counts), nn.Softmax(-1))
    assert found.floor == pytest.approx(math.log(math.e + len(counts) - 1) - 1)


@pytest.mark.parametrize("counts", [[5, 5], [9, 1]])
def test_the_floor_of_binary_cross_entropy_behind_a_sigmoid(counts):
    found = constants(BinaryCrossEntropy(classes(counts), 0.5), labels(counts), nn.Sigmoid())
    wrong, right = np.array(counts) / sum(counts)
    expected = wrong * math.log(2) + right * math.log(1 + math.exp(-1))
    assert found.floor == pytest.approx(expected)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("make", [CrossEntropy, lambda task: BinaryCrossEntropy(task, 0.5)])
def test_alone_a_loss_with_a_link_has_a_floor_of_0(make, counts):
    assert constants(make(classes(counts)), labels(counts)).floor == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize("target", ["onehot", "index"])
def test_alone_a_loss_without_a_link_has_no_floor(target):
    objective = MeanSquaredError(classes([7, 2, 1]), target, 0.5)
    assert math.isnan(constants(objective, labels([7, 2, 1])).floor)


@pytest.mark.parametrize(("target", "squash", "floor"), [
    ("onehot", nn.Softmax(-1), 0.0),  # its ends are the targets
    ("onehot", nn.Sigmoid(), 0.0),
    ("onehot", nn.Tanh(), 0.0),
    ("index", nn.Softmax(-1), 0.8),  # one output, always 1, for classes 0, 1 and 2
    ("index", nn.Sigmoid(), 0.1),  # at most 1, for the one row of class 2
    ("index", nn.Tanh(), 0.1),
])  # fmt: skip
def test_the_floor_of_squared_error_is_how_near_outputs_come_to_targets(target, squash, floor):
    objective = MeanSquaredError(classes([7, 2, 1]), target, 0.5)
    found = constants(objective, labels([7, 2, 1]), squash)
    assert found.floor == pytest.approx(floor, abs=1e-5)


@pytest.mark.parametrize("squash", SQUASHES)
@pytest.mark.parametrize("make", [
    CrossEntropy, lambda task: BinaryCrossEntropy(task, 0.5),
    lambda task: MeanSquaredError(task, "onehot", 0.5),
])  # fmt: skip
def test_no_constant_on_a_grid_is_better_than_the_best(make, squash):
    counts = [7, 2, 1]
    objective = make(classes(counts))
    found = constants(objective, labels(counts), squash)
    axis = torch.linspace(-8, 8, 41, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis, axis)
    outputs = grid if squash is None else squash(grid)
    target = labels(counts).expand(len(grid), -1)
    losses = objective.sample_loss(outputs[:, None].expand(-1, 10, -1), target).mean(1)
    assert found.loss <= losses.min() + 1e-4  # the best may lie at infinity
    assert found.loss >= losses.min() - 0.05  # the grid is that fine


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("given", [torch.float32, torch.float64])
def test_a_loss_of_ones_own_has_constants_too(given, dtype):
    target = torch.tensor([[1.0], [2.0], [7.0]], dtype=given)
    found = constants(Absolute(SIZE), target, dtype=dtype)
    assert found.loss == pytest.approx(2.0, abs=0.01)
    assert found.delta == 1
    assert math.isnan(found.floor)


def test_a_loss_of_ones_own_is_asked_in_its_own_precision():
    found = constants(Weighted(classes([4, 4, 4])), labels([4, 4, 4]), dtype=torch.float32)
    shares = np.array([1, 2, 3]) / 6
    assert found.loss == pytest.approx(-2 * (shares * np.log(shares)).sum(), rel=1e-5)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e5, 1e8, 1e9, 1e15])
@pytest.mark.parametrize("away", [0.0, 1e4])
def test_the_best_constant_of_numbers_of_any_size_is_their_mean(size, away):
    numbers = (np.random.default_rng(0).normal(size=(200, 2)) + away) * size
    target = torch.from_numpy(numbers).float()  # as the data give it
    found = constants(MeanSquaredError(PLACE, "onehot", 0.5), target, dtype=torch.float32)
    assert found.loss == pytest.approx(target.double().numpy().var(0).mean(), rel=1e-9)


def test_numbers_are_no_classes_to_be_sure_of():
    found = constants(Share(SIZE), torch.tensor([[0.2], [0.6]]))
    assert found.loss == pytest.approx(binary_entropy(0.4))
    assert math.isnan(found.floor)


def test_what_cannot_be_found_is_nan():
    assert math.isnan(constants(Broken(SIZE), torch.tensor([[0.2], [0.6]])).loss)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_targets_may_be_of_any_precision(dtype):
    objective = MeanSquaredError(PLACE, "onehot", 0.5)
    found = constants(objective, PLACES.to(dtype), dtype=torch.float32)
    assert found.loss == pytest.approx(float(PLACES.var(0, correction=0).mean()), rel=1e-5)
