"""The title and the headline of a report, which claim no more than the statistics support."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouped_runs import Metric
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.comparison.statistics.paired_tests import FEW
from deltaflow.records import Interval
from deltaflow.system.wording import listed, many

ALPHA = 0.05  # significance level of the tests
_MAX_KINDS = 3  # kinds of verdicts that are named
_FINE = {"healthy", "partial", "overfitting"}


@dataclass(frozen=True)
class Headline:
    """The content of a headline.

    Attributes:
        best: the label of the best configuration; ``None`` if no run has a result.
        result: the metric of the best configuration.
        each: what is averaged over, ``seed`` or ``network``.
        n_others: number of configurations that are compared with the baseline.
        n_alike: number of these that do not differ significantly from it.
        n_tested: number of these with enough seeds for a test.
        baseline: the rank of the baseline, from 1; ``None`` if there is none.
        n_lost: number of configurations that lost seeds.
        findings: kinds of verdicts, each with its number of configurations, the most frequent
            first.
    """

    best: str | None
    result: Interval
    each: str
    n_others: int
    n_alike: int
    n_tested: int
    baseline: int | None
    n_lost: int
    findings: Sequence[tuple[str, int]]


def headline(
    ranking: Sequence[RankedConfiguration], metric: Metric, baseline: int | None
) -> Headline:
    """Collect the content of the headline.

    Args:
        ranking: the configurations, the best first.
        metric: the metric of the ranking.
        baseline: number of the configuration that the others are compared with.
    """
    known = [one for one in ranking if one.numbers[metric.name].mean is not None]
    against = [one.difference for one in known if one.difference]
    tests = [one.p_holm for one in against if one.n >= FEW and one.p_holm is not None]
    numbers = [one.number for one in known]
    kinds = Counter(
        kind for one in ranking for kind in {finding.kind for finding in one.findings} - _FINE
    )
    return Headline(
        best=known[0].label or known[0].name if known else None,
        result=known[0].numbers[metric.name] if known else Interval(None, None, None, 0),
        each=known[0].each if known else "seed",
        n_others=len(against),
        n_alike=sum(p >= ALPHA for p in tests),
        n_tested=len(tests),
        baseline=numbers.index(baseline) + 1 if baseline in numbers else None,
        n_lost=sum(one.n_lost > 0 for one in ranking),
        findings=kinds.most_common(),
    )


def sweep_title(axes: Sequence[Axis], metric: Metric, data: Sequence[str]) -> str | None:
    """The title of a sweep's report; ``None`` if nothing varies.

    Args:
        axes: the settings that vary.
        metric: the metric of the ranking.
        data: names of the data sets.
    """
    names = [axis.name.removeprefix("network.") for axis in axes]
    if not names:
        return None
    verb = "changes" if len(names) == 1 else "change"
    on = f" on {listed(data, 'and')}" if data and "data" not in names else ""
    return f"What {listed(names, 'and')} {verb} in {metric.moment} {metric.name}{on}"


def headline_sentences(found: Headline, metric: Metric) -> list[str]:
    """The sentences of a headline: best result, comparison with the others, frequent verdicts."""
    if found.best is None:
        return ["No run has a result yet."]
    most = "Highest" if metric.higher_is_better else "Lowest"
    name = f"{most} {metric.moment} {metric.name}"
    said = [f"{name}: {_interval(found.result, found.each)}, by {found.best}."]
    said += _comparison(found)
    if found.n_lost:
        said.append(
            f"{many(found.n_lost, 'configuration')} lost seeds, which diverged, failed or learnt "
            "too little."
        )
    if found.findings:
        named = [f"{kind.replace('_', ' ')} ({n})" for kind, n in found.findings[:_MAX_KINDS]]
        said.append(f"Most frequent findings: {listed(named, 'and')}.")
    return said


def _comparison(found: Headline) -> list[str]:
    place = "it" if found.baseline == 1 else f"number {found.baseline}"
    if found.baseline is None or not found.n_others:
        return []
    if found.result.n < 2 and not found.n_tested:
        return ["One seed each: chance alone may order them so."]
    said = []
    if found.n_tested:
        n_different = found.n_tested - found.n_alike
        said.append(
            f"{found.n_alike} of {found.n_tested} others cannot be told from {place} (paired "
            f"t-tests, Holm-corrected p ≥ {ALPHA}); {n_different or 'none'} can."
        )
    if untested := found.n_others - found.n_tested:
        said.append(f"{many(untested, 'other')}: fewer than {FEW} seeds in common with {place}.")
    return said


def _interval(number: Interval, each: str) -> str:
    mean = f"{number.mean:.3f}" if abs(number.mean or 0) >= 0.01 else f"{number.mean:.3g}"
    if number.low is None or number.high is None:
        return f"{mean} (one {each})"
    return f"{mean} [{number.low:.3f}, {number.high:.3f}] over {many(number.n, each)}"
