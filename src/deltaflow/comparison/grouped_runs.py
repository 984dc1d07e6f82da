"""All that a report speaks of: the runs, grouped, with what their tables say."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.configuration import Axis, Configuration
from deltaflow.comparison.grouping import configurations, distinct, numbered
from deltaflow.comparison.series import Tables, read_tables
from deltaflow.comparison.wording import listed

METRICS = ("accuracy", "r2", "loss")  # what runs are ranked by: the first that they have


@dataclass(frozen=True)
class Metric:
    """What runs are ranked by.

    Attributes:
        name: of the metric.
        moment: ``test``, or ``final`` without a test part.
        usual: what it stands in for, as some runs do not have that; ``None`` for nothing.
    """

    name: str
    moment: str
    usual: str | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether more of it is better."""
        return self.name != "loss"


@dataclass(frozen=True)
class GroupedRuns:
    """Runs, grouped and read.

    Attributes:
        runs: by number, each once.
        n_repeats: runs left out for being the same as another.
        configurations: the runs' groups.
        axes: what they vary.
        metric: what they are ranked by.
        tables: what theirs say.
    """

    runs: dict[int, CollectedRun]
    n_repeats: int
    configurations: list[Configuration]
    axes: list[Axis]
    metric: Metric
    tables: Tables


def group_runs(runs: Sequence[CollectedRun]) -> GroupedRuns:
    """Group runs, choose what to rank them by, and read their tables.

    Args:
        runs: as collected.
    """
    own = numbered(distinct(runs))
    groups, axes = configurations(own)
    metric = _metric(groups)
    tables = read_tables(groups, metric.name)
    return GroupedRuns(own, len(runs) - len(own), groups, axes, metric, tables)


def n_zero(grouped: GroupedRuns, one: Configuration, moment: str) -> int:
    """Seeds with a hidden layer where δ is 0, whose vanishing index is no number.

    Args:
        grouped: that it is of.
        one: configuration.
        moment: ``start``, or ``end`` for those of the seeds that did not diverge.
    """
    counted = [seed for seed, replica in one.replicas.items() if replica.counts(f"_{moment}")]
    zeros = grouped.tables.zeros[moment]
    return sum(any((number, seed) in zeros for number in one.runs) for seed in counted)


def missing_result(grouped: GroupedRuns, one: Configuration) -> str | None:
    """Why a configuration that completed has no place in the ranking; ``None`` if it has one."""
    metric = grouped.metric
    if one.status != "completed" or one.values(metric.moment, metric.name):
        return None
    replicas = one.replicas.values()
    names = dict.fromkeys(name for replica in replicas for name in replica.numbers(metric.moment))
    known = [name for name in names if one.values(metric.moment, name)]
    others = f", but {metric.moment} {listed(known, 'and')}" if known else ""
    return f"no {metric.moment} {metric.name}{others}"


def _metric(groups: Sequence[Configuration]) -> Metric:
    """The first that half of the runs have that have any; the loss, if that serves more of them.

    It does if all that have a result have it, and theirs are of one kind: others cannot be
    compared.
    """
    having = {
        (name, moment): {one.number for one in groups if one.values(moment, name)}
        for name in METRICS
        for moment in ("test", "final")
    }
    half = max(map(len, having.values())) / 2
    name, moment = next(key for key, some in having.items() if len(some) >= half)
    everyone = set.union(*having.values())
    kinds = {
        run.summary.choices.get("loss")
        for one in groups
        if one.number in everyone
        for run in one.runs.values()
    }
    if len(kinds) == 1 and having[name, moment] < having["loss", moment] == everyone:
        return Metric("loss", moment, usual=name)
    return Metric(name, moment)
