"""Searches: their space, their goal, and trials that are asked for, trained and told."""

import json
import math
from dataclasses import replace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from deltaflow.comparison.configurations.grouped_runs import Metric
from deltaflow.comparison.notes.search import search_headline, search_notes
from deltaflow.records import Summary, read_search
from deltaflow.records.fields import Replica
from deltaflow.sweep.search.goal import Goal
from deltaflow.sweep.search.space import Dimension, search_space
from deltaflow.sweep.search.storage import SearchSettings
from deltaflow.sweep.search.study import Search
from deltaflow.system.errors import UserError

DEFAULTS = OmegaConf.create(
    {"optimizer": {"lr": 0.1}, "network": {"depth": 2, "hidden_sizes": None}}
)


def _replica(seed: int, **final: float | None) -> Replica:
    diverged = final.pop("diverged", None)
    status = "completed" if diverged is None else "diverged"
    flow = {"vanishing_index_start": float(seed), "vanishing_index_end": 1.0}
    return Replica(seed, status, diverged, 0, final, final, {}, flow)


def _goal(metric: str | None = None, direction: str | None = None) -> Goal:
    return Goal.of(OmegaConf.create({"optimized_metric": metric, "direction": direction}))


@pytest.mark.parametrize(
    ("metric", "direction", "value"),
    [
        (None, None, 0.8),
        ("accuracy/final", None, 0.8),
        ("loss/best", None, 0.5),
        ("flow/vanishing_index_start", "minimize", 0.5),
    ],
)
def test_a_goal_is_the_mean_over_seeds(metric, direction, value):
    seeds = [_replica(0, accuracy=0.9, loss=0.2), _replica(1, accuracy=0.7, loss=0.8)]
    assert _goal(metric, direction).value(Summary(status="completed", replicas=seeds)) == (
        pytest.approx(value)
    )


@pytest.mark.parametrize(
    ("metric", "direction", "value"),
    [
        ("accuracy/final", None, 0.45),  # a network that says nothing is never right
        ("accuracy/final", "minimize", math.inf),
        ("r2/final", None, -math.inf),
        ("loss/final", None, math.inf),
        ("flow/vanishing_index_end", "maximize", -math.inf),
        ("flow/vanishing_index_start", "maximize", 0.5),  # which it has like any other
    ],
)
def test_a_diverged_seed_counts_as_the_worst(metric, direction, value):
    well = _replica(0, accuracy=0.9, loss=0.2, r2=0.5)
    broken = _replica(1, accuracy=0.3, loss=None, r2=0.1, diverged=5)
    assert (
        _goal(metric, direction).value(Summary(status="completed", replicas=[well, broken]))
        == value
    )


@pytest.mark.parametrize(
    ("metric", "direction", "said"),
    [
        ("accuracy/validation", None, "Found `accuracy/validation`. Metrics are loss, accuracy"),
        ("f1", None, "Found `f1`"),
        ("flow/decay_rate_end", None, "`sweep.direction` must be minimize or maximize for"),
    ],
)
def test_a_goal_that_no_run_has_is_refused(metric, direction, said):
    with pytest.raises(UserError, match=said):
        _goal(metric, direction)


def test_a_goal_that_this_run_lacks_is_refused():
    summary = Summary(status="completed", replicas=[_replica(0, r2=0.5, loss=1.0)])
    with pytest.raises(UserError, match=r"none for `accuracy` \(final\)\. This run has r2, loss"):
        _goal("accuracy/final").value(summary)
    assert _goal().value(summary) == 0.5  # the first that it has


