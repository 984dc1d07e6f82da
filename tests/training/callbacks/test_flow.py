"""What the recorder says of a real training, against a plain loop over ``nn.Linear``."""

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from deltaflow.experiment.building import assembly
from deltaflow.records import LAYERS, read_table
from running import composed, run

EVERY, EPOCHS, STEPS = 7, 7, 42  # six steps an epoch, the last with 5 of the 90 rows
SEED, CLIP_NORM = 4, 0.01
SETTINGS = [
    "data=iris", "data.batch_size=17", f"trainer.max_epochs={EPOCHS}", "trainer.precision=64-true",
    f"seed={SEED}", "network.hidden_sizes=[9,7]", "activation=relu", "init=normal",
    "init.sigma_w=1.5", "init.sigma_b=2", f"diagnostics.every_n_steps={EVERY}",
    f"trainer.gradient_clip_norm={CLIP_NORM}", "logger=none",
]  # fmt: skip
TRAININGS = {  # overrides, the optimizer as PyTorch has it, R, what rounding may bring
    "sgd": (
        ["optimizer.lr=1"],
        lambda parameters: torch.optim.SGD(parameters, lr=1, momentum=0.9),
        2,
        1e-9,
    ),
    "adam": (
        ["optimizer=adam", "optimizer.lr=0.02"],
        lambda parameters: torch.optim.Adam(parameters, lr=0.02),
        2,
        1e-6,
    ),
    "lbfgs": (  # evaluates a step several times; only the first is at the weights before it
        [
            "optimizer._target_=torch.optim.LBFGS",
            "~optimizer.momentum",
            "optimizer.lr=0.01",
            "+optimizer.max_iter=3",
        ],
        lambda parameters: torch.optim.LBFGS(parameters, lr=0.01, max_iter=3),
        1,
        1e-6,
    ),
}
CROSS_ENTROPY = nn.CrossEntropyLoss()


class Training:
    """A composed run, and beside it what plain loops see of the steps that it recorded."""

    def __init__(self, name, directory):
        overrides, self.optimizer, n_seeds, self.tolerance = TRAININGS[name]
        overrides = [*SETTINGS, f"n_seeds={n_seeds}", *overrides]
        config = composed(overrides, directory)
        self.data = assembly.datamodule(config)
        start = assembly.module(config, self.data).network
        self.layers = run(overrides, directory).layers
        self.steps = set(self.layers["step"])
        self.expected = {
            (SEED + r, *index): row
            for r in range(n_seeds)
            for index, row in self.plain_rows(start.replica(r), r)
        }

    def plain_rows(self, plain, r):
        """An ordinary loop over an ordinary network, which looks at itself now and then."""
        linears = linear_layers(plain)
        optimizer = self.optimizer(plain.parameters())
        batches, step = self.data.train_dataloader(), 0
        for epoch in range(EPOCHS):
            batches.sampler.set_epoch(epoch)
            for x, y in ((x[r], y[r]) for x, y in batches):

                def evaluate(x=x, y=y):
                    optimizer.zero_grad()
                    loss = CROSS_ENTROPY(plain(x), y)
                    loss.backward()
                    nn.utils.clip_grad_norm_(plain.parameters(), CLIP_NORM)
                    return loss

                if step in self.steps:
                    measured = {
                        "delta_norm": delta_norms(plain, x, y),
                        "weight_grad_norm": gradient_norms(plain, x, y),
                        "dead_fraction": dead_fractions(plain, batches.part[0][0]),
                        "weight_rms": [rms(linear.weight) for linear in linears],
                    }
                before = [linear.weight.detach().clone() for linear in linears]
                optimizer.step(evaluate)
                if step in self.steps:
                    measured["update_ratio"] = [
                        float((linear.weight.detach() - weight).norm() / weight.norm())
                        for linear, weight in zip(linears, before, strict=True)
                    ]
                    for layer in range(len(linears)):
                        yield (step, layer + 1), {n: v[layer] for n, v in measured.items()}
                step += 1
        assert step == STEPS

    def assert_recorded(self, column):
        rows = self.layers.select("seed", "step", "layer", column).rows()
        assert len(rows) == len(self.expected) > 0
        for *index, found in rows:
            expected = self.expected[tuple(index)][column]
            if expected is not None:
                expected = pytest.approx(expected, rel=self.tolerance)
            assert found == expected, index


def linear_layers(plain):
    return [module for module in plain if isinstance(module, nn.Linear)]


def rms(weight):
    return float(weight.detach().square().mean().sqrt())


def preactivations(plain, x):
    z, h = [], x
    for module in plain:
        h = module(h)
        if isinstance(module, nn.Linear):
            z.append(h)
    return z


def delta_norms(plain, x, y):
    """The root mean square, over samples one by one, of the length of ∂loss/∂z."""
    squares = []
    for sample in range(len(x)):
        z = preactivations(plain, x[sample])
        deltas = torch.autograd.grad(CROSS_ENTROPY(z[-1], y[sample]), z)
        squares.append([float((delta**2).sum()) for delta in deltas])
    return [(sum(layer) / len(x)) ** 0.5 for layer in zip(*squares, strict=True)]


