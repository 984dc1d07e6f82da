"""A configuration as a row of the ranking, with all that is drawn of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deltaflow.comparison.collection import finite, seen_from
from deltaflow.comparison.command_lines import run_command
from deltaflow.comparison.configuration import Configuration, Value
from deltaflow.comparison.grouped_runs import GroupedRuns
from deltaflow.comparison.metric_rows import MetricRow, metric_rows
from deltaflow.comparison.notes.wording import replica_word
from deltaflow.comparison.series.bands import UNITS, Curve, Heatmap, Profile
from deltaflow.comparison.statistics.intervals import ANY, FACTOR, SHARE, Scale, interval, scale_of
from deltaflow.comparison.statistics.paired_tests import Difference
from deltaflow.records import Confusion, Interval

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
    """A verdict on some run of a configuration."""

    kind: str
    words: str


@dataclass(frozen=True)
class RankedConfiguration:
    """A configuration, as far as anybody is shown of it.

    Attributes:
        number: of its first run.
        name: of its runs' directories.
        label: what sets it apart.
        directory: of its first run.
        axes: its value on each axis; ``None`` where that is not known.
        status: the best of its runs'.
        reason: why it, or some run of it, has no result.
        n_seeds: with results, or planned and failed; with folds, networks.
        each: what one of these is called, a ``seed`` or a ``network``.
        n_diverged: seeds that diverged.
        n_lost: seeds that diverged, failed or learnt too little.
        n_zero: seeds with a hidden layer where δ is 0, at the ``start`` and at the ``end``.
        numbers: by the names of the comparison's quantities.
        difference: from the baseline; ``None`` for the baseline, and without a seed in common.
        findings: verdicts on its runs.
        command: that trains it again.
        config: the text of its first run's configuration.
        profile: of δ over depth.
        heatmap: of δ by layer and step.
        curves: by part of the data.
        confusion: of its runs together; ``None`` if they did not judge the same classes.
        results: the metrics of its only run; empty if it has several.
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


def rank_entry(
    grouped: GroupedRuns, one: Configuration, difference: Difference | None, directory: Path
) -> RankedConfiguration:
    """What is shown of a configuration.

    Args:
        grouped: the runs.
        one: configuration.
        difference: from the baseline.
        directory: that directories are as seen from.
    """
    tables = grouped.tables
    more = f" and {len(one.runs) - 1} more" if len(one.runs) > 1 else ""
    verdicts = [verdict for run in one.runs.values() for verdict in run.summary.verdicts]
    return RankedConfiguration(
        number=one.number,
        name=one.first.name + more,
        label=one.label,
        directory=seen_from(directory, one.first.directory),
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
    """Every number of the ranking, with an interval where it is one over seeds."""
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
        [finite(theory.decay_rate) for theory in theories], FACTOR
    )
    found["theory_error"] = _mean([finite(theory.theory_error) for theory in theories])
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
    """The mean of numbers of runs, not of seeds: without an interval."""
    found = interval(values, scale=scale)
    return Interval(found.mean, None, None, found.n)
