"""A configuration as a row of the ranking, with its data for figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deltaflow.comparison.collection import finite_or_none, relative_path
from deltaflow.comparison.command_lines import run_command
from deltaflow.comparison.configurations.configuration import Configuration, Value
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns
from deltaflow.comparison.metric_rows import MetricRow, metric_rows
from deltaflow.comparison.series.bands import UNITS, Curve, Heatmap, Profile
from deltaflow.comparison.statistics.intervals import ANY, FACTOR, SHARE, Scale, interval, scale_of
from deltaflow.comparison.statistics.paired_tests import Difference
from deltaflow.records import Confusion, Interval
from deltaflow.system.wording import replica_word

# Quantities of the ranking: title and unit by name.
FLOW = {
    "vanishing_index_start": ("vanishing index, start", "decades"),
    "vanishing_index_end": ("vanishing index, end", "decades"),
    "decay_rate_start": ("decay rate, start", "per layer"),
    "decay_rate_end": ("decay rate, end", "per layer"),
}
THEORY = {
    "predicted_decay_rate": ("decay rate, theory", "per layer"),
    "theory_error": ("theory error", "decades"),
}
SHARES = {
    "dead_fraction_end": ("dead units, end", "share"),
    "saturated_fraction_end": ("saturated, end", "share"),
}
TIME = {"wall_seconds": ("time", "s")}


@dataclass(frozen=True)
class Finding:
    """A verdict on a run of a configuration."""

    kind: str
    words: str


@dataclass(frozen=True)
class RankedConfiguration:
    """The data of a configuration that a report shows.

    Attributes:
        number: number of the first run.
        name: name of the runs' directories.
        label: the values that distinguish it from the other configurations.
        directory: directory of the first run, relative to the report.
        axes: the configuration's value on each axis; ``None`` if it is not known.
        status: the best status of the runs.
        reason: why a run has no result; ``None`` if every run has one.
        n_seeds: number of seeds with a result or a failure; with folds, of networks.
        each: what is counted, ``seed`` or ``network``.
        n_diverged: number of seeds that diverged.
        n_lost: number of seeds that diverged, failed or learnt too little.
        n_zero: number of seeds with a hidden layer where δ is 0, at ``start`` and at ``end``.
        numbers: the numbers of the ranking, by the names of the comparison's quantities.
        difference: the difference from the baseline; ``None`` for the baseline, and for a
            configuration that shares no seed with it.
        findings: the verdicts on the runs.
        command: the command that trains the first run again.
        config: the text of the first run's configuration.
        profile: the depth profile of δ; ``None`` if it was not recorded.
        heatmap: δ by layer and step; ``None`` if it was not recorded.
        curves: learning curves, by part of the data.
        confusion: the sum of the runs' confusion matrices; ``None`` if their classes or parts of
            the data differ.
        results: the metrics of a single run; empty if there are several.
    """

    number: int
    name: str
    label: str
    directory: str
    axes: Mapping[str, Value]
    status: str
    reason: str | None
    n_seeds: int
    each: str
    n_diverged: int
    n_lost: int
    n_zero: Mapping[str, int]
    numbers: Mapping[str, Interval]
    difference: Difference | None
    findings: Sequence[Finding]
    command: str
    config: str
    profile: Profile | None
    heatmap: Heatmap | None
    curves: Mapping[str, Curve]
    confusion: Confusion | None
    results: Sequence[MetricRow]


def ranked_configuration(
    grouped: GroupedRuns, one: Configuration, difference: Difference | None, directory: Path
) -> RankedConfiguration:
    """Build a row of the ranking.

    Args:
        grouped: the runs.
        one: the configuration.
        difference: the difference from the baseline.
        directory: directory of the report; paths are relative to it.
    """
    tables = grouped.tables
    more = f" and {len(one.runs) - 1} more" if len(one.runs) > 1 else ""
    verdicts = [verdict for run in one.runs.values() for verdict in run.summary.verdicts]
    return RankedConfiguration(
        number=one.number,
        name=one.first.name + more,
        label=one.label,
        directory=relative_path(one.first.directory, directory),
        axes=one.axes,
        status=one.status,
        reason="; ".join(filter(None, [grouped.missing_result(one), one.reason])) or None,
        n_seeds=one.n_seeds,
        each=replica_word(one.n_folds),
        n_diverged=len(one.diverged),
        n_lost=one.n_lost,
        n_zero={moment: grouped.n_zero(one, moment) for moment in ("start", "end")},
        numbers=_numbers(grouped, one),
        difference=difference,
        findings=list(dict.fromkeys(Finding(v.kind, v.words) for v in verdicts)),
        command="\n".join(map(run_command, one.runs.values())),
        config=one.first.config,
        profile=tables.profiles.get(one.number),
        heatmap=tables.heatmaps.get(one.number),
        curves=tables.curves.get(one.number, {}),
        confusion=_confusion([run.summary.confusion for run in one.runs.values()]),
        results=metric_rows(one.first.summary) if len(one.runs) == 1 else [],
    )


def _confusion(found: Sequence[Confusion | None]) -> Confusion | None:
    first, *others = found
    if first is None or any(
        one is None or (one.part, one.classes) != (first.part, first.classes) for one in others
    ):
        return None
    rows = zip(*(one.counts for one in found if one), strict=True)
    return replace(first, counts=[[sum(n) for n in zip(*row, strict=True)] for row in rows])


def _numbers(grouped: GroupedRuns, one: Configuration) -> dict[str, Interval]:
    """The numbers of the ranking, by quantity; means over seeds have an interval."""
    metric = grouped.metric
    values = one.values(metric.moment, metric.name)
    repeated = one.repeats(metric.moment)
    found = {metric.name: interval(values, scale=metric.scale(one), repeated=repeated)}
    found |= {
        name: interval(one.values("flow", name), scale=scale_of(name), repeated=repeated)
        for name in FLOW
    }
    theories = [run.summary.theory for run in one.runs.values() if run.summary.theory]
    found["predicted_decay_rate"] = _mean(
        [finite_or_none(theory.decay_rate) for theory in theories], FACTOR
    )
    found["theory_error"] = _mean([finite_or_none(theory.theory_error) for theory in theories])
    units = {
        seed: grouped.tables.units.get((number, seed), {})
        for seed, number in one.sources.items()
        if seed not in one.diverged
    }
    for name in UNITS:
        shares = {seed: own.get(name) for seed, own in units.items()}
        found[f"{name}_end"] = interval(shares, scale=SHARE, repeated=repeated)
    return found | {"wall_seconds": _mean([one.seconds])}


def _mean(values: Iterable[float | None], scale: Scale = ANY) -> Interval:
    """The mean of numbers of runs, without an interval because they are not one per seed."""
    found = interval(values, scale=scale)
    return Interval(found.mean, None, None, found.n)
