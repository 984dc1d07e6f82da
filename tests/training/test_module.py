import functools

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn

from deltaflow.data import sources
from deltaflow.nn.initializers import Normal, Torch
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import CrossEntropy, MeanSquaredError
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.module import StackedModule

SEEDS = [0, 1, 2, 3]
SGD = functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9)


def datamodule(seeds=SEEDS, source=sources.iris, **options):
    return ReplicaDataModule(
        source(**options), seeds, 16, (0.6, 0.2, 0.2), 0, True, dtype=torch.float64
    )


def module_of(data, phi=None, seeds=SEEDS, optimizer=SGD, objective=CrossEntropy, sigma_w=None):
    objective = objective(data.task)
    sizes = [data.n_features, 8, 8, objective.n_outputs]
    network = FullyConnected(sizes, phi or nn.ReLU(), len(seeds), dtype=torch.float64)
    network.initialize(Torch() if sigma_w is None else Normal(sigma_w, 0.0), seeds)
    return StackedModule(network, objective, optimizer)


def fit(module, data, max_epochs=3, callbacks=()):
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=max_epochs, logger=False, callbacks=[*callbacks],
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    return trainer


class Poison(pl.Callback):
    """Puts a value into one weight of some replicas before a step."""

    def __init__(self, value, step, replicas=(1,), layer=0):
        self.value, self.step, self.replicas, self.layer = value, step, list(replicas), layer

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            with torch.no_grad():
                pl_module.network.layers[self.layer].weight[self.replicas, 0] = self.value


def batch_of(data):
    return next(iter(data.train_dataloader()))


def test_the_loss_is_the_sum_over_replicas_of_the_mean_over_the_batch():
    data = datamodule()
    module = module_of(data)
    module.trainer = pl.Trainer(logger=False, enable_checkpointing=False)
    x, y = batch_of(data)
    outputs = module.training_step((x, y), 0)
    each = [nn.functional.cross_entropy(module.network.replica(r)(x[r]), y[r]) for r in range(4)]
    assert outputs["loss"].item() == pytest.approx(sum(each).item(), rel=1e-12)
    assert outputs["sample_loss"].mean(1).tolist() == pytest.approx([e.item() for e in each])


@pytest.mark.parametrize("step", ["validation_step", "test_step"])
def test_evaluation_gives_losses_predictions_and_targets(step):
    data = datamodule()
    module = module_of(data)
    x, y = batch_of(data)
    outputs = getattr(module, step)((x, y), 0)
    assert torch.equal(outputs["prediction"], module.network(x).argmax(-1))
    assert torch.equal(outputs["target"], y)
    assert outputs["sample_loss"].shape == y.shape


@pytest.mark.parametrize("phi", [nn.ReLU(), nn.Tanh()], ids=str)
@pytest.mark.parametrize("value", [torch.inf, torch.nan, 1e200])
def test_a_diverged_replica_leaves_the_others_bit_identical(phi, value):
    healthy = module_of(datamodule(), phi)
    fit(healthy, datamodule())
    broken = module_of(datamodule(), phi)
    fit(broken, datamodule(), callbacks=[Poison(value, step=4)])
    for ours, theirs in zip(broken.parameters(), healthy.parameters(), strict=True):
        assert torch.equal(ours[[0, 2, 3]], theirs[[0, 2, 3]])
        assert theirs.isfinite().all()
    assert not torch.equal(broken.network.layers[0].weight[1], healthy.network.layers[0].weight[1])
    assert not healthy.diverged.any()


@pytest.mark.parametrize("step", [0, 4, 9])
def test_a_diverged_replica_is_marked_with_its_step(step):
    module = module_of(datamodule())
    trainer = fit(module, datamodule(), callbacks=[Poison(torch.nan, step, replicas=[1, 3])])
    assert module.diverged_at.tolist() == [-1, step, -1, step]
    assert module.diverged.tolist() == [False, True, False, True]
    assert trainer.global_step == 3 * 6  # the others go on


def test_the_first_step_that_diverged_is_kept():
    module = module_of(datamodule())
    fit(module, datamodule(), callbacks=[Poison(torch.nan, 2), Poison(torch.nan, 7)])
    assert module.diverged_at.tolist() == [-1, 2, -1, -1]


