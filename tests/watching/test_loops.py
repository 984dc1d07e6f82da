"""Watching changes no training, and leaves a run directory like any other."""

import gc
import subprocess
import sys
import warnings

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from watched import kinds, trained
from watching_accuracy.architectures import LeNet, Transformer, blobs, chain

import deltaflow
from deltaflow import FlowMonitor, UserError, check, load_run, watch
from running import run as train_own


def dropping():
    return nn.Sequential(
        nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(0.3),
        nn.Linear(16, 2),
    )  # fmt: skip


def images():
    return torch.randn(64, 1, 8, 8), torch.randint(0, 10, (64,))


def sequences():
    tokens = torch.randint(0, 8, (64, 6))
    return tokens, (tokens[:, 0] > 3).long()


@pytest.mark.parametrize(
    ("make", "data"), [(dropping, blobs), (LeNet, images), (Transformer, sequences)]
)
@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "bfloat16"])
def test_weights_are_the_same_bit_for_bit(make, data, mixed, tmp_path):
    torch.manual_seed(0)
    x, y = data()

    def train(model, step):
        torch.manual_seed(1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(12):
            rows = torch.randint(0, len(x), (16,))
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            optimizer.step()
            step(loss)

    torch.manual_seed(0)
    alone = make()
    torch.manual_seed(0)
    model = make()
    train(alone, lambda loss: None)
    with watch(model, tmp_path / "run", every_n_steps=3) as flow:
        train(model, flow.step)
    for name, value in alone.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    layers = flow.run.layers
    assert layers["step"].unique().sort().to_list() == [0, 3, 6, 9]
    assert layers["delta_norm"].is_finite().all()
    assert layers["activation_std"].null_count() < len(layers)
    assert layers["weight_grad_norm"].max() > 0.01  # before clipping


def test_a_scaled_loss_counts_as_it_is(tmp_path):
    runs = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        torch.manual_seed(0)
        model = chain([2, 8, 2])
        x, y = blobs(32)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watch(model, tmp_path / str(len(runs)), scaler=scaler) as flow:
            loss = nn.functional.cross_entropy(model(x), y)
            (loss if scaler is None else scaler.scale(loss)).backward()
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
                scaler.update()
            flow.step(loss)
        runs.append(flow.run.layers)
    for name in ("delta_norm", "weight_grad_norm", "bias_grad_rms", "sample_grad_rms"):
        assert runs[1][name].to_list() == pytest.approx(runs[0][name].to_list(), rel=1e-5)


def test_a_run_like_any_other(tmp_path):
    for seed in (0, 1):
        model = chain([2, 8, 8, 2])
        settings = {"activation": "tanh", "lr": 0.01}
        run = trained(model, tmp_path / str(seed), seed=seed, settings=settings)
        assert kinds(run) == ["healthy"]
    loaded = load_run(tmp_path / "1")
    assert loaded.layers.equals(run.layers)
    assert loaded.record.n_steps == 60
    assert loaded.record.layers == ["0", "2", "4"]
    assert loaded.record.metrics["final"]["loss"].mean < 0.5
    assert (tmp_path / "1" / "flow.png").exists()
    own = ["data=moons", "activation=relu", "network.width=8", "trainer.max_epochs=2"]
    train_own([*own, "logger=none"], tmp_path / "2")
    found = deltaflow.compare([tmp_path])
    assert found.runs["status"].to_list() == ["completed"] * 3
    assert found.runs["activation"].to_list() == ["tanh", "tanh", "relu"]
    assert found.runs["vanishing_index_start"].null_count() == 0
    assert "tanh" in found._repr_html_()


def test_no_copy_of_weights_is_kept(tmp_path):
    gc.freeze()  # what earlier tests left is much, and not looked at
    model = chain([300, 300, 300])

    def alike():
        gc.collect()
        of_weights = [one for one in gc.get_objects() if type(one) in (torch.Tensor, nn.Parameter)]
        return sum(one.numel() == 300 * 300 for one in of_weights)

    with watch(model, tmp_path / "run") as flow:
        for _ in range(3):  # of which all are measured
            loss = model(torch.ones(4, 300)).sum()
            loss.backward()
            loss = loss.detach()
            flow.step(loss)
            held = alike()
    assert held <= 6  # weights, gradients, and the weights of the last step at most
    assert alike() == 4


def test_a_model_may_be_moved_while_it_is_watched(tmp_path):
    model = chain([2, 8, 2])
    with watch(model, tmp_path / "run") as flow:
        for number in range(4):
            if number == 2:
                model.double()
            loss = model(torch.ones(4, 2, dtype=model[0].weight.dtype)).sum()
            model.zero_grad()
            loss.backward()
            flow.step(loss)
    layers = load_run(tmp_path / "run").layers
    norms = layers.filter(layer=1).sort("step")["delta_norm"].to_list()
    assert len(norms) == 4
    assert norms == pytest.approx([norms[0]] * 4, rel=1e-5)


def test_a_loop_that_fails_keeps_what_was_measured(tmp_path):
    model = chain([2, 8, 2])

    def loop():
        with watch(model, tmp_path / "run") as flow:
            model(torch.ones(4, 2)).sum().backward()
            flow.step(1.0)
            model(torch.ones(4, 2))
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        loop()
    run = load_run(tmp_path / "run")
    assert (run.record.status, run.record.error) == (
        "failed",
        "ZeroDivisionError: division by zero",
    )
    assert len(run.layers) == 2
    model(torch.ones(4, 2)).sum().backward()  # no hook is left
    assert not model[0]._forward_hooks


def test_findings_can_end_the_program(tmp_path):
    deep = chain([2, *[8] * 10, 2], nn.Sigmoid)
    with pytest.raises(UserError, match="Found: Gradients vanish"):
        trained(deep, tmp_path / "run", fail_on=["vanishing"])
    assert load_run(tmp_path / "run").record.status == "completed"


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda path: watch(nn.Sequential(nn.ReLU()), path), "must have a linear layer"),
        (lambda path: watch(nn.Linear(2, 2, dtype=torch.cfloat), path), "of real numbers"),
        (lambda path: watch(torch.compile(nn.Linear(2, 2)), path), "torch.compile"),
        (lambda path: watch(nn.Linear(2, 2), path, every_n_steps=0), "at least 1. Found 0"),
        (lambda path: watch(nn.Linear(2, 2), path, fail_on=["vanish"]), "Found `vanish`"),
        (lambda path: watch(nn.Linear(2, 2), path, fail_on="dead"), "a list of kinds: detached"),
        (lambda _: FlowMonitor(fail_on=["healthy"]), "Found `healthy`"),
        (lambda path: watch(nn.Linear(2, 2), __file__), "Found a file at"),
        (lambda path: watch(nn.Linear(2, 2), f"{__file__}/run"), "Found a file at"),
        (lambda path: watch(nn.Linear(2, 2), path).step(torch.ones(3)), "must be one number"),
        (lambda path: watch(nn.Linear(2, 2), path, settings={"a": [1]}), "Found list for `a`"),
        (lambda path: check(nn.Linear(2, 2), torch.ones(3, 2)), "pair of inputs and targets"),
    ],
    ids=["nothing to watch", "complex", "compiled", "cadence", "kind", "text", "healthy", "file",
         "below a file", "loss", "setting", "batch"],
)  # fmt: skip
def test_what_cannot_be_watched(attempt, message, tmp_path):
    with pytest.raises(UserError, match=message):
        attempt(tmp_path / "run")


