import itertools

import pytest
import torch
from polars.testing import assert_frame_equal

from running import run, run_all

SETTINGS = ["data=iris", "trainer.max_epochs=4", "n_seeds=3", "network.depth=3", "logger=none"]
STEPS = 4 * 6
CADENCES = ("every_n_steps", "histogram_every_n_steps")


def assert_measuring_changes_nothing(overrides, every_n_steps, directory):
    cadence = [f"diagnostics.{key}={every_n_steps}" for key in CADENCES]
    on = run([*SETTINGS, *overrides, *cadence], directory / "on")
    off = run([*SETTINGS, *overrides, "diagnostics=off"], directory / "off")
    assert_alike(on, off, every_n_steps)
    return on


def assert_alike(on, off, every_n_steps):
    expected = sorted({*range(0, STEPS, every_n_steps), STEPS - 1})
    assert on.layers["step"].unique().sort().to_list() == expected
    assert len(off.layers) == 0
    for ours, theirs in zip(on.network.parameters(), off.network.parameters(), strict=True):
        assert torch.equal(ours.nan_to_num(), theirs.nan_to_num())
    for ours, theirs in zip(on.network.buffers(), off.network.buffers(), strict=True):
        assert torch.equal(ours, theirs)
    assert_frame_equal(on.metrics, off.metrics, check_exact=True)


def test_weights_of_a_run_are_bit_identical(tmp_path):
    assert_measuring_changes_nothing([], 1, tmp_path)


def test_weights_of_a_stack_of_runs_are_bit_identical(tmp_path):
    parts = itertools.product(("sigmoid", "tanh", "relu", "leaky"), ("sgd", "adam"))
    runs = [[*SETTINGS, f"activation={phi}", f"optimizer={name}"] for phi, name in parts]
    cadence = [f"diagnostics.{key}=1" for key in CADENCES]
    on = run_all([[*overrides, *cadence] for overrides in runs], tmp_path / "on")
    off = run_all([[*overrides, "diagnostics=off"] for overrides in runs], tmp_path / "off")
    for one, other in zip(on, off, strict=True):
        assert_alike(one, other, 1)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_in_any_precision(precision, tmp_path):
    assert_measuring_changes_nothing([f"trainer.precision={precision}"], 7, tmp_path)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_with_normalisation_and_dropout(normalization, tmp_path):
    block = [f"network.normalization={normalization}", "network.dropout=0.3"]
    assert_measuring_changes_nothing(block, 1, tmp_path)


@pytest.mark.parametrize("clip", ["null", "0.01"])
def test_with_charts_and_histograms_in_tensorboard(clip, tmp_path):
    settings = ["logger=tensorboard", f"trainer.gradient_clip_norm={clip}"]
    assert_measuring_changes_nothing(settings, 5, tmp_path)


def test_while_some_replicas_diverge(tmp_path):
    wild = ["data=linear", "loss=mse", "data.n_samples=150", "init=normal", "init.sigma_w=4.0",
            "optimizer.lr=5e-4", "trainer.precision=64-true"]  # fmt: skip
    found = assert_measuring_changes_nothing(wild, 1, tmp_path)
    statuses = [replica["status"] for replica in found.summary["replicas"]]
    assert set(statuses) == {"completed", "diverged"}
    for replica in found.summary["replicas"]:
        final = found.layers.filter(seed=replica["seed"], step=STEPS - 1)["delta_norm"]
        assert final.is_finite().all() == (replica["status"] == "completed")
