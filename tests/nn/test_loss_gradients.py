"""The formulas of losses and their gradients, against autograd of the objectives."""

import pytest
import torch

from deltaflow.nn.loss_gradients import formula
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from deltaflow.nn.stacking import JoinedObjective
from deltaflow.nn.task import Classification, Regression

THREE = Classification(("a", "b", "c"), counts=(10, 30, 20))
TWO = Classification(("no", "yes"), counts=(40, 20))
NUMBERS = Regression(("y", "z"), scale=(10.0, 0.5))


def by_fold(objective):
    """The objective with other weights in each of two folds, beginning with the second."""
    objective.weights = torch.stack([objective.weights, objective.weights.flip(0)])
    objective.first_fold = 1
    return objective


OBJECTIVES = {
    "ce": CrossEntropy(THREE),
    "weighted ce": CrossEntropy(THREE, "balanced"),
    "ce of folds": by_fold(CrossEntropy(THREE, "balanced")),
    "bce of two": BinaryCrossEntropy(TWO, 0.5, [1, 3]),
    "bce of three": BinaryCrossEntropy(THREE, 0.5),
    "mse of numbers": MeanSquaredError(NUMBERS, "onehot", 0.5),
    "mse of two": MeanSquaredError(TWO, "onehot", 0.5),
    "mse of three": MeanSquaredError(THREE, "onehot", 0.5),
    "mse of an index": MeanSquaredError(THREE, "index", 0.5),
    "joined": JoinedObjective(
        [
            CrossEntropy(THREE),
            BinaryCrossEntropy(THREE, 0.5),
            MeanSquaredError(THREE, "onehot", 0.5),
        ],
        [1, 3, 1],
    ),
}


@pytest.mark.parametrize("scale", [1.0, 1e-3, 300.0])
@pytest.mark.parametrize("n_samples", [1, 7])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_and_gradients_are_those_of_autograd(name, n_samples, scale):
    objective = OBJECTIVES[name]
    random = torch.Generator().manual_seed(n_samples)
    output = scale * torch.randn(
        5, n_samples, objective.n_outputs, generator=random, dtype=torch.float64
    )
    target = torch.randint(0, 2, (5, n_samples), generator=random)
    if isinstance(objective.task, Regression):
        target = torch.randn(5, n_samples, 2, generator=random, dtype=torch.float64)
    output.requires_grad_()
    expected = objective.sample_loss(output, target)
    expected.mean(1).sum().backward()
    loss, gradient = formula(objective)(output.detach(), target)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=1e-300)
    torch.testing.assert_close(gradient, output.grad, rtol=1e-12, atol=1e-15)


def test_gradients_have_the_type_of_the_outputs():
    output, target = torch.randn(2, 3, 2), torch.randn(2, 3, 2, dtype=torch.float64)
    assert formula(OBJECTIVES["mse of numbers"])(output, target)[1].dtype == torch.float32


class Focal(CrossEntropy):
    """A loss of a user, made from one of ours."""

    def sample_loss(self, output, target):
        loss = super().sample_loss(output, target)
        return (1 - (-loss).exp()).square() * loss


class Powered(CrossEntropy):
    """A loss of a user, who raises it to a power where classes are weighted."""

    def weighted(self, loss, target):
        return super().weighted(loss, target).square()


class Smoothed(BinaryCrossEntropy):
    """A loss of a user, who smooths the targets by the outputs."""

    def encode(self, output, target):
        return 0.9 * super().encode(output, target) + 0.1 * output.sigmoid()


class OtherMetrics(CrossEntropy):
    """The loss is ours, the metrics are not."""

    def metrics(self, prediction, target):
        return {}


def test_only_losses_of_our_own_have_a_formula():
    assert formula(Focal(THREE)) is None
    assert formula(JoinedObjective([CrossEntropy(THREE), Focal(THREE)], [1, 1])) is None
    assert formula(Powered(THREE)) is None
    assert formula(Smoothed(THREE, 0.5)) is None
    assert formula(OtherMetrics(THREE)) is not None
    changed = CrossEntropy(THREE)
    changed.sample_loss = lambda output, target: output.sum(-1)
    assert formula(changed) is None


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \[2, 3, 3\]"):
        formula(OBJECTIVES["ce"])(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long))
