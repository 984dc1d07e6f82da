"""What a run leaves behind, end to end."""

import json
import math
import os
from dataclasses import replace

import lightning.pytorch as pl_lightning
import polars as pl
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.utilities.exceptions import _TunerExitException
from omegaconf import OmegaConf

from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment.building import trainer
from deltaflow.experiment.planning.identity import identity
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.run import run_alone
from deltaflow.records import LAYERS, METRICS, read_summary, read_table, write_summary
from running import composed, run, run_all

SHORT = ["logger=none", "trainer.max_epochs=4"]
OF_THE_DAY = {"started", "wall_seconds", "process"}


def test_the_same_command_gives_the_same_records(tmp_path):
    first, second = (run([*SHORT, "n_seeds=2"], tmp_path / name) for name in "ab")
    assert first.layers.equals(second.layers, null_equal=True)
    assert first.metrics.equals(second.metrics, null_equal=True)
    told = [
        {name: value for name, value in result.summary.items() if name not in OF_THE_DAY}
        for result in (first, second)
    ]
    assert json.dumps(told[0]) == json.dumps(told[1])


def test_seed_0_is_a_seed(tmp_path):
    torch.manual_seed(999)
    first = run([*SHORT, "seed=0"], tmp_path / "a")
    torch.manual_seed(1)
    second = run([*SHORT, "seed=0"], tmp_path / "b")
    other = run([*SHORT, "seed=1"], tmp_path / "c")
    assert first.layers.equals(second.layers, null_equal=True)
    assert not first.layers.drop("seed").equals(other.layers.drop("seed"), null_equal=True)


