"""The runs of a claim's sweep by their settings, and numbers of theirs by seed."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import polars as pl
import torch

from deltaflow import Run, UserError

BySeed = Mapping[int, float]
Condition = tuple[str, ...]
"""What tells a number from others of its measure, such as ``("init=he", "at the end")``."""
Numbers = dict[Condition, BySeed]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Runs:
    """Some runs of a sweep, in the order in which they were run."""

    runs: tuple[Run, ...]

    def among(self, name: str) -> list[Any]:
        """The values of a setting, each once, in the order in which they were run."""
        return list(dict.fromkeys(settings_of(run).get(name) for run in self.runs))

    def of(self, settings: Settings) -> "Runs":
        """The runs that have these settings.

        Raises:
            UserError: if there are none.
        """
        found = tuple(run for run in self.runs if settings.items() <= settings_of(run).items())
        if not found:
            raise UserError(
                f"A claim needs runs with {' '.join(label(settings))}. Found none. Keep the axes "
                "of its preset."
            )
        return Runs(found)

    def grid(self, *names: str) -> Iterator[tuple[Condition, "Runs"]]:
        """The runs of each combination of some settings' values, by condition."""
        for values in itertools.product(*map(self.among, names)):
            settings = dict(zip(names, values, strict=True))
            yield label(settings), self.of(settings)

    @property
    def replicas(self) -> dict[int, Any]:
        """The records of the replicas by seed."""
        return {one.seed: one for run in self.runs for one in run.record.replicas}

    def completed(self, values: Mapping[int, float | None]) -> BySeed:
        """Those values that are finite, of the seeds that did not diverge."""
        diverged = {seed for seed, one in self.replicas.items() if one.has_diverged}
        return finite({seed: value for seed, value in values.items() if seed not in diverged})

    def by_seed(self, values: torch.Tensor) -> BySeed:
        """A number of each network of one run, ``[R]``, by seed."""
        return self.completed(dict(zip(sorted(self.replicas), values.tolist(), strict=True)))

    def hidden_layers(self, column: str) -> pl.DataFrame:
        """A column of the layers table as ``value``, with seed, step and layer."""
        frame = pl.concat([run.layers for run in self.runs])
        hidden = pl.col("layer") < pl.col("layer").max()
        return frame.filter(hidden).select("seed", "step", "layer", value=column)


Number = Callable[[Runs], BySeed]
Values = Callable[[Runs], Numbers]


def label(settings: Settings) -> Condition:
    """Settings as on the command line.

    >>> label({"init": "he", "optimizer.lr": 0.0, "network.output_activation": None})
    ('init=he', 'optimizer.lr=0', 'network.output_activation=null')
    """
    return tuple(
        f"{name}={'null' if value is None else f'{value:g}' if isinstance(value, float) else value}"
        for name, value in settings.items()
    )


def minus(own: BySeed, other: BySeed) -> BySeed:
    """Own minus other, for the seeds that both have.

    >>> minus({0: 0.75, 1: 0.5}, {0: 0.5, 2: 0.1})
    {0: 0.25}
    """
    return {seed: own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())}


def over(own: BySeed, other: BySeed) -> BySeed:
    """Own over other, for the seeds that both have, where the latter is not 0."""
    return {s: own[s] / other[s] for s in sorted(own.keys() & other.keys()) if other[s]}


def each(of: Number, *names: str) -> Values:
    """A number by the values of some settings."""
    return lambda runs: {condition: of(own) for condition, own in runs.grid(*names)}


def where(settings: Settings, values: Values) -> Values:
    """The numbers of those runs that have some settings."""
    return lambda runs: values(runs.of(settings))


def together(*measures: Values) -> Values:
    """The conditions of several measures in one."""
    return lambda runs: {c: numbers for one in measures for c, numbers in one(runs).items()}


def at_both_ends(values: Callable[[str], Values]) -> Values:
    """The numbers at the start and at the end of training, with that in their conditions."""
    return lambda runs: {
        (*condition, f"at the {at}"): numbers
        for at in ("start", "end")
        for condition, numbers in values(at)(runs).items()
    }


def compared(
    of: Number,
    name: str,
    own: Any,
    *others: Any,
    by: tuple[str, ...] = (),
    how: Callable[[BySeed, BySeed], BySeed] = minus,
) -> Values:
    """A number with one value of a setting beside that with others.

    Args:
        of: what is compared.
        name: of the setting.
        own: the value whose number comes first.
        others: the values that it is compared with; all others if none are given.
        by: further settings, by whose values it is compared.
        how: :func:`minus` or :func:`over`.
    """

    def values(runs: Runs) -> Numbers:
        found: Numbers = {}
        for condition, part in runs.grid(*by):
            first = of(part.of({name: own}))
            for other in others or [value for value in part.among(name) if value != own]:
                against = label({name: other}) if not others else (f"against {other}",)
                full = (*condition, *against) if len(others) != 1 else condition
                found[full or (f"{own} against {other}",)] = how(first, of(part.of({name: other})))
        return found

    return values


def number(part: str, name: str, log: bool = False) -> Number:
    """A number of the replicas' records, such as ``test`` ``accuracy``.

    Args:
        part: of a replica's record.
        name: of the number.
        log: its logarithm, log₁₀.
    """

    def values(runs: Runs) -> BySeed:
        known = finite(
            {s: one.numbers(part).get(name) for s, one in runs.replicas.items() if one.counts(name)}
        )
        return {seed: math.log10(value) for seed, value in known.items()} if log else known

    return values


def decades(column: str, absolute: bool = False) -> Number:
    """By how many decades the first hidden layer is below the last, mean over the recorded steps.

    Args:
        column: of the layers table.
        absolute: below or above it.
    """

    def values(runs: Runs) -> BySeed:
        ordered = pl.col("value").sort_by("layer")
        lost = (ordered.last() / ordered.first()).log10()
        steps = runs.hidden_layers(column).group_by("seed", "step").agg(lost=lost)
        lost = pl.col("lost").abs() if absolute else pl.col("lost")
        return runs.completed(
            dict(steps.group_by("seed").agg(lost.mean()).sort("seed").iter_rows())
        )

    return values


def of_units(column: str, at: str = "end") -> Number:
    """A share of units or entries at the ``start`` or the ``end``, mean over the hidden layers."""

    def values(runs: Runs) -> BySeed:
        frame = runs.hidden_layers(column)
        step = frame["step"].min() if at == "start" else frame["step"].max()
        means = frame.filter(step=step).group_by("seed").agg(pl.col("value").mean())
        return runs.completed(dict(means.sort("seed").iter_rows()))

    return values


def per_split(of: Number) -> Number:
    """The mean of a number over the seeds of each split of the data."""

    def values(runs: Runs) -> BySeed:
        name = "data.split_seed"
        found = {split: of(runs.of({name: split})) for split in runs.among(name)}
        return {split: fmean(numbers.values()) for split, numbers in found.items() if numbers}

    return values


def seconds(runs: Runs) -> BySeed:
    """The wall time of each run by its seed; not of the first, in which libraries are loaded."""
    found = {int(settings_of(run)["seed"]): run.record.wall_seconds for run in runs.runs}
    return finite({seed: found[seed] for seed in sorted(found)[1:]})


def settings_of(run: Run) -> Mapping[str, Any]:
    """All settings of a run by name."""
    return run.record.hyperparameters


def finite(values: Mapping[int, float | None]) -> BySeed:
    """Those values that are finite numbers."""
    return {s: value for s, value in values.items() if value is not None and math.isfinite(value)}