@pytest.mark.parametrize("first", [0, 64], ids=["first", "later"])
def test_batches_without_samples_stop_no_training(first, tmp_path):
    torch.manual_seed(0)
    x, y = blobs()
    model = chain([2, 8, 2], nn.ReLU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, tmp_path / "run") as flow:
        for n in (first, 0, 64, 0, 64):
            loss = nn.functional.cross_entropy(model(x[:n]), y[:n], reduction="sum") / 64
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)
    with_samples = flow.run.layers.filter(layer=1)["delta_norm"].is_not_null().to_list()
    assert with_samples == [first > 0, False, True, False, True]


def test_layers_of_complex_numbers_are_left_out(tmp_path):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.waves, self.head = nn.Linear(2, 4, dtype=torch.cfloat), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.waves(x.to(torch.cfloat)).abs())

    assert check(Mixed(), blobs(), nn.functional.cross_entropy).names == ("head",)


def test_a_taken_directory_is_left_alone(tmp_path):
    run = trained(chain([2, 4, 2]), tmp_path / "run", n_steps=1)
    with pytest.raises(UserError, match="directory of its own"):
        trained(chain([2, 4, 2]), tmp_path / "run", n_steps=1)
    assert load_run(tmp_path / "run").layers.equals(run.layers)


class Lit(pl.LightningModule):
    def __init__(self, manual=False):
        super().__init__()
        self.save_hyperparameters()
        self.body, self.head = nn.Linear(2, 8), nn.Linear(8, 2)
        self.automatic_optimization = not manual

    def loss(self, batch):
        x, y = batch
        return nn.functional.cross_entropy(self.head(torch.tanh(self.body(x))), y)

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        if not self.automatic_optimization:
            for optimizer in self.optimizers():
                optimizer.zero_grad()
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        parts = [torch.optim.SGD(p.parameters(), lr=0.1) for p in (self.body, self.head)]
        whole = torch.optim.SGD(self.parameters(), lr=0.1)
        return whole if self.automatic_optimization else parts


