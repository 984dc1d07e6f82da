"""A report's content, as plain data: what was compared, ranked, with all that is drawn.

The page and the figures show it, and nothing else; strings in it are whatever users wrote.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deltaflow.comparison.collection import CollectedRun, finite, seen_from
from deltaflow.comparison.command_lines import command as command_of
from deltaflow.comparison.configuration import Configuration
from deltaflow.comparison.grouped_runs import (
    GroupedRuns,
    Metric,
    group_runs,
    missing_result,
    n_zero,
)
from deltaflow.comparison.naming import find_configuration
from deltaflow.comparison.notes import notes, sentence
from deltaflow.comparison.results import interval
from deltaflow.comparison.series import UNITS, significant
from deltaflow.comparison.statistics.effects import Effect, axis_effects
from deltaflow.comparison.statistics.paired_tests import Difference, compare, least_seeds
from deltaflow.records.fields import STATUSES
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import encodable

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


def digest(
    runs: Sequence[CollectedRun], title: str, command: str | None, baseline: str | None
) -> dict[str, Any]:
    """All that a report says of some runs.

    Args:
        runs: as collected.
        title: of the report.
        command: that made them, if it was one.
        baseline: the configuration to compare with: its label, a part of it, or settings such
            as ``activation=relu init=he``; ``None`` for the best.

    Returns:
        Content that JSON can hold; its numbers have four digits.

    Raises:
        ValueError: if the baseline is none of the configurations, several, or has no result.
    """
    return compare_runs(group_runs(runs), title, command, baseline)


def compare_runs(
    grouped: GroupedRuns,
    title: str,
    command: str | None,
    baseline: str | None,
    place: Path | None = None,
) -> dict[str, Any]:
    """The same as :func:`digest`, of runs that are gathered already.

    Args:
        grouped: the runs.
        title: of the report.
        command: that made them, if it was one.
        baseline: the configuration to compare with.
        place: the directory that runs' directories are as seen from.
    """
    metric, found = grouped.metric, grouped.configurations
    values = {one.number: one.values(metric.moment, metric.name) for one in found}
    means = {number: interval(own.values())["mean"] for number, own in values.items()}
    ranked = sorted(found, key=lambda one: _order(one, means[one.number], metric))
    named = None if baseline is None else find_configuration(baseline, found)
    if named is not None and means[named] is None:
        raise UserError(
            f"A baseline must have a result to compare with. Found none for `{baseline}`. "
            "Choose a configuration that completed."
        )
    other = _best(ranked, values) if named is None else named
    against = {} if other is None else compare(values, other, picked=named is None)
    effects = [
        axis_effects(axis, [(one.axes, values[one.number]) for one in found])
        for axis in grouped.axes
    ]
    label = next((one.label for one in found if one.number == named), None)
    headline = {metric.name: (f"{metric.moment} {metric.name}", "")}
    return {
        "title": title,
        "sentence": sentence(grouped),
        "command": command,
        "versions": _versions(grouped),
        "metric": {
            "name": metric.name,
            "moment": metric.moment,
            "higher_is_better": metric.higher_is_better,
        },
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in grouped.axes],
        "baseline": other,
        "notes": notes(grouped, effects, against, label),
        "effects": [
            _effect(effect) | {"n_cells": axis.n_cells, "n_all": axis.n_all}
            for axis in effects
            for effect in axis.effects
        ],
        "numbers": [
            {"name": name, "title": title, "unit": unit, "over_seeds": name not in THEORY | TIME}
            for name, (title, unit) in (headline | FLOW | THEORY | SHARES | TIME).items()
        ],
        "runs": [_run(grouped, one, values[one.number], against, place) for one in ranked],
    }  # fmt: skip


def _best(ranked: Sequence[Configuration], values: Mapping[int, Mapping[int, float]]) -> int | None:
    """The best of those with enough seeds to compare others with; none without another."""
    sizes = {one.number: n for one in ranked if (n := len(values[one.number]))}
    least = least_seeds(sizes.values())
    return None if len(sizes) < 2 else next(key for key, n in sizes.items() if n >= least)


def _order(one: Configuration, mean: float | None, metric: Metric) -> tuple[int, float, int]:
    """Best first, those most of whose seeds diverged after the others; then without a result."""
    if mean is None:
        return 2 + STATUSES.index(one.status), 0.0, one.number
    return int(one.is_mostly_lost), -mean if metric.higher_is_better else mean, one.number


def _run(
    grouped: GroupedRuns,
    one: Configuration,
    values: Mapping[int, float],
    against: Mapping[int, Difference],
    place: Path | None,
) -> dict[str, Any]:
    directory, tables = one.first.directory, grouped.tables
    more = f" and {len(one.runs) - 1} more" if len(one.runs) > 1 else ""
    verdicts = [verdict for run in one.runs.values() for verdict in run.summary.verdicts]
    return {
        "id": one.number,
        "name": one.first.name + more,
        "label": one.label,
        "directory": seen_from(place, directory) if place else encodable(str(directory)),
        "axes": dict(one.axes),
        "status": one.status,
        "reason": "; ".join(filter(None, [missing_result(grouped, one), one.reason])) or None,
        "n_seeds": one.n_seeds,
        "n_diverged": len(one.diverged),
        "n_zero": {moment: n_zero(grouped, one, moment) for moment in ("start", "end")},
        "numbers": _numbers(grouped, one, values),
        "against": _against(against.get(one.number)),
        "verdicts": [
            {"kind": kind, "words": words}
            for kind, words in dict.fromkeys((v.kind, v.words) for v in verdicts)
        ],
        "command": "\n".join(map(command_of, one.runs.values())),
        "config": one.first.config,
        "profile": tables.profiles.get(one.number),
        "heatmap": tables.heatmaps.get(one.number),
        "curves": tables.curves.get(one.number, {}),
    }


def _numbers(
    grouped: GroupedRuns, one: Configuration, values: Mapping[int, float]
) -> dict[str, dict[str, Any]]:
    """Every number of the ranking, with an interval where it is one over seeds."""
    found = {grouped.metric.name: interval(values.values())}
    found |= {name: interval(one.values("flow", name).values()) for name in FLOW}
    summaries = [run.summary for run in one.runs.values()]
    for name, key in (("predicted_decay_rate", "decay_rate"), ("theory_error", "theory_error")):
        some = [finite(s.theory and getattr(s.theory, key)) for s in summaries]
        found[name] = interval(some) | {"low": None, "high": None}  # of runs, not of seeds
    units = {
        seed: own
        for number in one.runs
        for seed, replica in one.replicas.items()
        if not replica.has_diverged and (own := grouped.tables.units.get((number, seed)))
    }
    found |= {f"{name}_end": interval(own[name] for own in units.values()) for name in UNITS}
    seconds = [s.wall_seconds for s in summaries if s.wall_seconds is not None]
    found["wall_seconds"] = {
        "mean": sum(seconds) if seconds else None, "low": None, "high": None, "n": len(seconds)
    }  # fmt: skip
    return {
        name: {key: value if key == "n" else significant(value) for key, value in number.items()}
        for name, number in found.items()
    }


def _against(one: Difference | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "difference": significant(one.mean),
        "low": significant(one.low),
        "high": significant(one.high),
        "p": significant(one.p),
        "p_holm": significant(one.p_holm),
        "n": one.n,
    }


def _effect(one: Effect) -> dict[str, Any]:
    return {
        "axis": one.axis,
        "value": one.value,
        "mean": significant(one.mean),
        "low": significant(one.low),
        "high": significant(one.high),
        "n": one.n,
    }


def _versions(grouped: GroupedRuns) -> str:
    """Those of what decides results, all that there are."""
    said = []
    for library in ("deltaflow", "torch"):
        versions = {
            version
            for run in grouped.runs.values()
            if (version := run.summary.versions.get(library))
        }
        said += [f"{library} {' / '.join(sorted(versions))}"] if versions else []
    return ", ".join(said)