def test_a_run_does_not_touch_the_global_generators(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(SHORT, tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_steps_are_recorded_from_the_first_to_the_last(tmp_path):
    result = run([*SHORT, "diagnostics.every_n_steps=9"], tmp_path)  # 4 epochs of 6 steps
    assert result.layers["step"].unique().sort().to_list() == [0, 9, 18, 23]
    assert result.summary["n_steps"] == 24


def test_tables_have_a_row_for_all_that_their_keys_name(tmp_path):
    result = run([*SHORT, "n_seeds=3", "seed=7"], tmp_path)
    assert read_table(tmp_path, LAYERS).equals(result.layers, null_equal=True)
    assert read_table(tmp_path, METRICS).equals(result.metrics, null_equal=True)
    assert result.layers.select("seed").unique().sort("seed")["seed"].to_list() == [7, 8, 9]
    assert not result.layers.select(LAYERS.key).is_duplicated().any()
    assert not result.metrics.select(METRICS.key).is_duplicated().any()
    per_split = dict(result.metrics["split"].value_counts().iter_rows())
    assert per_split == {"train": 12, "validation": 12, "test": 3}


def test_null_is_for_what_does_not_apply(tmp_path):
    layers = run([*SHORT, "activation=tanh"], tmp_path).layers
    hidden, output = (layers.filter(condition) for condition in
                      (pl.col("layer") < 3, pl.col("layer") == 3))  # fmt: skip
    assert hidden["saturated_fraction"].null_count() == 0
    assert output["saturated_fraction"].null_count() == len(output)
    assert layers["dead_fraction"].null_count() == len(layers)
    assert layers["inactive_fraction"].null_count() == len(layers)


def test_a_single_sample_has_no_noise(tmp_path):
    layers = run([*SHORT, "data.batch_size=1", "trainer.max_epochs=1"], tmp_path).layers
    for name in ("grad_noise_trace", "grad_signal", "noise_scale"):
        assert layers[name].null_count() == len(layers)
    assert layers["sample_grad_rms"].null_count() == 0


def test_the_noise_scale_is_null_where_the_noise_hides_the_gradient(tmp_path):
    layers = run([*SHORT, "trainer.max_epochs=30", "n_seeds=4"], tmp_path).layers
    hidden = layers["grad_signal"] <= 0
    assert hidden.any()
    assert layers["noise_scale"].is_null().equals(hidden)


def test_a_replica_that_diverges_is_marked_and_left_out_of_means(tmp_path):
    result = run(
        [*SHORT, "n_seeds=6", "loss=mse", "optimizer.lr=3.3", "trainer.max_epochs=20"], tmp_path
    )
    replicas = result.summary["replicas"]
    diverged = [r for r in replicas if r["status"] == "diverged"]
    assert 0 < len(diverged) < 6, "the step size no longer splits the seeds"
    assert result.summary["status"] == "completed"
    assert result.summary["metrics"]["test"]["loss"]["n"] == 6 - len(diverged)
    for replica in diverged:
        assert 0 <= replica["diverged_at_step"] <= result.summary["n_steps"]
        rows = result.metrics.filter(pl.col("seed") == replica["seed"]).sort("epoch")
        assert math.isnan(rows["loss"][-1])


def test_a_run_whose_replicas_all_diverge_is_a_result_and_stops(tmp_path):
    result = run([*SHORT, "loss=mse", "optimizer.lr=1e30", "trainer.max_epochs=50"], tmp_path)
    assert result.summary["status"] == "diverged"
    assert result.summary["n_steps"] < 50 * 6
    assert read_summary(tmp_path).replicas[0].diverged_at_step >= 0


def test_the_records_of_another_run_are_not_overwritten(tmp_path):
    first = run(SHORT, tmp_path)
    with pytest.raises(ValueError, match="needs a directory of its own"):
        run([*SHORT, "seed=1"], tmp_path)
    assert read_summary(tmp_path) == first.record
    assert read_table(tmp_path, LAYERS).equals(first.layers, null_equal=True)


def threads_of(overrides, directory, monkeypatch):
    """How many threads PyTorch had while a run trained, of three that there may be."""
    seen = []
    fit = pl_lightning.Trainer.fit

    def look(*arguments, **named):
        seen.append(torch.get_num_threads())
        return fit(*arguments, **named)

    before = torch.get_num_threads()
    with monkeypatch.context() as patch:
        patch.setattr(pl_lightning.Trainer, "fit", look)
        try:
            torch.set_num_threads(3)
            run([*SHORT, "diagnostics=off", *overrides], directory)
            assert torch.get_num_threads() == 3
        finally:
            torch.set_num_threads(before)
    return seen


@pytest.mark.parametrize(("settings", "helps", "inside"), [
    ([], False, 1),
    ([], True, 3),
    (["trainer.threads=2"], False, 2),
    (["n_seeds=300", "trainer.max_epochs=1", "network.width=64"], True, 1),  # in parts
])  # fmt: skip
def test_pytorch_has_as_many_threads_as_help(settings, helps, inside, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_threads_help", lambda *_: helps)
    assert threads_of(settings, tmp_path, monkeypatch) == [inside]


@pytest.mark.parametrize(("width", "is_tried"), [(32, False), (512, True)])
def test_what_small_networks_do_is_left_to_no_clock(width, is_tried, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: read.append(0) or len(read))
    small = ["trainer.max_epochs=1", "trainer.max_batches=1", f"network.width={width}"]
    threads_of(small, tmp_path, monkeypatch)
    assert bool(read) == is_tried


@pytest.mark.parametrize("first", [True, False])
def test_a_run_goes_on_with_the_threads_that_it_began_with(first, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(trainer, "_threads_help", lambda *_: first)
    began = threads_of([], tmp_path / "run", monkeypatch)
    kept = read_summary(tmp_path / "run")
    write_summary(tmp_path / "run", replace(kept, status="interrupted"))
    monkeypatch.setattr(trainer, "_threads_help", lambda *_: not first)
    goes_on = [f"resume='{tmp_path / 'run'}'"]
    assert threads_of(goes_on, tmp_path / "run", monkeypatch) == began == [3 if first else 1]


def test_the_summary_is_there_while_the_run_is_going(tmp_path, monkeypatch):
    seen = []

    def look(*_):
        seen.append(read_summary(tmp_path))
        raise RuntimeError("stop here")

    monkeypatch.setattr("deltaflow.experiment.building.assembly.datamodule", look)
    with pytest.raises(RuntimeError):
        run(SHORT, tmp_path)
    assert seen[0].status == "running"
    assert seen[0].process == os.getpid()
    assert seen[0].hyperparameters["network.depth"] == 2
    assert seen[0].identity == identity(composed(SHORT, tmp_path / "elsewhere"))
    assert read_summary(tmp_path).status == "failed"
    assert read_summary(tmp_path).error.startswith("RuntimeError: stop here. ")


@pytest.mark.parametrize("change", [{"network": None}, {"seed": "${nope}"}], ids=str)
def test_settings_that_make_no_sense_are_told_of_by_their_own_message(change, tmp_path):
    config, choices = compose_run(SHORT, tmp_path)
    broken = OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(config)), change)
    with pytest.raises(Exception, match=r"nope|network|NoneType"):
        run_alone(RunPlan(broken, tmp_path, choices))
    summary = read_summary(tmp_path)
    assert (summary.status, summary.hyperparameters) == ("failed", {})
    assert len(summary.identity) == 64


def test_the_checkpoint_holds_the_final_weights_and_needs_no_pickle(tmp_path):
    result = run([*SHORT, "activation=leaky", "n_seeds=2"], tmp_path)
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    for name, value in result.network.state_dict().items():
        assert torch.equal(checkpoint["state_dict"][f"network.{name}"], value)
    assert checkpoint["architecture"] == {
        "sizes": [4, 32, 32, 3],
        "seeds": [0, 1],
        "activation": {"_target_": "torch.nn.LeakyReLU", "negative_slope": 0.01},
        "output_activation": None,
        "dtype": "float32",
        "normalization": None,
        "dropout": 0.0,
    }


def test_test_metrics_are_those_of_the_final_weights(tmp_path):
    result = run([*SHORT, "n_seeds=2"], tmp_path)
    per_seed = [replica["test"]["accuracy"] for replica in result.summary["replicas"]]
    assert result.summary["metrics"]["test"]["accuracy"]["mean"] == pytest.approx(sum(per_seed) / 2)
    assert result.metrics.filter(split="test")["epoch"].to_list() == [3, 3]


def test_without_validation_and_test_rows_a_run_has_neither(tmp_path):
    result = run([*SHORT, "data.split=[1,0,0]"], tmp_path)
    assert result.metrics["split"].unique().to_list() == ["train"]
    replica = result.summary["replicas"][0]
    assert (replica["best_epoch"], replica["best"], replica["test"]) == (None, {}, {})
    assert replica["final"]["accuracy"] > 0.3


ACCURACY = [
    *([f"activation={name}", "loss=ce"] for name in ("sigmoid", "tanh", "relu", "leaky")),
    ["activation=relu", "loss=bce"],
    ["activation=relu", "loss=mse"],
]


@pytest.mark.slow
def test_the_defaults_learn_iris(tmp_path):
    settings = [[*overrides, "logger=none", "n_seeds=10"] for overrides in ACCURACY]
    for overrides, result in zip(ACCURACY, run_all(settings, tmp_path), strict=True):
        assert result.summary["metrics"]["test"]["accuracy"]["mean"] >= 0.93, overrides


class Leaving(Callback):
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 3:
            raise _TunerExitException


class Asking(Callback):
    def on_train_batch_start(self, trainer, *_):
        trainer.should_stop = trainer.global_step == 3


def test_what_lightning_takes_for_an_end_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "deltaflow.experiment.building.assembly.callbacks", lambda config: [Leaving()]
    )
    with pytest.raises(ValueError, match="broke it off after 3 updates"):
        run(SHORT, tmp_path)
    assert read_summary(tmp_path).status == "failed"


def test_a_part_may_ask_to_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "deltaflow.experiment.building.assembly.callbacks", lambda config: [Asking()]
    )
    assert run(SHORT, tmp_path).record.n_steps == 4
