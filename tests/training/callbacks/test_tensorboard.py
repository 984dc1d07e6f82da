"""Event files, read back, against the layers table."""

import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from matplotlib import image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from deltaflow.flow.rows import MeasuredStep
from deltaflow.nn.activations import traits
from deltaflow.records.decoding import decode
from deltaflow.records.details import VerdictRecord
from deltaflow.training.callbacks.tensorboard import (
    CHARTS,
    DECADES,
    lay_out_charts,
    log_layer_charts,
    log_picture,
    log_verdicts,
)
from running import run


def events(directory) -> EventAccumulator:
    keep_all = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(directory), size_guidance=keep_all).Reload()


def scalars(accumulator) -> dict[tuple[str, int], float]:
    return {
        (tag, event.step): event.value
        for tag in accumulator.Tags()["scalars"]
        if "/layer_" in tag
        for event in accumulator.Scalars(tag)
    }


def means(layers: pl.DataFrame) -> dict[tuple[str, int], float]:
    """By tag and step, the mean over the rows; nothing where no row has a finite value."""
    found = {}
    for (step, layer), rows in layers.group_by("step", "layer"):
        for name in CHARTS:
            known = [v for v in rows[name].drop_nulls() if np.isfinite(v)]
            finite = [math.log10(v) for v in known if v > 0] if name in DECADES else known
            tag = f"{'log10_' if name in DECADES else ''}{name}/layer_{layer:03d}"
            if finite:
                found[tag, step] = sum(finite) / len(finite)
    return found


def assert_each_chart_has_lines(read) -> None:
    """No chart is empty, and each quantity that applies has one."""
    (event,) = read.Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    charts = {chart.title: chart.multiline.tag for part in layout.category for chart in part.chart}
    tags = read.Tags()["scalars"]
    assert all(any(re.search(r, tag) for tag in tags) for (r,) in charts.values())
    shown = {name for name in CHARTS for tag in tags if tag.endswith(f"{name}/layer_001")}
    assert all(any(title.endswith(CHARTS[name]) for title in charts) for name in shown)
    assert [part.closed for part in layout.category] == [False] + [True] * (
        len(layout.category) - 1
    )
    assert len(layout.category[0].chart) <= 2


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_each_scalar_is_the_mean_over_seeds(activation, tmp_path):
    settings = ["trainer.max_epochs=2", "n_seeds=3", "diagnostics.every_n_steps=5"]
    layers = run([*settings, f"activation={activation}"], tmp_path).layers
    read = events(tmp_path / "tensorboard")
    assert_each_chart_has_lines(read)
    found = scalars(read)
    assert {step for _, step in found} == {0, 5, 10, 11}
    assert found == pytest.approx(means(layers), rel=1e-5, abs=1e-6)


def test_seeds_that_have_diverged_are_left_out_from_then_on(tmp_path):
    settings = ["loss=mse", "optimizer.lr=3", "diagnostics.every_n_steps=1"]
    result = run([*settings, "seed=10", "n_seeds=4", "trainer.max_epochs=4"], tmp_path)
    at = {replica["seed"]: replica["diverged_at_step"] for replica in result.summary["replicas"]}
    assert set(at.values()) == {None, 7, 9, 10}, "the step size no longer splits the seeds"
    healthy = pl.concat(
        result.layers.filter(pl.col("seed") == seed, pl.col("step") < (step or 10**9))
        for seed, step in at.items()
    )
    assert scalars(events(tmp_path / "tensorboard")) == pytest.approx(
        means(healthy), rel=1e-5, abs=1e-6
    )


@pytest.fixture
def picture(tmp_path) -> Path:
    """A PNG file of 31 × 17 pixels."""
    image.imsave(tmp_path / "picture.png", np.zeros((17, 31)))
    return tmp_path / "picture.png"


def test_a_picture_has_its_own_width_and_height_and_bytes(picture, tmp_path):
    board = TensorBoardLogger(tmp_path, name=None, version="board")
    log_picture([board], "flow", picture, step=42)
    board.finalize("success")
    (shown,) = events(tmp_path / "board").Images("flow")
    assert (shown.width, shown.height, shown.step) == (31, 17, 42)
    assert shown.encoded_image_string == picture.read_bytes()


def verdict(words):
    return decode(VerdictRecord, {"kind": "healthy", "words": words})


def test_loggers_other_than_tensorboards_are_passed_over(picture, tmp_path):
    csv = CSVLogger(tmp_path / "logs", name=None, version="csv")
    measured = MeasuredStep.of([{"delta_norm": [torch.ones(1)]}], 0, np.ones(1, dtype=bool))
    for loggers in ([csv], []):
        lay_out_charts(loggers, traits(torch.nn.ReLU()), ["loss"], by_seed=True)
        log_layer_charts(loggers, measured)
        log_picture(loggers, "flow", picture, step=0)
        log_verdicts(loggers, [verdict("Healthy.")], step=0)
    assert not list(tmp_path.rglob("*.csv"))
    assert csv.experiment.metrics == []


def text(accumulator, tag: str) -> tuple[str, int]:
    """What stands on the text page, and its step."""
    (event,) = accumulator.Tensors(f"{tag}/text_summary")
    return event.tensor_proto.string_val[0].decode(), event.step


def test_verdicts_are_a_list_on_the_text_page(tmp_path):
    board = TensorBoardLogger(tmp_path, name=None, version="board")
    log_verdicts([board], [verdict(f"Try {n}.") for n in (1, 2)], step=42)
    board.finalize("success")
    assert text(events(tmp_path / "board"), "verdicts") == ("- Try 1.\n- Try 2.", 42)


def test_without_verdicts_there_is_no_text(tmp_path):
    board = TensorBoardLogger(tmp_path, name=None, version="board")
    log_verdicts([board], [], step=42)
    board.finalize("success")
    assert not events(tmp_path / "board").Tags()["tensors"]


def test_what_the_summary_says_of_a_run_is_in_its_event_file(tmp_path):
    result = run(["init=zeros", "trainer.max_epochs=1"], tmp_path)
    (verdict,) = result.summary["verdicts"]
    assert verdict["kind"] == "symmetric"
    shown = text(events(tmp_path / "tensorboard"), "verdicts")
    assert shown == (f"- {verdict['words']}", result.summary["n_steps"])


@pytest.mark.parametrize("logger", ["csv", "none"])
def test_a_run_without_tensorboard_leaves_no_events(logger, tmp_path):
    run([f"logger={logger}", "trainer.max_epochs=1"], tmp_path)
    assert (tmp_path / "flow.png").exists()
    assert not list(tmp_path.rglob("events.*"))