def test_weights_that_are_not_finite_count_as_diverged_though_the_loss_is_finite():
    module = module_of(datamodule(), nn.Sigmoid())

    class Late(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step == 6:  # after the last step of the first epoch
                with torch.no_grad():
                    pl_module.network.layers[0].bias[2, 0] = torch.inf

    fit(module, datamodule(), callbacks=[Late()])
    assert module.diverged_at.tolist() == [-1, -1, 6, -1]


def test_what_only_the_parts_to_judge_by_find_out_counts_as_diverged():
    module = module_of(datamodule(), nn.ReLU())

    class Late(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step == 6:  # finite weights of which no output is
                with torch.no_grad():
                    pl_module.network.layers[-1].weight[2] = torch.finfo(torch.float64).max / 2
                    pl_module.network.layers[0].bias[2] = 1e10

    fit(module, datamodule(), max_epochs=1, callbacks=[Late()])
    assert all(weight.isfinite().all() for weight in module.parameters())
    assert module.diverged_at.tolist() == [-1, -1, 6, -1]


def test_training_stops_after_the_epoch_in_which_the_last_replica_diverged():
    module = module_of(datamodule())
    poison = [Poison(torch.nan, 1, replicas=[0, 1, 2]), Poison(torch.nan, 8, replicas=[3])]
    trainer = fit(module, datamodule(), max_epochs=50, callbacks=poison)
    assert trainer.global_step == 2 * 6
    assert module.diverged_at.tolist() == [1, 1, 1, 8]


def test_a_step_size_far_too_large_diverges_without_an_error():
    data = datamodule(source=sources.sine, n_samples=200, noise=0.1, seed=0)
    huge = functools.partial(torch.optim.SGD, lr=1e4)
    squared = functools.partial(MeanSquaredError, target="onehot", threshold=0.5)
    module = module_of(data, optimizer=huge, objective=squared, sigma_w=2.0)
    trainer = fit(module, data, max_epochs=200)
    assert module.diverged.all()
    assert trainer.global_step < 200 * 8


@pytest.mark.parametrize("optimizer", [torch.optim.LBFGS, torch.optim.Adafactor])
def test_optimizers_that_would_mix_replicas_are_refused(optimizer):
    module = module_of(datamodule(), optimizer=optimizer)
    with pytest.raises(ValueError, match=rf"entry by entry. Found {optimizer.__name__}"):
        module.configure_optimizers()


def test_a_lone_network_may_use_any_optimizer():
    data = datamodule(seeds=[0])
    module = module_of(data, seeds=[0], optimizer=torch.optim.LBFGS)
    module.trainer = pl.Trainer(logger=False, enable_checkpointing=False)
    assert isinstance(module.configure_optimizers()["optimizer"], torch.optim.LBFGS)


class Listen(pl.Callback):
    """Counts the calls of hooks that it puts on a layer and on a gradient."""

    def __init__(self):
        self.calls = [0, 0]

    def on_train_start(self, trainer, pl_module):
        layer = pl_module.network.layers[1]
        layer.register_forward_hook(lambda *_: self.count(0))
        layer.weight.register_hook(lambda _: self.count(1))

    def count(self, kind):
        self.calls[kind] += 1


def test_hooks_are_called_in_training_and_change_nothing():
    data, listen = datamodule(), Listen()
    listened, plain = module_of(data), module_of(data)
    trainer = fit(listened, data, callbacks=[listen])
    fit(plain, data)
    n_steps, n_validations = trainer.global_step, trainer.current_epoch
    assert listen.calls == [n_steps + n_validations, n_steps]
    for one, other in zip(listened.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-13)


def test_the_checkpoint_holds_the_architecture_and_who_has_diverged(tmp_path):
    data = datamodule()
    module = module_of(data)
    module.checkpoint_entries = {
        "architecture": {"sizes": [4, 8, 8, 3], "activation": {"_target_": "torch.nn.ReLU"}}
    }
    trainer = fit(module, data, callbacks=[Poison(torch.nan, 2)])
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["architecture"] == module.checkpoint_entries["architecture"]
    assert checkpoint["state_dict"]["diverged_at"].tolist() == [-1, 2, -1, -1]


def test_epochs_are_ordered_by_lightning_as_the_data_module_says():
    seen = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            seen.append(batch[0])

    fit(module_of(datamodule()), datamodule(), callbacks=[Watch()])
    batches = datamodule().train_dataloader()
    expected = []
    for epoch in range(3):
        batches.sampler.set_epoch(epoch)
        expected.extend(x for x, _ in batches)
    assert len(seen) == len(expected) == 18
    for ours, theirs in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
