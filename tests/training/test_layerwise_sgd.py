"""Weights that SGD updates layer by layer, against ``torch.optim.SGD`` of all layers at once."""

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim.lr_scheduler import LRScheduler

from deltaflow.training import parts
from deltaflow.training.layerwise_sgd import LayerwiseSGD
from running import run, run_all

SMALL = ["data=iris", "trainer.max_epochs=2", "network.depth=3", "network.width=8", "n_seeds=6",
         "diagnostics=off", "optimizer=sgd", "logger=none"]  # fmt: skip


class Onlooker(Callback):
    """A callback of a user, which may look at the gradients after each backward pass."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_after_backward(self, trainer, pl_module) -> None:
        gradients = [p.grad for part in pl_module.parts for p in part.parameters]
        self.norms.append(float(sum(gradient.norm() for gradient in gradients)))


N_CALLS = [0]


def hooked(params, **settings) -> torch.optim.SGD:
    """SGD of a user, who counts the steps."""
    made = torch.optim.SGD(params, **settings)

    def count(optimizer, arguments, keywords):
        N_CALLS[0] += 1

    made.register_step_post_hook(count)
    return made


@pytest.fixture
def steps(monkeypatch) -> list[bool]:
    """For each step, whether layers were updated one by one; the stacks are of several parts."""
    used = []
    begin_step = LayerwiseSGD.begin_step

    def noted(self):
        used.append(begin_step(self))
        return used[-1]

    monkeypatch.setattr(parts, "_WHOLE_BYTES", 4000)
    monkeypatch.setattr(parts, "_PART_BYTES", 4000)
    monkeypatch.setattr(LayerwiseSGD, "begin_step", noted)
    return used


def weights(found) -> list[torch.Tensor]:
    return list(found.network.state_dict().values())


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["optimizer.momentum=0"],
        ["+optimizer.nesterov=true", "+optimizer.weight_decay=0.01"],
        ["+optimizer.dampening=0.3", "scheduler=cosine", "trainer.precision=64-true"],
        ["scheduler=plateau", "network.dropout=0.2", "activation=leaky"],
        ["optimizer.momentum=0", "optimizer.lr=1e4", "activation=relu"],  # some diverge
    ],
)
def test_weights_are_bit_for_bit_those_of_all_layers_at_once(
    settings, steps, tmp_path, monkeypatch
):
    ours = run([*SMALL, *settings], tmp_path / "ours")
    assert steps == [False] + [True] * (len(steps) - 1)
    with monkeypatch.context() as patch:
        patch.setattr(LayerwiseSGD, "begin_step", lambda self: False)
        theirs = run([*SMALL, *settings], tmp_path / "theirs")
    assert len(steps) == ours.summary["n_steps"]
    for our, their in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=0, equal_nan=True)


def test_runs_of_a_stack_have_their_own_settings(steps, tmp_path, monkeypatch):
    settings = [
        [*SMALL, "optimizer.lr=0.05"],
        [*SMALL, "optimizer.lr=0.2", "optimizer.momentum=0"],
        [*SMALL, "optimizer.lr=0.01", "activation=relu", "+optimizer.weight_decay=0.1"],
    ]
    ours = run_all(settings, tmp_path / "ours")
    assert steps == [False] + [True] * (len(steps) - 1)
    with monkeypatch.context() as patch:
        patch.setattr(LayerwiseSGD, "begin_step", lambda self: False)
        theirs = run_all(settings, tmp_path / "theirs")
    for our, their in zip(ours, theirs, strict=True):
        assert all(map(torch.equal, weights(our), weights(their)))


def test_histograms_need_the_gradients_of_all_layers_and_measured_steps_do_not(
    steps, tmp_path, monkeypatch
):
    settings = [*SMALL, "logger=tensorboard", "diagnostics=default", "diagnostics.every_n_steps=4",
                "diagnostics.histogram_every_n_steps=3"]  # fmt: skip
    ours = run(settings, tmp_path / "ours")
    last = len(steps) - 1
    assert steps == [step % 3 > 0 and step != last for step in range(last + 1)]
    with monkeypatch.context() as patch:
        patch.setattr(LayerwiseSGD, "begin_step", lambda self: False)
        theirs = run(settings, tmp_path / "theirs")
    assert ours.layers["step"].n_unique() > last / 4
    assert ours.layers.equals(theirs.layers)


@pytest.mark.parametrize(
    "setting",
    ["trainer.gradient_clip_norm=1", "optimizer=adam", "network.normalization=batch",
     "+optimizer.foreach=true"],
)  # fmt: skip
def test_all_layers_are_updated_at_once_where_it_is_needed(setting, steps, tmp_path):
    run([*SMALL, setting], tmp_path)
    assert len(steps) > 0
    assert not any(steps)


def test_hooks_of_an_optimizer_are_called(steps, tmp_path):
    N_CALLS[0] = 0
    run([*SMALL, f"optimizer._target_={__name__}.hooked"], tmp_path)
    assert len(steps) > 0
    assert not any(steps)
    assert N_CALLS[0] > len(steps)  # each part has an optimizer


def test_a_users_callback_finds_the_gradients_of_every_step(steps, tmp_path):
    settings = [*SMALL, f"+callbacks.look._target_={__name__}.Onlooker"]
    found = run(settings, tmp_path)
    assert len(steps) == found.summary["n_steps"]
    assert not any(steps)


class LaterMomentum(LRScheduler):
    """A schedule of a user, whose momentum begins after some epochs."""

    def get_lr(self) -> list[float]:
        if self.last_epoch > 0:
            self.optimizer.param_groups[0]["momentum"] = 0.9
        return [group["lr"] for group in self.optimizer.param_groups]


def later_momentum(optimizer, **settings) -> LaterMomentum:
    return LaterMomentum(optimizer)


def test_a_schedule_may_begin_to_use_momentum(steps, tmp_path, monkeypatch):
    settings = [*SMALL, "optimizer.momentum=0", f"scheduler._target_={__name__}.later_momentum"]
    ours = run(settings, tmp_path / "ours")
    n_batches = len(steps) // 2  # of an epoch
    assert steps == ([False] + [True] * (n_batches - 1)) * 2
    with monkeypatch.context() as patch:
        patch.setattr(LayerwiseSGD, "begin_step", lambda self: False)
        theirs = run(settings, tmp_path / "theirs")
    assert all(map(torch.equal, weights(ours), weights(theirs)))


def test_no_gradient_stays_in_memory_that_no_step_needs(steps, tmp_path, monkeypatch):
    kept = []
    evaluate = LayerwiseSGD.evaluate

    def noted(self, part, *arguments, **settings):
        views = [view for update in part.updates for view in update.views]
        kept.extend(one.grad for one in [*views, *part.parameters] if one.grad is not None)
        assert not any(update.given for update in part.updates)
        return evaluate(self, part, *arguments, **settings)

    monkeypatch.setattr(LayerwiseSGD, "evaluate", noted)
    monkeypatch.setattr(parts, "_PART_BYTES", 2**20)  # two parts, so the second run is in both
    run_all([[*SMALL, f"optimizer.lr={rate}"] for rate in (0.05, 0.1, 0.2)], tmp_path)
    assert any(steps)
    assert not kept
