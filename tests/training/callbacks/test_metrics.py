"""The metrics table and what is logged, against plain loops and scikit-learn."""

import math

import lightning.pytorch as pl
import polars
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, r2_score
from torch import nn

from deltaflow.experiment.building import assembly
from deltaflow.records import METRICS
from running import composed, run

EPOCHS, R = 4, 2
SHORT = [
    f"trainer.max_epochs={EPOCHS}", "data.batch_size=17", "trainer.precision=64-true",
    "network.hidden_sizes=[7]", f"n_seeds={R}", "logger=none", "diagnostics=off",
]  # fmt: skip
TASKS = {  # overrides, the loss as PyTorch has it, and what the task is judged by
    "classes": (
        ["data=iris", "loss=ce"],
        nn.functional.cross_entropy,
        lambda output, y, scale: {
            "accuracy": accuracy_score(y, output.argmax(1)),
            "macro_f1": f1_score(y, output.argmax(1), average="macro"),
        },
    ),
    "numbers": (
        ["data=diabetes", "loss=mse", "optimizer.lr=0.01"],
        nn.functional.mse_loss,
        lambda output, y, scale: {
            "r2": r2_score(y, output),
            "rmse": float(((output - y) * scale[0]).square().mean().sqrt()),
        },
    ),
}


def plain_rows(plain, data, r, loss, judge):
    """Loss and metrics of a network that an ordinary loop trains, by epoch and split."""
    optimizer = torch.optim.SGD(plain.parameters(), **data.steps)
    batches, rows = data.train_dataloader(), {}

    def row(output, y):
        return {"loss": float(loss(output, y))} | judge(output, y, data.scale)

    for epoch in range(EPOCHS):
        batches.sampler.set_epoch(epoch)
        seen = []
        for x, y in batches:
            output = plain(x[r])
            seen.append((output.detach(), y[r]))
            optimizer.zero_grad()
            loss(output, y[r]).backward()
            optimizer.step()
        rows[epoch, "train"] = row(*(torch.cat(part) for part in zip(*seen, strict=True)))
        with torch.no_grad():
            x, y = (values[0] for values in data.val_dataloader().part)
            rows[epoch, "validation"] = row(plain(x), y)
    with torch.no_grad():
        x, y = (values[0] for values in data.test_dataloader().part)
        rows[EPOCHS - 1, "test"] = row(plain(x), y)
    return rows


@pytest.fixture(scope="module", params=TASKS)
def table_and_loops(request, tmp_path_factory):
    """The metrics table of a run, and the rows that plain loops give, by seed."""
    overrides, loss, judge = TASKS[request.param]
    overrides, directory = [*SHORT, *overrides], tmp_path_factory.mktemp(request.param)
    config = composed(overrides, directory)
    data = assembly.datamodule(config)
    data.steps = {"lr": config.optimizer.lr, "momentum": config.optimizer.momentum}
    data.scale = getattr(data.task, "scale", None)
    start = assembly.module(config, data).network
    loops = {r: plain_rows(start.replica(r), data, r, loss, judge) for r in range(R)}
    return run(overrides, directory).metrics, loops


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_each_row_is_what_a_plain_loop_finds(split, table_and_loops):
    table, loops = table_and_loops
    rows = table.filter(split=split).to_dicts()
    assert len(rows) == R * (1 if split == "test" else EPOCHS)
    for row in rows:
        for name, expected in loops[row["seed"]][row["epoch"], split].items():
            assert row[name] == pytest.approx(expected, rel=1e-9)


def test_metrics_of_the_other_kind_of_task_are_null(table_and_loops):
    table, loops = table_and_loops
    known = {"loss", *loops[0][0, "train"]}
    for name in METRICS.quantities:
        assert table[name].null_count() == (0 if name in known else len(table))


class Watch(pl.Callback):
    """Remembers what Lightning's own callbacks could monitor after each epoch."""

    def __init__(self):
        self.epochs = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append({n: float(v) for n, v in trainer.callback_metrics.items()})

    def on_test_end(self, trainer, pl_module):
        self.after_the_test = {n: float(v) for n, v in trainer.callback_metrics.items()}


N_STEPS = 6  # of an epoch of the run below


@pytest.fixture(scope="module")
def diverging(tmp_path_factory):
    """A run of which seed 13 diverges in the first epoch and seed 15 after it."""
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deltaflow.experiment.building.assembly.callbacks", lambda config: [watch])
        result = run(
            [
                "trainer.max_epochs=4",
                "seed=12",
                "n_seeds=5",
                "loss=mse",
                "optimizer.lr=4",
                "logger=none",
            ],
            tmp_path_factory.mktemp("diverging"),
        )
    at = {replica["seed"]: replica["diverged_at_step"] for replica in result.summary["replicas"]}
    assert (at[12], at[16]) == (None, None), "the step size no longer splits the seeds"
    assert at[15] == N_STEPS, "seed 15 no longer diverges between two epochs"
    assert at[13] < N_STEPS
    return result.metrics, at, watch


def finite(at, split, epoch):
    """Whether a seed that diverges at step ``at`` has metrics of this epoch.

    Those of training hold the epoch's own steps; the others are of the weights after it,
    which the next step would use.
    """
    return at is None or at > (epoch + 1) * N_STEPS - (split == "train")


def test_a_diverged_replica_has_no_metrics_from_then_on(diverging):
    metrics, at, _ = diverging
    for seed, epoch, split, *values in metrics.select(
        "seed", "epoch", "split", "loss", "accuracy", "macro_f1"
    ).rows():
        assert [math.isfinite(v) for v in values] == 3 * [finite(at[seed], split, epoch)]


@pytest.mark.parametrize("name", ["loss", "accuracy", "macro_f1"])
def test_means_that_are_logged_leave_diverged_replicas_out(name, diverging):
    metrics, at, watch = diverging
    assert len(watch.epochs) == 4
    for epoch, logged in enumerate(watch.epochs):
        for split in ("train", "validation"):
            seeds = [seed for seed in at if finite(at[seed], split, epoch)]
            rows = metrics.filter(polars.col("seed").is_in(seeds), epoch=epoch, split=split)
            assert logged[f"{name}/{split}"] == pytest.approx(rows[name].mean(), rel=1e-6)


def test_the_mean_of_the_test_part_leaves_them_out_too(diverging):
    metrics, _, watch = diverging
    rows = metrics.filter(polars.col("seed").is_in([12, 16]), split="test")
    assert watch.after_the_test["loss/test"] == pytest.approx(rows["loss"].mean(), rel=1e-6)
