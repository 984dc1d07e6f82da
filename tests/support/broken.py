"""Parts as a user might write them, each wrong in its own way; named by ``_target_`` in tests."""

import numpy as np
import torch
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from deltaflow.nn.initializers import Initializer
from deltaflow.nn.objectives import CrossEntropy

number = 3


class Raising(nn.Module):
    def forward(self, z):
        raise RuntimeError("no such ramp")


class RaisingInTraining(nn.Module):
    def forward(self, z):
        if z.ndim == 3:
            raise KeyError("ramp")
        return z.relu()


class Halving(nn.Module):
    def forward(self, z):
        return z[..., ::2]


class Doubling(nn.Module):
    def forward(self, z):
        return z.double()


class Detached(nn.Module):
    def forward(self, z):
        return torch.from_numpy(np.maximum(z.detach().numpy(), 0))


class Wordy(nn.Module):
    def forward(self, z):
        return "ramp"


class NeedsHeight(nn.Module):
    def __init__(self, height):
        super().__init__()


class RaisingInitializer(Initializer):
    def weight_variance(self, fan_in, fan_out):
        return 1 / (fan_in - fan_in)


def nothing():
    return None


def words():
    return np.array([["a", "b"], ["c", "d"]]), np.array([0.5, 1.5])


def ragged():
    return [[1.0, 2.0], [3.0]], [0.5, 1.5]


def unequal():
    return np.zeros((5, 2)), np.zeros(4)


def holes():
    return np.full((10, 2), np.nan), np.zeros(10, dtype=int)


def raising_source():
    raise LookupError("no table")


class Mean(CrossEntropy):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target).mean()


class PerReplica(CrossEntropy):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target).mean(1)


class Predicting(CrossEntropy):
    def predict(self, output):
        return output


class RaisingLoss(CrossEntropy):
    def sample_loss(self, output, target):
        raise RuntimeError("no such loss")


class RaisingSGD(torch.optim.SGD):
    def step(self, closure=None):
        super().step(closure)
        raise RuntimeError("no such step")


class OwnLBFGS(torch.optim.LBFGS):
    pass


class RaisingScheduler(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        if self.last_epoch > 1:
            raise RuntimeError("no such rate")
        return self.base_lrs


class RaisingCallback(Callback):
    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 7:
            raise RuntimeError("no such batch")


class RaisingLogger(CSVLogger):
    def log_metrics(self, metrics, step=None):
        raise RuntimeError("no such log")


class Ending(nn.Module):
    def forward(self, z):
        if z.ndim == 3:
            next(iter(()))
        return z.relu()


class EndingInJudgement(nn.Module):
    def forward(self, z):
        if z.ndim == 3 and not z.requires_grad:
            next(iter(()))
        return z.relu()


class EndingLoss(CrossEntropy):
    def sample_loss(self, output, target):
        raise StopIteration


class EndingCallback(Callback):
    def on_train_batch_end(self, *_):
        raise StopIteration("no more")


class EndingEpochs(Callback):
    def on_train_epoch_end(self, *_):
        raise StopIteration("no more")


class EndingLogger(CSVLogger):
    def log_metrics(self, metrics, step=None):
        raise StopIteration("no more")


class EndingScheduler(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        if self.last_epoch > 0:
            raise StopIteration("no more")
        return self.base_lrs


class ClimbingScheduler(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate - 0.1 * self.last_epoch for rate in self.base_lrs]


class DetachedLoss(CrossEntropy):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target).detach()


class WholeLoss(CrossEntropy):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target).long()


class ComplexLoss(CrossEntropy):
    def sample_loss(self, output, target):
        return super().sample_loss(output, target) + 1j


class Unasking(torch.optim.SGD):
    def step(self, closure=None):
        super().step()


class WordyVariance(Initializer):
    def weight_variance(self, fan_in, fan_out):
        return "1 / fan_in"


class NegativeVariance(Initializer):
    def weight_variance(self, fan_in, fan_out):
        return -1.0


class Drawing(Initializer):
    drawn = "a weight"

    def weight_variance(self, fan_in, fan_out):
        return 1 / fan_in

    def draw(self, generator, fan_in, fan_out):
        return self.drawn


class DrawingWords(Drawing):
    drawn = np.array([["a"]]), np.array(["b"])


class DrawingOneRow(Drawing):
    def draw(self, generator, fan_in, fan_out):
        return generator.standard_normal(fan_in), np.zeros(fan_out)


class DrawingHoles(Drawing):
    def draw(self, generator, fan_in, fan_out):
        return np.full((fan_out, fan_in), np.nan), np.zeros(fan_out)


def complex_features():
    return np.ones((10, 2)) * 1j, np.arange(10.0)


def complex_targets():
    return np.ones((10, 2)), np.arange(10) * 1j
