"""A comparison of runs: the data that page, figures and terminal show.

Its strings come from users' configurations and must be escaped where they are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deltaflow.comparison.command_lines import sweep_command
from deltaflow.comparison.configurations.configuration import (
    Axis,
    Configuration,
    find_configuration,
)
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns, Metric
from deltaflow.comparison.configurations.ranked_configuration import (
    FLOW,
    SHARES,
    THEORY,
    TIME,
    RankedConfiguration,
    ranked_configuration,
)
from deltaflow.comparison.notes.headline import headline, sweep_title
from deltaflow.comparison.notes.search import search_headline, search_notes
from deltaflow.comparison.notes.sentences import notes, sentence
from deltaflow.comparison.statistics.effects import AxisEffects, axis_effects
from deltaflow.comparison.statistics.paired_tests import compare, least_seeds
from deltaflow.comparison.statistics.repeats import ONCE
from deltaflow.records import STATUSES, SearchRecord
from deltaflow.system.errors import UserError
from deltaflow.system.wording import many


@dataclass(frozen=True)
class Quantity:
    """A column of the ranking.

    Attributes:
        name: key in ``RankedConfiguration.numbers``.
        title: title of the column.
        unit: unit of the numbers; empty if there is none.
        over_seeds: whether the numbers are means over seeds.
    """

    name: str
    title: str
    unit: str
    over_seeds: bool


@dataclass(frozen=True)
class Comparison:
    """The content of a report.

    Attributes:
        title: title of the report.
        is_of_one_run: whether there is a single run and nothing to compare.
        heading: the question in words.
        headline: the result in a few sentences.
        sentence: what was compared, in a sentence.
        command: the command that started all runs; ``None`` if there are several.
        versions: versions of the libraries that the results depend on.
        metric: the metric of the ranking.
        axes: the settings that vary.
        baseline: number of the configuration that others are compared with; ``None`` for none.
        notes: warnings for the reader.
        effects: the effects of each axis.
        quantities: the columns of the ranking, the metric first.
        ranking: the configurations, the best first; those without a result last.
    """

    title: str
    is_of_one_run: bool
    heading: str
    headline: Sequence[str]
    sentence: str
    command: str | None
    versions: str
    metric: Metric
    axes: Sequence[Axis]
    baseline: int | None
    notes: Sequence[str]
    effects: Sequence[AxisEffects]
    quantities: Sequence[Quantity]
    ranking: Sequence[RankedConfiguration]


def compare_runs(
    grouped: GroupedRuns,
    title: str,
    directory: Path,
    baseline: str | None = None,
    search: SearchRecord | None = None,
) -> Comparison:
    """Rank configurations and compare them with a baseline.

    Args:
        grouped: the runs.
        title: title of the report.
        directory: directory of the report; paths are relative to it.
        baseline: names the baseline by its label, a part of the label, or settings such as
            ``activation=relu init=he``; ``None`` for the best configuration.
        search: the search whose trials the runs are; ``None`` if they are not trials.

    Raises:
        ValueError: if ``baseline`` does not name exactly one configuration with a result.
    """
    metric, found = grouped.metric, grouped.configurations
    scale = metric.scale(*found)
    values = {one.number: one.values(metric.moment, metric.name) for one in found}
    ranked = sorted(found, key=lambda one: _order(one, values[one.number], metric))
    named = None if baseline is None else find_configuration(baseline, found)
    if named is not None and not values[named.number]:
        raise UserError(
            f"A baseline must have a result to compare with. Found none for `{baseline}`. "
            "Choose a configuration that completed."
        )
    other = _best(ranked, values) if named is None else named.number
    repeated = {one.number: one.repeats(metric.moment) for one in found}
    alike = set(repeated.values())
    against = {} if other is None else compare(values, other, named is None, scale, repeated)
    effects = [
        axis_effects(
            axis,
            [(one.axes, values[one.number]) for one in found],
            scale,
            alike.copy().pop() if len(alike) == 1 else ONCE,
        )
        for axis in (grouped.axes if search is None else ())
    ]
    chief = {metric.name: (f"{metric.moment} {metric.name}", "")}
    ranking = [
        ranked_configuration(grouped, one, against.get(one.number), directory) for one in ranked
    ]
    return Comparison(
        title=title,
        is_of_one_run=len(grouped.runs) == 1,
        heading=_heading(grouped, ranking) or title,
        headline=[
            *(search_headline(search, metric) if search else ()),
            *_answer(grouped, ranking, other),
        ],
        sentence=sentence(grouped),
        command=sweep_command(grouped.runs.values()),
        versions=_versions(grouped),
        metric=metric,
        axes=grouped.axes,
        baseline=other,
        notes=[
            *(search_notes(search, metric) if search else ()),
            *notes(grouped, effects, against, named.label if named else None),
        ],
        effects=effects,
        quantities=[
            Quantity(name, title, unit, over_seeds=name not in THEORY | TIME)
            for name, (title, unit) in (chief | FLOW | THEORY | SHARES | TIME).items()
        ],
        ranking=ranking,
    )


def _heading(grouped: GroupedRuns, ranking: Sequence[RankedConfiguration]) -> str | None:
    """The question of several runs, or the label of a single run."""
    choices = [run.summary.choices for run in grouped.runs.values()]
    data = sorted({str(one["data"]) for one in choices if one.get("data")})
    if asked := sweep_title(grouped.axes, grouped.metric, data):
        return asked
    activations = {one.get("activation") for one in choices}
    if len(ranking) != 1 or len(data) != 1 or len(activations) != 1 or activations == {None}:
        return ranking[0].label if ranking else None
    n = len(ranking[0].profile.layers) if ranking[0].profile else 0
    layers = f" of {many(n, 'hidden layer')}" if n else ""
    return f"{str(*activations).capitalize()} network{layers} on {data[0]}"


def _answer(
    grouped: GroupedRuns, ranking: Sequence[RankedConfiguration], baseline: int | None
) -> list[str]:
    """The headline: the verdicts on a single run, or the result of the comparison."""
    if len(grouped.runs) == 1 and ranking[0].findings:
        return [finding.words for finding in ranking[0].findings]
    return headline(ranking, grouped.metric, baseline)


def _best(ranked: Sequence[Configuration], values: Mapping[int, Mapping[int, float]]) -> int | None:
    """The best configuration with enough seeds to be the baseline; ``None`` if it is alone."""
    sizes = {one.number: n for one in ranked if (n := len(values[one.number]))}
    least = least_seeds(sizes.values())
    return None if len(sizes) < 2 else next(key for key, n in sizes.items() if n >= least)


def _order(
    one: Configuration, values: Mapping[int, float], metric: Metric
) -> tuple[int, float, float, int]:
    """The sort key of the ranking: the share of lost seeds, then the mean of the other seeds.

    The mean alone would favour configurations that lost their worst seeds.
    """
    if not values:
        return 1 + STATUSES.index(one.status), 0.0, 0.0, one.number
    mean = sum(values.values()) / len(values)
    lost = one.n_lost / one.n_seeds
    return 0, lost, -mean if metric.higher_is_better else mean, one.number


def _versions(grouped: GroupedRuns) -> str:
    """The versions, found in any run, of the libraries that results depend on."""
    said = []
    for library in ("deltaflow", "torch"):
        every = [run.summary.versions.get(library) for run in grouped.runs.values()]
        versions = {version for version in every if version}
        said += [f"{library} {' / '.join(sorted(versions))}"] if versions else []
    return ", ".join(said)
