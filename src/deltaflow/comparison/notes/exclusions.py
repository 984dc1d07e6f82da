"""Sentences on everything that the numbers of a report leave out."""

from collections import Counter
from collections.abc import Iterator, Sequence

from deltaflow.comparison.configurations.configuration import text
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns
from deltaflow.comparison.statistics.effects import AxisEffects
from deltaflow.system.wording import listed, many


def exclusions(grouped: GroupedRuns, effects: Sequence[AxisEffects]) -> Iterator[str]:
    """Sentences on what is not ranked, not averaged, or has no result."""
    yield from _unranked(grouped)
    yield from _lost_seeds(grouped)
    yield from _effects(effects)
    yield from _zeros(grouped)
    yield from _diverged(grouped)
    yield from _runs(grouped)


def _unranked(grouped: GroupedRuns) -> Iterator[str]:
    metric, found = grouped.metric, grouped.configurations
    if metric.replaced:
        lacking = [one for one in found if one.status == "completed"]
        n = sum(not one.values(metric.moment, metric.replaced) for one in lacking)
        yield (
            f"{many(n, 'configuration')} without {metric.replaced}: all are ranked by "
            f"{metric.name}, which each of them has."
        )
    if n := sum(grouped.missing_result(one) is not None for one in found):
        result = f"{metric.moment} {metric.name}"
        yield f"{many(n, 'configuration')} completed without {result}: not ranked."


def _lost_seeds(grouped: GroupedRuns) -> Iterator[str]:
    found = grouped.configurations
    if lost := sum(one.status == "completed" and one.n_lost > 0 for one in found):
        yield (
            f"{many(lost, 'configuration')} lost seeds, which diverged, failed or learnt far less "
            "than the best: ranked after those that lost a smaller share, then by the mean."
        )


def _effects(effects: Sequence[AxisEffects]) -> Iterator[str]:
    shown = [one for one in effects if one.effects]
    if len(effects) > 1 and shown:
        yield (
            "The effect of an axis is the mean over the combinations of the others that have all "
            "of its values, from the same seeds and at least half as many as any, each with the "
            "same weight."
        )
    for one in effects:
        if one.missing and one.n_all:
            values = listed([f"`{text(value)}`" for value in one.missing], "and")
            yield f"There is no effect of {one.axis.name} {values}: no result has it."
        if one.n_cells < one.n_all:
            yield _averaged(one)


def _averaged(one: AxisEffects) -> str:
    """The combinations that an axis is averaged over, and why the others are left out."""
    said, n_lacking = [], one.n_all - one.n_cells - one.n_few
    if n_lacking:
        values = [f"`{text(value)}`" + (f" ({n})" if len(one.lacking) > 1 else "")
                  for value, n in one.lacking.items()]  # fmt: skip
        said.append(f"{n_lacking} without a result of {listed(values, 'or')}")
    if one.n_few:
        said.append(f"{one.n_few} where too few seeds have a result with all of its values")
    of, why = f"The effect of {one.axis.name} is", " and ".join(said)
    if not one.effects:
        return f"{of} left out: no combination of the other axes counts, with {why}."
    return f"{of} over {one.n_cells} of {one.n_all} combinations of the other axes, not over {why}."


def _zeros(grouped: GroupedRuns) -> Iterator[str]:
    for moment in ("start", "end"):
        found = [n for c in grouped.configurations if (n := grouped.n_zero(c, moment))]
        if found:
            yield (
                f"δ is 0 in {many(sum(found), 'network')} of {many(len(found), 'configuration')} "
                f"at the {moment}: no signal reaches the first layers, and no number says how many "
                "decades are lost. They are left out of vanishing indices, of decay rates and of "
                "the means of logarithms in profiles."
            )


def _diverged(grouped: GroupedRuns) -> Iterator[str]:
    n = sum(len(one.replicas) for one in grouped.configurations)
    if lost := sum(len(one.diverged) for one in grouped.configurations):
        yield (
            f"{lost} of {many(n, 'network')} diverged. What is of the start is over all seeds; "
            "metrics, and what is of the end, over those that did not diverge: that flatters the "
            "configurations the others belong to."
        )
    n_records = sum(len(run.summary.replicas) for run in grouped.runs.values())
    if twice := n_records - n:
        yield (
            f"{many(twice, 'network')} trained again, with the configuration and the seed of "
            "another: each counts once, in times too."
        )


def _runs(grouped: GroupedRuns) -> Iterator[str]:
    statuses = Counter(run.status for run in grouped.runs.values())
    ended = [
        f"{many(statuses[status], 'run')} {word}"
        for status, word in (
            ("failed", "failed"), ("interrupted", "stopped early"), ("running", "not ended yet")
        )
        if statuses[status]
    ]  # fmt: skip
    if ended:
        yield f"{', '.join(ended)}: without results."
    if grouped.n_repeats:
        yield (
            f"{many(grouped.n_repeats, 'run')} left out, with the same configuration and seeds "
            "as another."
        )
    if unreadable := grouped.tables.unreadable:
        yield (
            f"Tables of {many(len(unreadable), 'configuration')} cannot be read, and pictures of "
            f"them are left out: {next(iter(unreadable.values()))}"
        )
