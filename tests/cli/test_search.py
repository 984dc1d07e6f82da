"""``hydra/sweeper=optuna`` from the command line: batches are stacks, and a search goes on."""

import signal
from functools import partial

import optuna
import pytest

from deltaflow.records import read_search, read_summary
from processes import start
from traps import at_file

SEARCH = [
    "-m", "hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(0.001,1))", "n_seeds=2",
    "activation=relu,tanh", "logger=none", "trainer.max_epochs=1", "network.width=4",
    "hydra.sweeper.batch_size=2",
]  # fmt: skip


def _trials(sweep):
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{sweep / 'study.db'}")
    return study.get_trials()


def _summaries(sweep):
    found = {int(p.parent.name.split("_")[0]): read_summary(p.parent) for p in sweep.glob("*/su*")}
    return [found[number] for number in sorted(found)]


def test_a_search_trains_batches_as_stacks_and_goes_on(deltaflow):
    first = deltaflow(*SEARCH, "hydra.sweeper.n_trials=3", "hydra.sweep.dir=here")
    assert first.status == 0, first.err
    sweep = first.directory / "here"
    assert "Sweep        3 trials: optimizer.lr, activation" in first.out
    assert "Search       2 of 3 trials; best" in first.out
    assert "A search for the highest accuracy/final, 3 trials of TPESampler over" in first.out
    assert "a search has no effects" in (sweep / "report.html").read_text()
    again = deltaflow(*SEARCH, "hydra.sweeper.n_trials=4", "sweep.resume=here")
    assert again.status == 0, again.err
    summaries = _summaries(sweep)
    assert [len(summary.stack) for summary in summaries] == [2, 2, 0, 0]
    accuracies = [
        sum(replica.final["accuracy"] for replica in summary.replicas) / 2 for summary in summaries
    ]
    assert [trial.value for trial in _trials(sweep)] == pytest.approx(accuracies)
    assert read_search(sweep).best_value == pytest.approx(max(accuracies))


def test_a_run_without_the_metric_is_a_failure(deltaflow):
    outcome = deltaflow(*SEARCH, "sweep.optimized_metric=r2/final", "hydra.sweeper.n_trials=2")
    assert outcome.status == 1
    assert "Found none for `r2` (final). This run has loss, accuracy, macro_f1" in outcome.err
    assert "A search must find trials that have a result." in outcome.err
    assert "Traceback" not in outcome.err


def test_intervals_are_for_searches(deltaflow):
    outcome = deltaflow("-m", "optimizer.lr=interval(0.1,1)", "logger=none")
    assert outcome.status == 1
    assert "`hydra/sweeper=optuna` searches intervals" in outcome.err


@pytest.mark.slow
def test_a_search_that_was_killed_proposes_what_it_would_have(tmp_path):
    arguments = [*SEARCH, "hydra.sweeper.n_trials=6", "hydra.sweep.dir=here"]
    assert start(arguments, tmp_path / "whole").wait() == 0
    sweep = tmp_path / "killed" / "here"
    killing = partial(at_file, "summary.json", "after", "SIGKILL", 7)
    assert start(arguments, tmp_path / "killed", killing).wait() == -signal.SIGKILL
    assert 0 < len(_summaries(sweep)) < 6
    assert start([*arguments[:-1], "sweep.resume=here"], tmp_path / "killed").wait() == 0
    whole = _trials(tmp_path / "whole" / "here")
    found = [trial for trial in _trials(sweep) if trial.params.keys() == whole[0].params.keys()]
    assert [trial.params for trial in found] == [trial.params for trial in whole]
    assert [trial.value for trial in found] == pytest.approx([trial.value for trial in whole])
