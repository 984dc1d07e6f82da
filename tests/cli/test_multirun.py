"""A sweep goes on whatever happens to a run, and its end says what came out."""

import json

import pytest

from processes import start, write_to_nobody

SHORT = ["logger=none", "trainer.max_epochs=1", "network.width=4"]


def test_a_sweep_ends_with_a_ranking(deltaflow):
    outcome = deltaflow("-m", "activation=relu,tanh", "loss=ce,bce", *SHORT)
    assert outcome.status == 0
    ranking = outcome.out[outcome.out.index("Ranking") :]
    assert "activation · loss" in ranking
    for run in ("relu · ce", "relu · bce", "tanh · ce", "tanh · bce"):
        assert run in ranking
    assert "trainer.max_epochs" not in ranking  # shared by all runs
    assert len(outcome.summaries) == 4


def test_the_best_run_comes_first(deltaflow):
    outcome = deltaflow("-m", "optimizer.lr=1e-9,0.1", "logger=none", "trainer.max_epochs=10")
    ranking = outcome.out[outcome.out.index("Ranking") :]
    assert ranking.index("| 0.1 ") < ranking.index("| 1e-09 ")


def test_a_failed_run_is_a_row_and_decides_the_exit_status(deltaflow):
    outcome = deltaflow("-m", "network.depth=-1,1", *SHORT)
    assert outcome.status == 1
    assert "0_" in outcome.err
    assert "`network.depth` must be at least 0. Found -1." in outcome.err
    assert "Traceback" not in outcome.err
    statuses = [json.loads(path.read_text())["status"] for path in outcome.summaries]
    assert statuses == ["failed", "completed"]
    ranking = outcome.out[outcome.out.index("Ranking") :]
    assert ranking.index("| 1 ") < ranking.index("Without a result") < ranking.index("| -1 ")


def test_a_sweep_with_an_unknown_option_is_refused_before_it_starts(deltaflow):
    outcome = deltaflow("-m", "activation=relu,swish9", *SHORT)
    assert outcome.status == 1
    assert outcome.err.startswith("deltaflow: `activation` must be one of")
    assert outcome.summaries == []


@pytest.mark.slow
@pytest.mark.filterwarnings("always")
def test_a_warning_of_several_runs_is_shown_once(deltaflow):
    twice = ["network.output_activation=softmax", "hydra/launcher=basic"]
    said = deltaflow("-m", "activation=relu,tanh", *twice, *SHORT)
    assert said.status == 0
    assert said.err.count("the gradient is attenuated twice") == 1


def test_a_diverged_run_is_data(deltaflow):
    outcome = deltaflow("-m", "optimizer.lr=1e30,0.1", "loss=mse", *SHORT[:1], "n_seeds=2")
    assert outcome.status == 0
    assert "diverged" in outcome.out


def test_every_run_of_a_sweep_has_a_readable_directory(deltaflow):
    outcome = deltaflow("-m", "activation=relu,tanh", *SHORT)
    names = [path.parent.name for path in outcome.summaries]
    assert [name.split(",")[0] for name in names] == ["0_activation=relu", "1_activation=tanh"]
    assert all(len(name.encode()) <= 80 for name in names)


def test_a_sweep_does_not_go_where_another_has_been(deltaflow):
    first = deltaflow("-m", "hydra.sweep.dir=fixed", "seed=0", *SHORT)
    before = {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    second = deltaflow("-m", "hydra.sweep.dir=fixed", "seed=0,1", *SHORT)
    assert second.status == 1
    assert second.err.startswith("deltaflow: A run or sweep needs a directory of its own.")
    after = {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    assert after == before


def test_a_run_does_not_go_where_another_has_been(deltaflow):
    first = deltaflow("hydra.run.dir=fixed", "seed=0", *SHORT)
    before = {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    second = deltaflow("hydra.run.dir=fixed", "seed=1", *SHORT)
    assert second.status == 1
    assert "needs a directory of its own" in second.err
    after = {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_a_sweep_goes_on_when_nobody_reads_any_more(tmp_path):
    ran = start(["-m", "seed=0,1,2", "hydra.sweep.dir=here", *SHORT], tmp_path, write_to_nobody)
    assert ran.wait() == 0
    assert ran.err == ""
    assert len(list(tmp_path.glob("here/*/summary.json"))) == 3


def test_the_traceback_of_a_failed_run_is_shown_to_those_who_ask(deltaflow):
    outcome = deltaflow("-m", "network.depth=-1,1", *SHORT, full_error="1")
    assert outcome.status == 1
    assert "Traceback" in outcome.err


def test_a_directory_may_have_any_name(deltaflow):
    outcome = deltaflow("hydra.run.dir='a [b] *c? ü'", *SHORT)
    assert outcome.status == 0, outcome.err
    (path,) = outcome.directory.glob("a*/summary.json")
    assert json.loads(path.read_text())["status"] == "completed"