def fit(tmp_path, module, callbacks, **options):
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(*blobs(96))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's remarks on workers
        trainer = pl.Trainer(
            max_epochs=2, accelerator="cpu", callbacks=callbacks, enable_progress_bar=False,
            logger=TensorBoardLogger(tmp_path / "logs"), enable_model_summary=False,
            enable_checkpointing=False, **options,
        )  # fmt: skip
        trainer.fit(module, loader, loader)
    return trainer


@pytest.mark.parametrize(
    ("manual", "options", "n_steps"),
    [
        (False, {}, 24),
        (False, {"accumulate_grad_batches": 3, "gradient_clip_val": 0.1}, 8),
        (True, {}, 24),
        (False, {"precision": "bf16-mixed"}, 24),
    ],
    ids=["automatic", "accumulated", "manual", "bfloat16"],
)
def test_lightning(manual, options, n_steps, tmp_path):
    torch.manual_seed(0)
    alone = Lit(manual)
    torch.manual_seed(0)
    watched = Lit(manual)
    fit(tmp_path / "alone", alone, [], **options)
    monitor = FlowMonitor(every_n_steps=5)
    trainer = fit(tmp_path / "watched", watched, [monitor], **options)
    for name, value in alone.state_dict().items():
        assert torch.equal(watched.state_dict()[name], value), name
    run = load_run(f"{trainer.log_dir}/deltaflow")
    assert run.record.n_steps == n_steps
    assert run.record.hyperparameters["manual"] == manual
    last = [] if manual or n_steps - 1 in range(0, n_steps, 5) else [n_steps - 1]
    assert run.layers["step"].unique().sort().to_list() == [*range(0, n_steps, 5), *last]
    assert run.layers.filter(layer=1)["saturated_fraction"].null_count() == 0
    assert run.metrics["split"].to_list() == ["train", "validation"] * 2
    assert run.record.metrics["final"]["loss"].mean == pytest.approx(
        float(trainer.callback_metrics["val_loss"]), rel=1e-6
    )
    events = EventAccumulator(trainer.log_dir)
    events.Reload()
    (drawn,) = [tag for tag in events.Tags()["scalars"] if "delta_norm" in tag and "001" in tag]
    assert len(events.Scalars(drawn)) == len(run.layers) / 2


def test_accumulated_parts_make_one_batch(tmp_path):
    found = []
    for size, parts in ((24, 1), (8, 3)):
        torch.manual_seed(0)
        model = chain([2, 8, 2])
        x, y = blobs(24)
        with watch(model, tmp_path / str(parts)) as flow:
            for rows in torch.arange(24).split(size):
                loss = nn.functional.cross_entropy(model(x[rows]), y[rows]) / parts
                loss.backward()
            flow.step(loss)
        found.append(flow.run.layers)
    whole, summed = (layers["weight_grad_norm"].to_list() for layers in found)
    assert summed == pytest.approx(whole, rel=1e-5)
    assert found[1]["noise_scale"].null_count() == 2  # of parts, nobody knows


def test_check_leaves_the_model_as_it_is():
    model = dropping()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    found = check(model, blobs(), nn.functional.cross_entropy)
    assert [verdict.kind for verdict in found.verdicts] == ["healthy"]
    assert found.names == ("0", "4")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert model[0].weight.grad is None
    assert torch.equal(torch.random.get_rng_state(), state)


CHECKING = """
import sys, torch, deltaflow
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
batch = torch.randn(16, 4), torch.randint(3, (16,))
assert deltaflow.check(model, batch, torch.nn.CrossEntropyLoss()).verdicts
print([name for name in ("lightning", "matplotlib", "torchmetrics") if name in sys.modules])
"""


def test_a_check_waits_for_no_more_than_it_needs():
    ran = subprocess.run([sys.executable, "-c", CHECKING], capture_output=True, text=True)
    assert ran.stdout == "[]\n", ran.stderr


def test_check_sees_what_the_first_step_shows():
    deep = check(chain([2, *[16] * 12, 2], nn.Sigmoid), blobs(), nn.functional.cross_entropy)
    assert deep.verdicts[0].kind == "vanishing"
    assert str(deep).startswith("Gradients vanish: δ changes by ×0.1")


def test_the_package_names_them():
    assert {"FlowMonitor", "watch", "check"} <= set(deltaflow.__all__)
