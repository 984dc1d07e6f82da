import dataclasses
import html
import logging
import os
import shutil
import signal
import sys
import threading
import warnings

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from polars.testing import assert_frame_equal

from deltaflow import UserError, assemble, compare, load_run, run_sweep, train
from deltaflow.commands.api import LOG
from deltaflow.config.messages import INTERRUPTED
from processes import start
from running import CONF

SHORT = ["logger=none", "trainer.max_epochs=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained") / "run"
    return train([*SHORT, "activation=leaky", "n_seeds=3", "seed=4"], directory)


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of its records, to be spoilt."""
    return shutil.copytree(trained.directory, tmp_path / "copy")


def test_an_old_run_is_what_it_was(trained):
    again = load_run(trained.directory)
    assert again.summary == trained.summary
    assert again.layers.equals(trained.layers, null_equal=True)
    assert again.metrics.equals(trained.metrics, null_equal=True)
    x = torch.randn(3, 7, 4)
    assert torch.equal(again.network(x), trained.network(x))
    assert again.title == trained.title == "leaky · torch · iris · ce · depth 2 · 3 seeds"


def test_what_a_run_begins_with_can_be_assembled(trained):
    data, network = assemble([*SHORT, "activation=leaky", "n_seeds=3", "seed=4"])
    assert list(data.seeds) == [4, 5, 6]
    first = trained.layers.filter(step=0, seed=5).sort("layer")["weight_rms"].to_list()
    weights = [layer.weight[1] for layer in network.layers]
    assert [w.square().mean().sqrt().item() for w in weights] == pytest.approx(first)
    assert not network.training
    with pytest.raises(UserError, match=r"optimizer\.lr"):
        assemble(["optimizer.lr=-1"])


@pytest.mark.slow
def test_python_and_the_command_line_train_the_same_network(trained, tmp_path):
    settings = [*SHORT, "activation=leaky", "n_seeds=3", "seed=4", "hydra.run.dir=there"]
    assert start(settings, tmp_path).wait() == 0
    there = load_run(tmp_path / "there")
    assert there.layers.equals(trained.layers, null_equal=True)
    assert there.summary["metrics"] == trained.summary["metrics"]
    assert there.summary["choices"] == trained.summary["choices"]


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_a_network_is_read_with_its_normalisation_and_dropout(normalization, tmp_path):
    block = [f"network.normalization={normalization}", "network.dropout=0.2", "n_seeds=2"]
    run = train([*SHORT, *block, "seed=3"], tmp_path / "run")
    network = load_run(run.directory).network
    assert network.seeds == run.network.seeds == (3, 4)
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x), run.network(x))
    assert torch.equal(network.train()(x, step=5), run.network.train()(x, step=5))


def test_a_notebook_shows_verdict_results_and_picture(trained):
    shown = trained._repr_html_()
    assert trained.verdicts == trained.record.verdicts
    parts = [html.escape(trained.verdicts[0].words), html.escape(trained.title), "<table>",
             "the largest class, always", "data:image/png;base64,iVBOR"]  # fmt: skip
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


def test_runs_that_are_compared_are_ranked_and_shown_with_the_answer_first(trained, tmp_path):
    other = train([*SHORT, "activation=tanh", "n_seeds=3"], tmp_path)
    found = compare([trained, other.directory])
    assert {one.label for one in found.comparison.ranking} == {
        "activation=leaky", "activation=tanh"
    }  # fmt: skip
    assert len(found.runs) == 6
    shown = found._repr_html_()
    assert shown.startswith(f"<p><b>{html.escape(found.comparison.headline[0])}</b></p>")
    assert shown.count("<tr>") == 3
    with pytest.raises(UserError, match="baseline"):
        compare([trained, other], baseline="activation=sigmoid")


@pytest.mark.usefixtures("real_pictures")
def test_the_flow_is_drawn_with_one_call(trained):
    titles = [axes.get_title(loc="left") for axes in trained.draw().axes]
    assert any(title.startswith("δ norm") for title in titles)


def test_without_a_flow_there_is_no_picture(tmp_path):
    run = train([*SHORT, "diagnostics=off"], tmp_path / "run")
    with pytest.raises(ValueError, match=r"Run with `diagnostics=default`\."):
        run.draw()


def test_a_mistake_has_the_command_lines_message(tmp_path):
    with pytest.raises(ValueError, match=r"must name a setting that exists. Found `network.dept`"):
        train(["network.dept=3"], tmp_path / "run")
    with pytest.raises(ValueError, match=r"`network.depth` must be at least 0"):
        train(["network.depth=-1"], tmp_path / "other")


def test_settings_may_come_one_at_a_time(tmp_path):
    run = train((o for o in [*SHORT, "diagnostics=off", "network.depth=1"]), tmp_path / "run")
    assert run.summary["overrides"] == [*SHORT, "diagnostics=off", "network.depth=1"]
    assert run.network.depth == 1


def test_runs_find_a_directory_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = train([*SHORT, "diagnostics=off"]), train([*SHORT, "diagnostics=off"])
    assert first.directory != second.directory
    assert first.directory.parent.name == "outputs"


def test_a_checkpoint_with_an_activation_of_somebody_elses_gives_no_network(copy):
    path = copy / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["architecture"]["activation"] = {"_target_": "os.system", "command": "true"}
    torch.save(checkpoint, path)
    assert load_run(copy).network is None


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Found no summary\.json in"):
        load_run(tmp_path)


@pytest.mark.parametrize("content", [b"junk", b"", b"PK\x03\x04 and so on"])
def test_a_checkpoint_that_cannot_be_read_is_refused(content, copy):
    (copy / "checkpoints" / "last.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match=r"last.ckpt must be the checkpoint of a run"):
        load_run(copy)


def test_a_checkpoint_of_something_else_is_refused(copy):
    torch.save({"state_dict": {}}, copy / "checkpoints" / "last.ckpt")
    with pytest.raises(ValueError, match=r"must be the checkpoint of a run. .* `architecture"):
        load_run(copy)


def test_a_run_that_was_killed_is_titled_by_the_seeds_it_measured(trained, tmp_path):
    killed = dataclasses.replace(trained, record=dataclasses.replace(trained.record, replicas=[]))
    assert killed.title == trained.title


@pytest.mark.parametrize("overrides", ["activation=tanh", ["hydra.run.dir=here"], [3]])
def test_what_is_no_list_of_settings_is_refused(overrides):
    with pytest.raises(ValueError, match="must be given a list of a run's settings"):
        train(overrides)


SMALL = ["logger=none", "trainer.max_epochs=1", "network.width=4"]


def state():
    hooks = warnings.showwarning, threading.excepthook
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    log = logging.getLogger()
    said = HydraConfig.instance().cfg, log.level, list(log.handlers)
    return (
        *hooks,
        *signals,
        *said,
        list(sys.argv),
        list(sys.path),
        os.environ.get("HYDRA_FULL_ERROR"),
    )


def test_a_sweep_from_python_is_that_of_the_command_line(tmp_path, capfd):
    before = state()
    sweep = run_sweep(["activation=relu,tanh", "n_seeds=2", *SMALL], tmp_path / "it's here")
    assert state() == before
    assert capfd.readouterr() == ("", "")
    assert sweep.runs["status"].to_list() == ["completed"] * 4
    assert sorted(set(sweep.runs["activation"])) == ["relu", "tanh"]
    assert (sweep.directory / "report.html").exists()
    assert "Ranking" in (sweep.directory / LOG).read_text()
    alone = train(["activation=tanh", "n_seeds=2", *SMALL], tmp_path / "alone")
    (name,) = set(sweep.runs.filter(activation="tanh")["directory"])
    assert_frame_equal(sweep.load(name).layers, alone.layers, rel_tol=1e-4)  # single precision


def test_a_sweep_from_python_goes_on(tmp_path):
    first = run_sweep(["activation=relu", *SMALL], tmp_path / "sweep")
    (name,) = first.runs["directory"]
    written = (first.directory / name / "summary.json").stat().st_mtime_ns
    again = run_sweep(["activation=relu,tanh", *SMALL], tmp_path / "sweep", resume=True)
    assert len(again.runs) == 2
    assert (first.directory / name / "summary.json").stat().st_mtime_ns == written
    with pytest.raises(ValueError, match=r"must be new|resume"):
        run_sweep(["activation=relu", *SMALL], tmp_path / "sweep")


def test_failed_runs_of_a_sweep_are_rows(tmp_path):
    sweep = run_sweep(["optimizer.lr=0.1,-1", *SMALL], tmp_path)
    assert sorted(sweep.runs["status"]) == ["completed", "failed"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["network.nowhere=1,2"], "network.nowhere"),
        ("activation=relu", "`run_sweep` must be given a list"),
        ([3], "`run_sweep` must be given a list"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_message(settings, said, tmp_path, capfd):
    with pytest.raises(ValueError, match=said) as refused:
        run_sweep(settings, tmp_path / "sweep")
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_an_interruption_of_a_sweep_goes_through(tmp_path, monkeypatch):
    def interrupted(_):
        raise SystemExit(INTERRUPTED)

    monkeypatch.setattr("deltaflow.commands.api.run_command_line", interrupted)
    with pytest.raises(KeyboardInterrupt, match=str(tmp_path)):
        run_sweep(SMALL, tmp_path)


def test_a_sweep_leaves_a_notebooks_own_logs_and_hydra_alone(tmp_path):
    log = logging.getLogger("mine")
    handler = logging.FileHandler(tmp_path / "mine.log", mode="w")
    log.addHandler(handler)
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            run_sweep(["activation=relu", *SMALL], tmp_path / "sweep")
            assert compose("train").seed == 0
        log.warning("still there")
        assert (tmp_path / "mine.log").read_text() == "still there\n"
    finally:
        log.removeHandler(handler)
        handler.close()


def test_a_sweep_that_goes_on_must_be_there_and_its_log_is_no_link(tmp_path):
    with pytest.raises(ValueError, match="Found no folder"):
        run_sweep(["activation=relu"], tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    (tmp_path / "private").write_text("as it was")
    (tmp_path / LOG).symlink_to(tmp_path / "private")
    with pytest.raises(ValueError, match="a symbolic link"):
        run_sweep(["activation=relu"], tmp_path)
    assert (tmp_path / "private").read_text() == "as it was"
