"""A sentence on what was compared, and the warnings that a reader needs."""

from collections.abc import Iterator, Mapping, Sequence

from deltaflow.comparison.configurations.configuration import Axis, text
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns
from deltaflow.comparison.notes.exclusions import exclusions
from deltaflow.comparison.statistics.effects import AxisEffects
from deltaflow.comparison.statistics.intervals import Scale
from deltaflow.comparison.statistics.paired_tests import FEW, Difference, least_seeds
from deltaflow.system.wording import MAX_NAMED, many


def sentence(grouped: GroupedRuns) -> str:
    """Describe what was compared: numbers of configurations and seeds, axes, data and loss."""
    found = grouped.configurations
    seeds = {one.n_seeds for one in found} or {0}
    low, high = min(seeds), max(seeds)
    said = f"{many(len(found), 'configuration')} × "
    folds = {one.n_folds for one in found}
    if folds not in (set(), {1}):
        said += f"{many(high, 'replica')} at most, " if low != high else ""
        said += f"{many(high // max(folds), 'seed')} × {many(max(folds), 'fold')}"
    else:
        said += many(high, "seed") if low == high else f"{low} to {high} seeds"
    n_grid = 1
    for axis in grouped.axes:
        n_grid *= len(axis.values)
    crossed = n_grid == len(found)
    swept = (" × " if crossed else ", ").join(_axis(axis) for axis in grouped.axes)
    said += f": {swept}" if swept else f": {found[0].label}" if len(found) == 1 else ""
    shared = {
        group: {run.summary.choices.get(group) for run in grouped.runs.values()} - {None}
        for group in ("data", "loss")
    }
    for word, group in (("on", "data"), ("with", "loss")):
        if len(shared[group]) == 1:
            said += f"{',' if word == 'on' else ''} {word} {next(iter(shared[group]))}"
    return f"{said}."


def notes(
    grouped: GroupedRuns,
    effects: Sequence[AxisEffects],
    against: Mapping[int, Difference],
    named: str | None,
) -> list[str]:
    """The warnings that a reader needs.

    Args:
        grouped: the runs.
        effects: the effects of the axes.
        against: each configuration's difference from the baseline.
        named: the label of the baseline if the user named it; ``None`` if it is the best.

    Returns:
        Sentences, the most general first.
    """
    metric = grouped.metric
    values = [one.values(metric.moment, metric.name) for one in grouped.configurations]
    sizes = [len(own) for own in values if own]
    return [
        *_intervals(sizes, metric.scale(*grouped.configurations)),
        *_selection_notes(grouped, len(sizes), metric.moment),
        *_tests(against, sizes, named),
        *_scope(grouped, max(sizes, default=0)),
        *exclusions(grouped, effects),
    ]


def _intervals(sizes: Sequence[int], scale: Scale) -> Iterator[str]:
    if not sizes:
        yield "No run has a result yet: there is nothing to rank."
    elif max(sizes) == 1:
        yield (
            "One seed: no intervals and no tests, for one value does not say how far another "
            "would be from it. Add `n_seeds=16`."
        )
    else:
        n = len(sizes)
        wrong = f": about {0.05 * n:.0f} of these {n} miss their mean" if n >= 20 else ""
        shares = " (Korn and Graubard's for shares of rows)" if scale.is_share else ""
        yield f"Intervals are 95 % by Student's t{shares} over seeds, unadjusted{wrong}."
        if ones := sizes.count(1):
            yield f"{many(ones, 'configuration')} with one seed: no interval, and no test."


def _selection_notes(grouped: GroupedRuns, n: int, moment: str) -> Iterator[str]:
    if n > 1:
        seeds = [r.seed for run in grouped.runs.values() for r in run.summary.replicas]
        yield (
            f"The best of {n} looks better than it is, for it was picked by the same "
            f"{'test part' if moment == 'test' else 'numbers'} that it is shown with. Train it "
            f"again with new seeds, `seed={max(seeds, default=-1) + 1}`, for a fair number."
        )
    if n and moment == "final":
        yield "Without a test part, runs are ranked by the last epoch."


def _tests(
    against: Mapping[int, Difference], sizes: Sequence[int], named: str | None
) -> Iterator[str]:
    tested = [one for one in against.values() if one.p is not None]
    if tested:
        n = sum(size > 1 for size in sizes)
        family = len(tested) if named else n * (n - 1) // 2
        pairs = "the 1 pair" if family == 1 else f"all {family} pairs"
        least = least_seeds(sizes)
        best = f"the best with at least {least} seeds" if min(sizes) < least else "the best"
        yield (
            f"Each is compared with {f'`{named}`' if named else best}, paired by seed; p is "
            "that of a paired t-test, two-sided, with a spread no smaller than whole rows leave, "
            "corrected by Holm for "
            + (
                f"{many(family, 'comparison')}. It holds if the baseline was chosen before the "
                "results were seen."
                if named
                else f"{pairs}, as the best was picked by the same results. "
                "A baseline chosen beforehand, with `--baseline`, leaves fewer."
            )
        )
    if untested := len(against) - len(tested):
        yield f"{many(untested, 'configuration')} with one seed in common with the baseline: no p."
    if few := sum(one.n < FEW for one in tested):
        yield (
            f"{many(few, 'configuration')} with only 2 seeds in common with the baseline: a test "
            "of so few says next to nothing."
        )


def _scope(grouped: GroupedRuns, n_seeds: int) -> Iterator[str]:
    names = {axis.name for axis in grouped.axes}
    if any(one.n_folds > 1 for one in grouped.configurations):
        yield (
            "Each seed was trained on each fold, a division of the rows by `data.folds` or "
            "`data.split_seeds`. Intervals and tests are of the corrected resampled t (Nadeau and "
            "Bengio 2003) over folds, with the seeds' own spread on top; bands in the figures "
            "are over all replicas, as if these did not depend on each other."
        )
    elif n_seeds and "data.split_seed" not in names:
        covers = "intervals cover initial weights and the order of batches, not the choice of split"
        yield (
            f"All seeds share one split of the data{f': {covers}' if n_seeds > 1 else ''}. "
            "`data.split_seed=0,1,2` shows how much another one would change."
        )
    if "data" in names:
        yield "Runs on different data are ranked together: that says more of the data than of them."


def _axis(axis: Axis) -> str:
    values = [text(value) for value in axis.values]
    if len(values) > MAX_NAMED:
        values = [values[0], values[1], "…", f"{values[-1]}; {len(values)} values"]
    return f"{axis.name} ({', '.join(values)})"
