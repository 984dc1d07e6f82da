"""The runs of a report, grouped into configurations, with the data of their tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.configurations.configuration import Axis, Configuration
from deltaflow.comparison.configurations.grouping import configurations, distinct, numbered
from deltaflow.comparison.results import MAIN_METRICS
from deltaflow.comparison.series.table_series import Tables, read_tables
from deltaflow.comparison.statistics.intervals import Scale, scale_of
from deltaflow.records import MINIMIZED
from deltaflow.system.wording import listed


@dataclass(frozen=True)
class Metric:
    """The metric of a ranking.

    Attributes:
        name: name in the records.
        moment: ``test``, or ``final`` if there is no test part.
        replaced: the metric that would be used if all runs had it; ``None`` if this is the one.
    """

    name: str
    moment: str
    replaced: str | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is better."""
        return self.name not in MINIMIZED

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest possible value."""
        return scale_of(self.name).low, scale_of(self.name).high

    def scale(self, *found: Configuration) -> Scale:
        """The scale of the metric, with the smallest number of rows of these configurations."""
        rows = [one.rows(self.moment) for one in found if one.values(self.moment, self.name)]
        known = [n for n in rows if n]
        return scale_of(self.name, min(known) if known and len(known) == len(rows) else None)


@dataclass(frozen=True)
class GroupedRuns:
    """Runs that have been grouped and read.

    Attributes:
        runs: the runs by number, each once.
        n_repeats: number of runs that were left out because they repeat another.
        configurations: the groups of runs.
        axes: the settings that vary.
        metric: the metric of the ranking.
        tables: the data of the runs' tables.
    """

    runs: dict[int, CollectedRun]
    n_repeats: int
    configurations: list[Configuration]
    axes: list[Axis]
    metric: Metric
    tables: Tables

    def n_zero(self, one: Configuration, moment: str) -> int:
        """Number of seeds with a hidden layer where δ is 0, which have no vanishing index.

        Args:
            one: the configuration.
            moment: ``start``; or ``end``, where seeds that diverged are not counted.
        """
        zeros = self.tables.zeros[moment]
        return sum(
            (one.sources[seed], seed) in zeros
            for seed, replica in one.replicas.items()
            if replica.counts(f"_{moment}")
        )

    def missing_result(self, one: Configuration) -> str | None:
        """Why a completed configuration is not ranked; ``None`` if it is ranked."""
        metric = self.metric
        if one.status != "completed" or one.values(metric.moment, metric.name):
            return None
        found = (replica.numbers(metric.moment) for replica in one.replicas.values())
        names = dict.fromkeys(name for numbers in found for name in numbers)
        known = [name for name in names if one.values(metric.moment, name)]
        others = f", but {metric.moment} {listed(known, 'and')}" if known else ""
        return f"no {metric.moment} {metric.name}{others}"


def group_runs(runs: Sequence[CollectedRun]) -> GroupedRuns:
    """Group runs, choose the metric of the ranking, and read the runs' tables."""
    own = numbered(distinct(runs))
    groups, axes = configurations(own)
    metric = _metric(groups)
    tables = read_tables(groups, metric.name)
    return GroupedRuns(own, len(runs) - len(own), groups, axes, metric, tables)


def _metric(groups: Sequence[Configuration]) -> Metric:
    """Choose the metric of the ranking.

    It is the first of ``MAIN_METRICS`` that at least half as many configurations have as have the
    most frequent one. It is the loss instead if every configuration with a result has the loss,
    some lack that metric, and all use the same loss function.
    """
    having = {
        (name, moment): {one.number for one in groups if one.values(moment, name)}
        for name in MAIN_METRICS
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
        return Metric("loss", moment, replaced=name)
    return Metric(name, moment)
