"""What the real TensorBoard shows of a run, asked over its HTTP interface."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import run

RUN = "run/tensorboard"


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def ask(logs) -> Iterator:
    run(["trainer.max_epochs=5", "n_seeds=2"], logs / "run")
    for activation in ("sigmoid", "leaky"):
        run(["trainer.max_epochs=2", f"activation={activation}"], logs / activation)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", "0",
               "--host", "127.0.0.1", "--load_fast", "false", "--reload_interval", "0"]  # fmt: skip
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "http://" in line)
        address = line[line.index("http://") :].split()[0]

        def get(path: str, **wanted) -> bytes:
            body = json.dumps(wanted).encode() if wanted else None
            kind = {"Content-Type": "application/json"}
            asked = urllib.request.Request(f"{address}data/{path}", body, kind)
            with urllib.request.urlopen(asked) as answer:
                return answer.read()

        yield get
    finally:
        server.kill()
        server.communicate()


def _scalars(ask, tag: str) -> list[list[float]]:
    return json.loads(ask(f"plugin/scalars/scalars?run={RUN}&tag={tag}"))


@pytest.mark.slow
def test_losses_and_metrics_are_there_as_mean_and_by_seed(ask):
    tags = json.loads(ask("plugin/scalars/tags"))[RUN]
    for metric in ("loss", "accuracy", "macro_f1"):
        for split in ("train", "validation"):
            assert f"{metric}/{split}" in tags
            assert {f"seeds/{metric}/{split}/seed_{seed}" for seed in (0, 1)} <= set(tags)
    mean, *seeds = (
        [value for _, _, value in _scalars(ask, tag)]
        for tag in ("loss/validation", *(f"seeds/loss/validation/seed_{n}" for n in (0, 1)))
    )
    assert len(mean) == 5
    assert mean == pytest.approx([sum(pair) / 2 for pair in zip(*seeds, strict=True)], rel=1e-5)


def test_each_quantity_has_one_chart_with_all_layers_in_it(ask):
    layout = json.loads(ask("plugin/custom_scalars/layout"))
    (flow,) = (c for c in layout["category"] if c["title"] == "Gradient flow")
    charts = {chart["title"]: chart["multiline"]["tag"] for chart in flow["chart"]}
    assert list(charts) == [
        "log₁₀ of δ norm", "log₁₀ of weight gradient norm", "log₁₀ of update ratio ‖ΔW‖ / ‖W‖"
    ]  # fmt: skip
    found = json.loads(
        ask(
            f"plugin/custom_scalars/scalars?run={RUN}"
            f"&tag={charts['log₁₀ of δ norm'][0].replace('+', '%2B')}"
        )
    )
    assert found["regex_valid"]
    assert sorted(found["tag_to_events"]) == [f"log10_delta_norm/layer_{n:03d}" for n in (1, 2, 3)]
    steps = [step for _, step, _ in found["tag_to_events"]["log10_delta_norm/layer_001"]]
    assert steps == [0, 10, 20, 29]


def test_hyperparameters_and_results_sort_the_runs(ask, logs):
    """The table of the HParams page, as the page itself asks for it."""
    experiment = json.loads(ask("plugin/hparams/experiment", experimentName="", hparamsLimit=0))
    tags = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert {info["name"] for info in experiment["hparamInfos"]} >= {"activation", "network.depth"}
    for tag, part, number in (
        ("~result/accuracy/test", "metrics", "accuracy"),
        ("~result/flow/decay_rate_start", "flow", "decay_rate_start"),
    ):
        assert tag in tags
        names = [{"hparam": "activation"}, {"metric": {"tag": tag}, "order": "ORDER_DESC"}]
        answer = ask(
            "plugin/hparams/session_groups",
            startIndex=0,
            sliceSize=100,
            allowedStatuses=["STATUS_SUCCESS"],
            colParams=names,
        )
        rows = json.loads(answer)["sessionGroups"]
        summaries = {
            path.parent.name: json.loads(path.read_text()) for path in logs.glob("*/summary.json")
        }
        values = {
            name: (s[part]["test"] if part == "metrics" else s[part])[number]["mean"]
            for name, s in summaries.items()
        }
        assert len(set(values.values())) == 3, "the runs no longer differ"
        ranking = sorted(values, key=values.__getitem__, reverse=True)
        assert [row["name"] for row in rows] == [f"{name}/tensorboard" for name in ranking]
        assert [row["hparams"]["activation"] for row in rows] == [
            summaries[name]["choices"]["activation"] for name in ranking
        ]


def test_histograms_of_weights_and_gradients_are_there(ask):
    tags = json.loads(ask("plugin/histograms/tags"))[RUN]
    assert set(tags) == {
        f"{name}/layer_{n:03d}" for name in ("weight", "weight_grad") for n in (1, 2, 3)
    }
    drawn = json.loads(ask(f"plugin/histograms/histograms?run={RUN}&tag=weight/layer_001"))
    assert [step for _, step, _ in drawn] == [0, 29]


def test_the_flow_picture_is_there(ask, logs):
    assert "flow" in json.loads(ask("plugin/images/tags"))[RUN]
    (picture,) = json.loads(ask(f"plugin/images/images?run={RUN}&tag=flow&sample=0"))
    png = ask(f"plugin/images/individualImage?{picture['query']}")
    assert png == (logs / "run" / "flow.png").read_bytes()
