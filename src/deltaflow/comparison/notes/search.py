"""Sentences on a search: what was tried, its best trial, and how to interpret the ranking."""

from collections.abc import Iterator

from deltaflow.comparison.configurations.grouped_runs import Metric
from deltaflow.records import SearchRecord
from deltaflow.system.wording import listed, many


def search_headline(search: SearchRecord, metric: Metric) -> list[str]:
    """The headline of a search: its goal, its space and its best trial."""
    done = search.n_completed + search.n_failed
    count = (
        many(done, "trial") if done >= search.n_trials else f"{done} of {search.n_trials} trials"
    )
    goal = f"{'highest' if search.direction == 'maximize' else 'lowest'} {_goal(search, metric)}"
    space = listed([f"{name} ({typed})" for name, typed in search.space.items()], "and")
    said = f"A search for the {goal}, {count} of {search.sampler} over {space}"
    if search.n_failed:
        said += f"; {search.n_failed} failed"
    if search.best_trial is None:
        return [f"{said}. No trial has a finite result."]
    settings = " ".join(f"{name}={value}" for name, value in search.best_overrides.items())
    return [f"{said}.", f"Best is trial {search.best_trial}, {search.best_value:.4g}: {settings}."]


def search_notes(search: SearchRecord, metric: Metric) -> Iterator[str]:
    """Warnings on the results of a search."""
    goal = _goal(search, metric)
    if metric.moment == "test" and not goal.endswith("/test"):
        yield (
            f"The search saw {goal}, which its best trial is picked by, and nothing of the test "
            "part: the test results of that trial are fair. The ranking is by the test part."
        )
    yield "Trials are no combinations of values: a search has no effects of single settings."


def _goal(search: SearchRecord, metric: Metric) -> str:
    return search.metric or f"{metric.name}/final"