def test_a_space_has_the_settings_that_vary():
    space, fixed = search_space(
        [
            "optimizer.lr=tag(log,interval(0.001,1))", "network.depth=interval(1,5)", "n_seeds=3",
            "network.hidden_sizes=[64,32],[8]", "+data.x=range(2,9,3)",
            "data.noise=range(1,0,-0.25)",
        ], DEFAULTS,
    )  # fmt: skip
    assert fixed == ["n_seeds=3"]
    lr, depth, sizes, x, noise = space
    assert (lr.low, lr.high, lr.log, lr.whole) == (0.001, 1.0, True, False)
    assert (depth.low, depth.high, depth.whole) == (1.0, 5.0, True)  # as its default is
    assert sizes.choices == ("[64,32]", "[8]")
    assert (x.name, x.low, x.high, x.step, x.whole) == ("+data.x", 2, 8, 3, True)
    assert (noise.low, noise.high, noise.step) == (0.25, 1, 0.25)
    assert lr.override(0.0123456789) == "optimizer.lr=0.01235"
    assert sizes.override("[8]") == "network.hidden_sizes=[8]"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("n_seeds=3", "must be given what varies. Found nothing"),
        ("optimizer.lr=interval(1,0.1)", "the lower one first. Found `optimizer.lr=interval"),
        ("optimizer.lr=tag(log,interval(0,1))", "by its logarithm must be above 0"),
        ("network.depth=interval(0.5,3)", "it takes whole numbers"),
        ("network.depth=range(5,1)", "a range must hold a value"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(typed, said):
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        search_space([typed], DEFAULTS)


SPACE = [Dimension("a", "interval(-1,1)", (), -1.0, 1.0), Dimension("b", "x,y", ("x", "y"))]
TPE = {"_target_": "optuna.samplers.TPESampler", "seed": 0, "n_startup_trials": 4}


class _Launches:
    """Stands for runs: the result is −a², and 1 more for b=y. It can be stopped."""

    def __init__(self, stop_at: int | None = None, failing: str = "never"):
        self.jobs: list[list[str]] = []
        self.numbers: list[int] = []
        self.stop_at, self.failing = stop_at, failing

    def __call__(self, jobs, first):
        if len(self.numbers) == self.stop_at:
            raise KeyboardInterrupt
        self.numbers.append(first)
        self.jobs += jobs
        return [self._result(dict(one.split("=") for one in job)) for job in jobs]

    def _result(self, job):
        value = (job["b"] == "y") - float(job["a"]) ** 2
        failed = self.failing in job["b"]
        return JobReturn(status=JobStatus.COMPLETED, _return_value=None if failed else value)


def _search(folder, launch, n_trials=12, space=SPACE, metric=None, **settings):
    sweep = OmegaConf.create(
        {
            "sweep": {"optimized_metric": metric, "direction": None, "fail_fast": False},
            "hydra": {"sweep": {"dir": str(folder)}},
        }
    )
    named = {"batch_size": 4, "storage": None, "study_name": "search"} | settings
    search = Search(SearchSettings(n_trials, sampler=OmegaConf.create(TPE), **named), space, sweep)
    for batch in search.batches():
        search.train(batch, ["c=0"], launch)
    return search


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder, launch = tmp_path_factory.mktemp("undisturbed"), _Launches()
    return _search(folder, launch), launch, folder


def test_trials_are_launched_batch_by_batch(undisturbed):
    search, launch, folder = undisturbed
    assert launch.numbers == [0, 4, 8]
    assert len(launch.jobs) == 12
    assert all(job[0] == "c=0" for job in launch.jobs)
    values = [(t.params["b"] == "y") - t.params["a"] ** 2 for t in search.trials]
    assert [t.value for t in search.trials] == pytest.approx(values, abs=1e-3)
    record = read_search(folder)
    assert record == search.record
    assert record.best_trial == max(range(12), key=lambda n: search.trials[n].value)
    assert (record.n_completed, record.n_failed, record.direction) == (12, 0, "maximize")


def test_a_search_that_was_stopped_proposes_what_it_would_have(undisturbed, tmp_path):
    launch = _Launches(stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path, launch)
    _search(tmp_path, _Launches(), n_trials=8)  # what was under way, and no more
    again = _Launches()
    found = _search(tmp_path, again)
    assert again.numbers == [8]
    assert [t.params for t in found.trials] == [t.params for t in undisturbed[0].trials]
    assert [t.value for t in found.trials] == [t.value for t in undisturbed[0].trials]


def test_a_trial_that_was_only_half_proposed_is_dropped(tmp_path):
    search = _search(tmp_path, _Launches(), n_trials=4)
    search.study.ask({"a": search.distributions["a"]})
    launch = _Launches()
    assert len(_search(tmp_path, launch, n_trials=8).trials) == 8
    assert len(launch.jobs) == 4


def test_settings_that_were_tried_are_not_trained_again(tmp_path):
    launch = _Launches()
    found = _search(tmp_path, launch, space=[Dimension("a", "0", ("0",)), SPACE[1]])
    assert len(found.trials) == 12
    assert sorted(job[2] for job in launch.jobs) == ["b=x", "b=y"]


def test_failed_trials_are_counted_and_a_search_without_results_ends(tmp_path):
    found = _search(tmp_path / "some", _Launches(failing="x")).record
    assert found.n_failed > 0
    assert found.n_failed + found.n_completed == 12
    assert "failed" in search_headline(found, Metric("accuracy", "test"))[0]
    with pytest.raises(UserError, match="Found none among 4"):
        _search(tmp_path / "none", _Launches(failing=""))


def test_a_study_keeps_its_goal(undisturbed):
    with pytest.raises(UserError, match=r"loss/final \(minimize\) for a study of the first metric"):
        _search(undisturbed[2], _Launches(), metric="loss/final")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_trials": 0}, "`hydra.sweeper.n_trials` must be a whole number, at least 1. Found 0"),
        ({"batch_size": 2.5}, "`hydra.sweeper.batch_size` must be a whole number"),
        ({"storage": "nonsense"}, "`hydra.sweeper.storage` must be one that Optuna can use"),
        ({"space": [Dimension("a", "x,y", ("x", "y"))]}, "must be able to propose"),
    ],
)  # fmt: skip
def test_settings_that_no_search_can_have_are_refused(settings, said, undisturbed, tmp_path):
    folder = undisturbed[2] if "space" in settings else tmp_path
    with pytest.raises(UserError, match=said):
        _search(folder, _Launches(), **{"n_trials": 40} | settings)


def test_a_study_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "study.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ValueError, match="link"):
        _search(tmp_path, _Launches())
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_record_of_anybodys_is_read_with_caution(undisturbed, tmp_path):
    (tmp_path / "search.json").write_text(json.dumps({"n_trials": "many"}))
    assert read_search(tmp_path) is None
    assert read_search(tmp_path / "nowhere") is None


def test_a_report_says_what_was_searched_for(undisturbed):
    record = undisturbed[0].record
    test = Metric("accuracy", "test")
    asked, best = search_headline(record, test)
    assert asked == (
        "A search for the highest accuracy/final, 12 trials of TPESampler over a (interval(-1,1)) "
        "and b (x,y)."
    )
    assert best.startswith(f"Best is trial {record.best_trial}, ")
    assert len(list(search_notes(record, test))) == 2
    assert len(list(search_notes(replace(record, metric="accuracy/test"), test))) == 1
    started = replace(record, n_completed=3, best_trial=None)
    (said,) = search_headline(started, test)
    assert "3 of 12 trials" in said
    assert "No trial has a finite result." in said
