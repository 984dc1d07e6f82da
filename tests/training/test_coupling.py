from functools import partial

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from deltaflow.training.coupling import couples_replicas
from running import CONF, options


class Normed(torch.optim.SGD):
    """Divides by the norm of the whole gradient."""

    def step(self, closure):
        loss = closure()
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        for gradient in gradients:
            gradient /= norm
        super().step()
        return loss


class Cautious(torch.optim.SGD):
    """Does nothing while any gradient is not finite."""

    def step(self, closure):
        loss = closure()
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        if all(gradient.isfinite().all() for gradient in gradients):
            super().step()
        return loss


class Noisy(torch.optim.SGD):
    """Adds noise, as stochastic gradient Langevin dynamics does."""

    def step(self, closure):
        loss = super().step(closure)
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                parameter += 0.01 * torch.randn_like(parameter)
        return loss


class Unrepeatable(torch.optim.SGD):
    """Draws its noise from NumPy."""

    def step(self, closure):
        loss = super().step(closure)
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                parameter += 0.01 * np.random.default_rng().normal()
        return loss


class LBFGS(torch.optim.SGD):
    """Has the name of another."""


class Broken(torch.optim.SGD):
    def step(self, closure):
        raise LookupError


COUPLING = [torch.optim.LBFGS, torch.optim.Adafactor, partial(Normed, lr=0.1),
            partial(Cautious, lr=0.1)]  # fmt: skip
APART = [
    torch.optim.SGD, torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.Adamax,
    torch.optim.NAdam, torch.optim.RAdam, torch.optim.ASGD, torch.optim.Rprop, Noisy,
    Unrepeatable, LBFGS, partial(torch.optim.SGD, lr=1e30), partial(torch.optim.Adam, lr=1e30),
    partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    partial(torch.optim.Adam, amsgrad=True, foreach=False), partial(torch.optim.Adam, fused=True),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", COUPLING, ids=str)
def test_what_mixes_replicas_is_found_whatever_its_name(optimizer):
    assert couples_replicas(optimizer)


@pytest.mark.parametrize("optimizer", APART, ids=str)
def test_what_updates_entry_by_entry_is_not(optimizer):
    assert not couples_replicas(optimizer)


@pytest.mark.parametrize("name", options("optimizer"))
def test_every_optimizer_that_ships_keeps_replicas_apart(name):
    settings = OmegaConf.load(CONF / "optimizer" / f"{name}.yaml")
    settings.pop("defaults", None)
    assert not couples_replicas(instantiate(settings, _partial_=True))


def test_one_that_fails_is_left_to_the_training():
    assert not couples_replicas(partial(Broken, lr=0.1))


def test_trying_draws_no_number_that_anybody_else_would_get():
    torch.manual_seed(3)
    expected = torch.randn(5)
    torch.manual_seed(3)
    couples_replicas(Noisy)
    assert torch.equal(torch.randn(5), expected)
