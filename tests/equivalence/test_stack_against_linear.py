import itertools

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from deltaflow.experiment.building import assembly
from running import composed, run

STEPS, EPOCHS = 100, 25
R = 3
SETTINGS = [
    "data.batch_size=24", f"trainer.max_epochs={EPOCHS}", "trainer.precision=64-true",
    f"n_seeds={R}", "seed=4", "network.hidden_sizes=[9,7]", "logger=none", "diagnostics=off",
]  # fmt: skip
RATES = {"sgd": 0.1, "adam": 0.01}
OPTIMIZERS = {  # as PyTorch has it, and the relative distance that rounding may bring
    "sgd": (lambda parameters: torch.optim.SGD(parameters, RATES["sgd"], momentum=0.9), 1e-12),
    "adam": (lambda parameters: torch.optim.Adam(parameters, RATES["adam"]), 1e-6),
}
LOSSES = {
    "ce": nn.CrossEntropyLoss(),
    "bce": lambda z, y: nn.functional.binary_cross_entropy_with_logits(z[:, 0], y.double()),
    "mse": nn.MSELoss(),
}


def train_linear_layers(plain, batches, r, optimizer, loss, schedule=None, clip_norm=None):
    """An ordinary loop over an ordinary network."""
    optimizer = optimizer(plain.parameters())
    schedule = schedule and schedule(optimizer)
    n_steps = 0
    for epoch in range(EPOCHS):
        batches.sampler.set_epoch(epoch)
        for x, y in batches:
            optimizer.zero_grad()
            loss(plain(x[r]), y[r]).backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(plain.parameters(), clip_norm)
            optimizer.step()
            n_steps += 1
        if schedule is not None:
            schedule.step()
    assert n_steps == STEPS
    return plain


def learnt(plain):
    """Parameters that the loss depends on: batch normalisation takes any bias before it away."""
    modules = list(plain)
    idle = [
        module.bias
        for module, following in itertools.pairwise(modules)
        if isinstance(following, nn.BatchNorm1d)
    ]
    return [p for p in plain.parameters() if not any(p is bias for bias in idle)]


def assert_trains_as_linear_layers(overrides, loss, optimizer, directory, **extras):
    overrides = [*overrides, f"optimizer.lr={RATES[optimizer]}"]
    optimizer, tolerance = OPTIMIZERS[optimizer]
    config = composed(overrides, directory)
    data = assembly.datamodule(config)
    start = assembly.module(config, data).network
    end = run(overrides, directory).network
    for r in range(R):
        expected = train_linear_layers(
            start.replica(r), data.train_dataloader(), r, optimizer, LOSSES[loss], **extras
        )
        plain = (end.replica(r), expected, start.replica(r))
        for ours, theirs, initial in zip(*map(learnt, plain), strict=True):
            assert (ours - theirs).norm() <= tolerance * theirs.norm()
            assert (theirs - initial).norm() > 1e-3 * theirs.norm()  # it did learn


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [("sigmoid", "adam"), ("tanh", "sgd"), ("relu", "adam"), ("leaky", "sgd")],
)
def test_a_replica_trains_as_linear_layers_do(activation, optimizer, tmp_path):
    overrides = [*SETTINGS, "data=iris", f"activation={activation}", f"optimizer={optimizer}"]
    assert_trains_as_linear_layers(overrides, "ce", optimizer, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "data", "optimizer"),
    [
        ("bce", "xor", "sgd"),
        ("ce", "moons", "adam"),
        ("mse", "sine", "adam"),
        ("mse", "sine", "sgd"),
    ],
)
def test_on_any_kind_of_data(loss, data, optimizer, tmp_path):
    overrides = [
        *SETTINGS, f"data={data}", "data.n_samples=150", f"loss={loss}", "activation=tanh",
        "init=xavier", f"optimizer={optimizer}", *(["optimizer.lr=0.1"] * (optimizer == "sgd")),
    ]  # fmt: skip
    assert_trains_as_linear_layers(overrides, loss, optimizer, tmp_path)


SCHEDULES = {
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS),
    "step": lambda optimizer: lr_scheduler.StepLR(optimizer, 30, 0.1),
    "onecycle": lambda optimizer: lr_scheduler.OneCycleLR(
        optimizer, 0.1, EPOCHS, cycle_momentum=False
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_with_a_schedule_of_the_step_size(schedule, tmp_path):
    overrides = [*SETTINGS, "data=iris", "activation=tanh", f"scheduler={schedule}"]
    extras = {"schedule": SCHEDULES[schedule]}
    assert_trains_as_linear_layers(overrides, "ce", "sgd", tmp_path, **extras)


@pytest.mark.parametrize("norm", [0.05, 0.5, 1e9], ids=["always", "sometimes", "never"])
def test_with_each_replicas_gradient_clipped(norm, tmp_path):
    overrides = [*SETTINGS, "data=iris", "activation=relu", f"trainer.gradient_clip_norm={norm}"]
    assert_trains_as_linear_layers(overrides, "ce", "sgd", tmp_path, clip_norm=norm)


@pytest.mark.slow
@pytest.mark.parametrize(("normalization", "optimizer"), [("layer", "adam"), ("batch", "sgd")])
def test_with_normalisation(normalization, optimizer, tmp_path):
    overrides = [
        *SETTINGS, "data=iris", "activation=tanh", f"network.normalization={normalization}",
        f"optimizer={optimizer}", "trainer.gradient_clip_norm=0.5",
    ]  # fmt: skip
    assert_trains_as_linear_layers(overrides, "ce", optimizer, tmp_path, clip_norm=0.5)
