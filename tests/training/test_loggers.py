"""Loggers beside TensorBoard, with the real packages, in files of this machine."""

import os
import struct
from importlib.util import find_spec

import numpy as np
import pytest

from deltaflow.config.messages import explain
from deltaflow.training import loggers
from running import run, run_all

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*")

SHORT = ["trainer.max_epochs=1", "network.width=4"]
TAGS = {
    "loss/train", "accuracy/validation", "accuracy/test", "accuracy/best", "flow/decay_rate_start",
    "log10_delta_norm/layer_001", "log10_update_ratio/layer_002",
}  # fmt: skip
_BLOCK, _HEADER = 2**15, 7  # bytes of LevelDB's log format, which wandb writes


def _require(package: str) -> None:
    if find_spec(package) is None:
        message = f"{package} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A folder of its own, from which nothing goes out."""
    for name, value in {"WANDB_ERROR_REPORTING": "false", "WANDB_MODE": "offline"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _wandb_records(folder):
    """What wandb has written of a run."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, at, part = file.read_bytes(), _HEADER, b""
    while at + _HEADER <= len(data):
        if (left := _BLOCK - at % _BLOCK) < _HEADER:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + _HEADER])
        part += data[at + _HEADER : at + _HEADER + size]
        at += _HEADER + size
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            part = b""
            yield record


def _read_wandb(folder) -> dict[str, str]:
    """The last value of each key as JSON, with ``name`` and ``exit`` of the run."""
    found: dict[str, str] = {}
    for record in _wandb_records(folder):
        for item in [*record.history.item, *record.summary.update, *record.config.update]:
            found[item.key or "/".join(item.nested_key)] = item.value_json
        if record.WhichOneof("record_type") == "run":
            found["name"] = record.run.display_name
        if record.WhichOneof("record_type") == "exit":
            found["exit"] = str(record.exit.exit_code)
    return found


@pytest.fixture
def read(request, offline):
    """Reads what a logger has of the run in a folder: values by tag, verdicts, name, end."""

    def mlflow(folder):
        from mlflow.tracking import MlflowClient

        client = MlflowClient("sqlite:///outputs/mlflow.db")
        experiment = client.get_experiment_by_name("deltaflow")
        (one,) = (
            one
            for one in client.search_runs([experiment.experiment_id])
            if one.info.run_name == folder.name
        )
        assert [artifact.path for artifact in client.list_artifacts(one.info.run_id)] == [
            "flow.png"
        ]
        assert one.data.params["activation"] == "relu"
        return one.data.metrics | {
            "verdicts": one.data.tags["mlflow.note.content"],
            "name": one.info.run_name,
            "ended": one.info.status == "FINISHED",
        }

    def wandb(folder):
        found = _read_wandb(folder)
        assert found["activation"] == '"relu"'
        assert list(folder.glob("wandb/offline-run-*/files/media/images/flow_*.png"))
        values = {tag: float(text) for tag, text in found.items() if tag in TAGS}
        verdicts = found["verdicts"].encode().decode("unicode_escape").strip('"')
        return values | {"verdicts": verdicts, "name": found["name"], "ended": found["exit"] == "0"}

    return {"mlflow": mlflow, "wandb": wandb}[request.param]


@pytest.mark.parametrize(("logger", "read"), [("wandb", "wandb"), ("mlflow", "mlflow")],
                         indirect=["read"])  # fmt: skip
def test_each_run_of_a_stack_has_its_own_with_the_names_of_tensorboard(logger, read, offline):
    _require(logger)
    settings = [[*SHORT, f"logger={logger}", "activation=relu", f"seed={seed}"] for seed in (3, 5)]
    made = run_all(settings, offline / "outputs")
    assert [len(one.summary["stack"]) for one in made] == [2, 2]
    for one in made:
        found = read(one.directory)
        assert found.keys() >= TAGS
        assert (found["name"], found["ended"]) == (one.directory.name, True)
        assert found["accuracy/test"] == pytest.approx(
            one.summary["metrics"]["test"]["accuracy"]["mean"]
        )
        last = one.layers.filter(layer=1)["delta_norm"].to_numpy()[-1]
        assert found["log10_delta_norm/layer_001"] == pytest.approx(np.log10(last), rel=1e-5)
        assert one.summary["verdicts"][0]["words"][:9] in found["verdicts"]


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_what_is_not_installed_is_named_with_its_command(package, offline, monkeypatch):
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"pip install 'deltaflow\[{package}\]'"):
        run([*SHORT, f"logger={package}"], offline / "run")


def test_a_server_that_does_not_answer_is_told(offline, monkeypatch):
    _require("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = "http://127.0.0.1:9"  # a port of this machine where nobody listens
    with pytest.raises(Exception, match=r"127\.0\.0\.1") as raised:
        run([*SHORT, "logger=mlflow", f"logger.mlflow.tracking_uri='{address}'"], offline / "run")
    said = explain(raised.value)
    assert said.startswith("What a run talks to must answer. Found no connection: ")
    assert "`logger=tensorboard`" in said


def test_wandb_without_a_login_is_told(offline, monkeypatch):
    _require("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(offline))  # where a login would be kept
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match=r"must be able to begin a run\. Found: No API key"):
        run([*SHORT, "logger=wandb"], offline / "run")


def test_mlflow_gets_no_more_at_once_than_it_takes(offline):
    _require("mlflow")
    logger = loggers.MLflowRun(save_dir="x", tracking_uri="sqlite:///outputs/mlflow.db")
    logger.log_metrics({f"a/{n}": float(n) for n in range(1001)}, step=2)
    assert len(logger.experiment.get_run(logger.run_id).data.metrics) == 1001
