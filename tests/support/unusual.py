"""Parts as a user might write them, each sound in training and unusual; for tests."""

from torch import nn

from deltaflow.nn.objectives import CrossEntropy, MeanSquaredError


class Ramp(nn.Module):
    """A rectifier with a ceiling."""

    def forward(self, z):
        return z.clamp(0, 2)


class InPlaceSquaredError(MeanSquaredError):
    """Writes into what it is given, as a hidden or output layer may."""

    def __init__(self, task):
        super().__init__(task, target="onehot", threshold=0.5)

    def sample_loss(self, output, target):
        return output.sub_(target).square().mean(-1)


class OfUnlikeOutputs(CrossEntropy):
    """Takes outputs that differ, and no constant ones."""

    def sample_loss(self, output, target):
        if output.std() == 0:
            raise ArithmeticError("all outputs are equal")
        return super().sample_loss(output, target)


class BelowZero(CrossEntropy):
    """Cross-entropy with another zero, as a log-likelihood may have."""

    def sample_loss(self, output, target):
        return super().sample_loss(output, target) - 100
