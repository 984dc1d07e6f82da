"""The title and the headline of a report, which claim no more than the statistics support."""

from collections import Counter
from collections.abc import Sequence

from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouped_runs import Metric
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.comparison.statistics.paired_tests import FEW
from deltaflow.records import Interval
from deltaflow.system.wording import listed, many

ALPHA = 0.05  # significance level of the tests
_MAX_KINDS = 3  # kinds of verdicts that are named
_FINE = {"healthy", "partial", "overfitting"}


def sweep_title(axes: Sequence[Axis], metric: Metric, data: Sequence[str]) -> str | None:
    """The title of a sweep's report; ``None`` if nothing varies."""
    names = [axis.name.removeprefix("network.") for axis in axes]
    if not names:
        return None
    verb = "changes" if len(names) == 1 else "change"
    on = f" on {listed(data, 'and')}" if data and "data" not in names else ""
    return f"What {listed(names, 'and')} {verb} in {metric.moment} {metric.name}{on}"


def headline(
    ranking: Sequence[RankedConfiguration], metric: Metric, baseline: int | None
) -> list[str]:
    """The sentences of a headline: best result, comparison with the others, frequent verdicts.

    Args:
        ranking: the configurations, the best first.
        metric: the metric of the ranking.
        baseline: number of the configuration that the others are compared with.
    """
    known = [one for one in ranking if one.numbers[metric.name].mean is not None]
    if not known:
        return ["No run has a result yet."]
    best, most = known[0], "Highest" if metric.higher_is_better else "Lowest"
    result = _interval(best.numbers[metric.name], best.each)
    said = [f"{most} {metric.moment} {metric.name}: {result}, by {best.label or best.name}."]
    said += _comparison(known, metric, baseline)
    if n_lost := sum(one.n_lost > 0 for one in ranking):
        said.append(
            f"{many(n_lost, 'configuration')} lost seeds, which diverged, failed or learnt "
            "too little."
        )
    kinds = Counter(
        kind for one in ranking for kind in {finding.kind for finding in one.findings} - _FINE
    )
    if kinds:
        named = [f"{kind.replace('_', ' ')} ({n})" for kind, n in kinds.most_common(_MAX_KINDS)]
        said.append(f"Most frequent findings: {listed(named, 'and')}.")
    return said


def _comparison(
    known: Sequence[RankedConfiguration], metric: Metric, baseline: int | None
) -> list[str]:
    """How many of the others differ significantly from the baseline."""
    numbers = [one.number for one in known]
    others = [one.difference for one in known if one.difference]
    if baseline not in numbers or not others:
        return []
    tests = [one.p_holm for one in others if one.n >= FEW and one.p_holm is not None]
    if known[0].numbers[metric.name].n < 2 and not tests:
        return ["One seed each: chance alone may order them so."]
    rank, said = numbers.index(baseline) + 1, []
    place = "it" if rank == 1 else f"number {rank}"
    if tests:
        n_alike = sum(p >= ALPHA for p in tests)
        said.append(
            f"{n_alike} of {len(tests)} others cannot be told from {place} (paired "
            f"t-tests, Holm-corrected p ≥ {ALPHA}); {len(tests) - n_alike or 'none'} can."
        )
    if untested := len(others) - len(tests):
        said.append(f"{many(untested, 'other')}: fewer than {FEW} seeds in common with {place}.")
    return said


def _interval(number: Interval, each: str) -> str:
    mean = f"{number.mean:.3f}" if abs(number.mean or 0) >= 0.01 else f"{number.mean:.3g}"
    if number.low is None or number.high is None:
        return f"{mean} (one {each})"
    return f"{mean} [{number.low:.3f}, {number.high:.3f}] over {many(number.n, each)}"
