"""All that a report speaks of: the runs, grouped, with what their tables say."""

from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.configuration import Axis, Configuration
from deltaflow.comparison.grouping import configurations, distinct, numbered
from deltaflow.comparison.notes.wording import listed
from deltaflow.comparison.results import HEADLINES
from deltaflow.comparison.series.tables import Tables, read_tables
from deltaflow.comparison.statistics.intervals import Scale, scale_of


@dataclass(frozen=True)
class Metric:
    """What runs are ranked by.

    Attributes:
        name: as in the records.
        moment: ``test``, or ``final`` without a test part.
        replaced: the usual metric, where some runs do not have it; ``None`` for none.
    """

    name: str
    moment: str
    replaced: str | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether more of it is better."""
        return self.name != "loss"

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest that it can be."""
        return scale_of(self.name).low, scale_of(self.name).high

    def scale(self, *found: Configuration) -> Scale:
        """What its values can be, and over how many rows of these configurations at least."""
        rows = [one.rows(self.moment) for one in found if one.values(self.moment, self.name)]
        known = [n for n in rows if n]
        return scale_of(self.name, min(known) if known and len(known) == len(rows) else None)


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

    def n_zero(self, one: Configuration, moment: str) -> int:
        """Seeds with a hidden layer where δ is 0, whose vanishing index is no number.

        Args:
            one: configuration.
            moment: ``start``, or ``end`` for those of the seeds that did not diverge.
        """
        zeros = self.tables.zeros[moment]
        return sum(
            (one.sources[seed], seed) in zeros
            for seed, replica in one.replicas.items()
            if replica.counts(f"_{moment}")
        )

    def missing_result(self, one: Configuration) -> str | None:
        """Why a configuration that completed is not ranked; ``None`` if it is."""
        metric = self.metric
        if one.status != "completed" or one.values(metric.moment, metric.name):
            return None
        found = (replica.numbers(metric.moment) for replica in one.replicas.values())
        names = dict.fromkeys(name for numbers in found for name in numbers)
        known = [name for name in names if one.values(metric.moment, name)]
        others = f", but {metric.moment} {listed(known, 'and')}" if known else ""
        return f"no {metric.moment} {metric.name}{others}"


def group_runs(runs: Sequence[CollectedRun]) -> GroupedRuns:
    """Group runs, choose what to rank them by, and read their tables."""
    own = numbered(distinct(runs))
    groups, axes = configurations(own)
    metric = _metric(groups)
    tables = read_tables(groups, metric.name)
    return GroupedRuns(own, len(runs) - len(own), groups, axes, metric, tables)


def _metric(groups: Sequence[Configuration]) -> Metric:
    """The first that half of the runs have that have any; the loss, if that serves more of them.

    It does if all that have a result have it, and theirs are of one kind: others cannot be
    compared.
    """
    having = {
        (name, moment): {one.number for one in groups if one.values(moment, name)}
        for name in HEADLINES
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
