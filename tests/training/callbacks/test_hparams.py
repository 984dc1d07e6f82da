"""The HParams page's data, read back from event files, against the records of the run."""

import math
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from deltaflow.records import Summary
from deltaflow.training.callbacks.hparams import DIVERGED, RESULT, log_hyperparameters, log_outcome
from running import run

SHORT = "trainer.max_epochs=2"


def events(directory: Path) -> EventAccumulator:
    return EventAccumulator(str(directory / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def page(read: EventAccumulator) -> tuple:
    """The experiment, the start and the end of the run."""
    content = read.PluginTagToContent(metadata.PLUGIN_NAME)
    return (
        metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG]),
        metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG]),
        metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG]),
    )


def results(read: EventAccumulator) -> dict[str, float]:
    """The last value of each column of results that the run has."""
    tags = [info.name.tag for info in page(read)[0].metric_infos]
    return {tag: read.Scalars(tag)[-1].value for tag in tags if tag in read.Tags()["scalars"]}


def expected(summary, judged: str) -> dict[str, float]:
    moments = {
        f"{RESULT}{name}/{moment}": value["mean"]
        for moment in (judged, "best")
        for name, value in summary["metrics"][moment].items()
    }
    flow = {f"{RESULT}flow/{name}": value["mean"] for name, value in summary["flow"].items()}
    diverged = sum(replica["status"] == "diverged" for replica in summary["replicas"])
    known = {tag: mean for tag, mean in (moments | flow).items() if mean is not None}
    return known | {DIVERGED: diverged}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "judged", "some"),
    [
        (
            ["n_seeds=3"],
            "test",
            {"~result/accuracy/test", "~result/flow/decay_rate_end", "~result/loss/best"},
        ),
        (["data=linear", "loss=mse"], "test", {"~result/r2/test", "~result/rmse/best"}),
        (["network=linear"], "test", {"~result/flow/loss_gain_start"}),
        (["diagnostics=off"], "test", {"~result/macro_f1/test"}),
        (["data.split=[0.8,0.2,0]"], "final", {"~result/accuracy/final", "~result/accuracy/best"}),
        (["data.split=[1,0,0]"], "final", {"~result/accuracy/final"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_results_are_those_of_the_summary(settings, judged, some, tmp_path):
    summary = run([SHORT, *settings], tmp_path).summary
    found = results(events(tmp_path))
    assert found == pytest.approx(expected(summary, judged), rel=1e-6)
    assert some <= set(found)
    assert page(events(tmp_path))[2].status == api_pb2.STATUS_SUCCESS


def test_a_run_of_which_all_seeds_diverge_has_no_number_that_is_not_finite(tmp_path):
    settings = ["data=linear", "loss=mse", "optimizer.lr=1e6", "n_seeds=2", "data.n_samples=60"]
    assert run([SHORT, *settings], tmp_path).summary["status"] == "diverged"
    read = events(tmp_path)
    found = results(read)
    assert found.pop(DIVERGED) == 2
    assert found  # of the start, before any update
    assert all(name.endswith("_start") and math.isfinite(value) for name, value in found.items())
    assert page(read)[2].status == api_pb2.STATUS_FAILURE


def test_columns_of_what_a_sweep_varies_and_of_the_headline_go_first(tmp_path):
    overrides = [SHORT, "data=linear", "loss=mse", "optimizer.lr=0.01"]
    command = ["train.py", "-m", SHORT, "data=linear", "loss=mse", "optimizer.lr=0.01,0.1"]
    run(overrides, tmp_path, command=command)
    experiment = page(events(tmp_path))[0]
    first = {info.name for info in experiment.hparam_infos if info.differs}
    assert first == {"optimizer.lr", "network", "activation", "init", "loss"}
    assert [info.name.tag for info in experiment.metric_infos][:5] == [
        "~result/r2/test",
        "~result/flow/vanishing_index_start",
        "~result/flow/vanishing_index_end",
        "~result/flow/decay_rate_start",
        "~result/flow/decay_rate_end",
    ]
    tags = {info.name.tag for info in experiment.metric_infos}
    assert {"~result/accuracy/test", "~result/macro_f1/best"} <= tags, (
        "runs on classes may stand beside"
    )


def test_hyperparameters_are_numbers_where_they_are(tmp_path):
    settings = ["activation=leaky", "network.hidden_sizes=[8,4]", "trainer.gradient_clip_norm=0.5"]
    run([SHORT, *settings, "data=moons"], tmp_path)
    experiment, start, _ = page(events(tmp_path))
    found = {
        name: value.string_value if value.HasField("string_value") else value.number_value
        for name, value in start.hparams.items()
    }
    assert found == found | {
        "activation": "leaky",
        "activation.negative_slope": 0.01,
        "data": "moons",
        "data.noise": 0.2,
        "network.depth": 2,
        "network.hidden_sizes": "[8,4]",
        "trainer.gradient_clip_norm": 0.5,
        "optimizer.lr": 0.05,
        "seed": 0,
    }
    assert "network.width" not in found, "no width is in use"
    not_in_use = {
        "network.width", "network.output_activation", "network.normalization",
        "data.train_rows", "trainer.max_batches", "loss.class_weight",
        "trainer.early_stopping.patience", "data.folds", "data.split_seeds",
    }  # fmt: skip
    assert {info.name for info in experiment.hparam_infos} == {*found, *not_in_use}


def test_a_run_that_fails_in_training_has_its_row_without_an_end(tmp_path):
    with pytest.raises(ValueError, match="no such batch"):
        run([SHORT, "+callbacks.mine._target_=broken.RaisingCallback"], tmp_path)
    content = events(tmp_path).PluginTagToContent(metadata.PLUGIN_NAME)
    assert set(content) == {metadata.EXPERIMENT_TAG, metadata.SESSION_START_INFO_TAG}


def test_other_loggers_keep_hyperparameters_in_their_own_way(tmp_path):
    csv = CSVLogger(tmp_path, name=None, version="csv")
    log_hyperparameters([csv], {"optimizer.lr": 0.1}, set(), [])
    log_outcome([csv], Summary(status="completed"), step=3)
    csv.save()
    assert "optimizer.lr: 0.1" in (tmp_path / "csv" / "hparams.yaml").read_text()
    assert not list(tmp_path.rglob("events.*"))