def gradient_norms(plain, x, y):
    weights = [linear.weight for linear in linear_layers(plain)]
    return [float(g.norm()) for g in torch.autograd.grad(CROSS_ENTROPY(plain(x), y), weights)]


def dead_fractions(plain, x):
    """The share of units that no sample switches on; the output layer has no switch."""
    shares = []
    for z in preactivations(plain, x)[:-1]:
        alive = [any(value > 0 for value in unit) for unit in z.T.tolist()]
        shares.append(alive.count(False) / len(alive))
    return [*shares, None]


@pytest.fixture(scope="module", params=TRAININGS)
def training(request, tmp_path_factory):
    return Training(request.param, tmp_path_factory.mktemp(request.param))


def test_steps_0_n_2n_and_the_last_are_recorded(training):
    assert sorted(training.steps) == [0, 7, 14, 21, 28, 35, 41]


def test_the_error_signal_is_that_of_single_samples(training):
    training.assert_recorded("delta_norm")


def test_the_weights_are_those_before_the_step(training):
    training.assert_recorded("weight_rms")


def test_the_weight_gradient_is_that_before_clipping(training):
    training.assert_recorded("weight_grad_norm")
    assert training.layers["weight_grad_norm"].max() > 10 * CLIP_NORM  # it was clipped


def test_the_update_is_that_of_the_step_taken(training):
    training.assert_recorded("update_ratio")


def test_dead_units_are_off_on_the_whole_training_part(training):
    training.assert_recorded("dead_fraction")
    assert len(set(training.layers["dead_fraction"].drop_nulls())) > 1  # there is a share to find


def test_the_validation_part_would_give_other_dead_units(tmp_path):
    config = composed([*SETTINGS, "n_seeds=2"], tmp_path)
    data = assembly.datamodule(config)
    network = assembly.module(config, data).network
    training, validation = (
        [dead_fractions(network.replica(r), part) for r in range(2)]
        for part in (data.train_dataloader().part[0][0], data.val_dataloader().part[0][0])
    )
    assert training != validation, "the two parts can no longer be told apart by dead units"


STOPPED_EARLY = [
    "+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping",
    "+callbacks.stop.monitor=loss/validation", "+callbacks.stop.patience=1", "optimizer.lr=0.5",
    "logger=none",
]  # fmt: skip


@pytest.mark.parametrize("every", [50, 1], ids=["not due", "due"])
def test_the_last_step_is_recorded_also_when_training_stops_early(every, tmp_path):
    result = run([*STOPPED_EARLY, f"diagnostics.every_n_steps={every}"], tmp_path)
    n_steps = result.summary["n_steps"]
    assert n_steps < 100 * 6, "training no longer stops early"
    assert sorted(set(result.layers["step"])) == sorted({*range(0, n_steps, every), n_steps - 1})
    assert not result.layers.select(LAYERS.key).is_duplicated().any()


def test_an_epochs_last_step_is_not_recorded_where_more_follow(tmp_path):
    layers = run(["trainer.max_epochs=3", "diagnostics.every_n_steps=100", "logger=none"], tmp_path)
    assert sorted(set(layers.layers["step"])) == [0, 17]


class Halving(pl.Callback):
    """Halves all gradients."""

    def on_after_backward(self, trainer, pl_module):
        for parameter in pl_module.parameters():
            parameter.grad.mul_(0.5)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_measured_before_a_users_callback_changes_them(precision, tmp_path):
    settings = [f"trainer.precision={precision}", "trainer.max_epochs=1", "logger=none"]
    plain = run(settings, tmp_path / "plain").layers.filter(step=0)
    halving = f"+callbacks.halve._target_={__name__}.Halving"
    halved = run([*settings, halving], tmp_path / "halved").layers.filter(step=0)
    assert halved["weight_grad_norm"].equals(plain["weight_grad_norm"])
    assert not halved["update_ratio"].equals(plain["update_ratio"])


class FailInStep(pl.Callback):
    """Raises in the middle of a step, after the forward pass."""

    def __init__(self, step):
        self.step = step

    def on_before_backward(self, trainer, pl_module, loss):
        self.network = pl_module.network
        if trainer.global_step == self.step:
            raise RuntimeError("the lights went out")


@pytest.fixture
def failed(tmp_path, monkeypatch):
    """The network of a run that broke in its fourth step, and the rows that it left.

    In this precision the passes are recorded by hooks.
    """
    fail = FailInStep(step=3)
    monkeypatch.setattr("deltaflow.experiment.building.assembly.callbacks", lambda config: [fail])
    with pytest.raises(RuntimeError, match="lights"):
        run(
            ["diagnostics.every_n_steps=1", "logger=none", "trainer.precision=bf16-mixed"], tmp_path
        )
    return fail.network, read_table(tmp_path, LAYERS)


def test_a_run_that_breaks_in_a_step_leaves_nobody_listening(failed):
    network, _ = failed
    assert not any(module._forward_hooks for module in network.modules())


def test_a_run_that_breaks_in_a_step_keeps_the_steps_before(failed):
    _, layers = failed
    assert sorted(set(layers["step"])) == [0, 1, 2]
