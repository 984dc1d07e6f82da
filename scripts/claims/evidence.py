"""The runs of a claim's sweep, found by their settings, and numbers of theirs by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from deltaflow.comparison.collection import CollectedRun
from deltaflow.comparison.configuration import Configuration, Value, text
from deltaflow.comparison.grouping import configurations, distinct, numbered
from deltaflow.comparison.statistics.paired_tests import BySeed
from deltaflow.records import LAYERS
from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Evidence:
    """All configurations of a sweep.

    Attributes:
        configurations: in the order of their first runs.
    """

    configurations: Sequence[Configuration]

    @classmethod
    def of_runs(cls, runs: Sequence[CollectedRun]) -> "Evidence":
        """Group runs into configurations.

        Args:
            runs: of one sweep, each of which has ended.
        """
        return cls(configurations(numbered(distinct(runs)))[0])

    def among(self, name: str) -> list[Value]:
        """The values of a setting, in the order in which they were run.

        Args:
            name: as on the command line.
        """
        return list(dict.fromkeys(setting(one, name) for one in self.configurations))

    def of(self, settings: Mapping[str, Value]) -> Configuration:
        """The one configuration that has these settings.

        Args:
            settings: values by name.

        Raises:
            ValueError: if there is none, or several.
        """
        found = [
            one
            for one in self.configurations
            if all(setting(one, name) == value for name, value in settings.items())
        ]
        if len(found) != 1:
            raise UserError(
                f"A claim needs one configuration with {' '.join(label(settings))}. Found "
                f"{len(found)}. Keep the axes of its preset, and other runs out of its folder."
            )
        return found[0]


def setting(one: Configuration, name: str) -> Value:
    """The value that a setting has in a configuration, whether or not it varies."""
    value: Value = one.first.summary.hyperparameters.get(name)
    return value


def label(settings: Mapping[str, Value], *more: str) -> tuple[str, ...]:
    """A condition: settings as on the command line, and what else tells it from others.

    >>> label({"init": "he", "network.depth": 20}, "at the end")
    ('init=he', 'network.depth=20', 'at the end')
    """
    typed = (
        f"{name}={'null' if value is None else text(value)}" for name, value in settings.items()
    )
    return (*typed, *more)


def paired(own: BySeed, other: BySeed) -> dict[int, float]:
    """Own minus other, for the seeds that both have.

    >>> paired({0: 0.75, 1: 0.5}, {0: 0.5, 2: 0.1})
    {0: 0.25}
    """
    return {seed: own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())}


def ratio(own: BySeed, other: BySeed) -> dict[int, float]:
    """Own over other, for the seeds that both have, where the latter is not 0."""
    return {
        seed: own[seed] / other[seed] for seed in sorted(own.keys() & other.keys()) if other[seed]
    }


def seconds(one: Configuration) -> dict[int, float]:
    """How long each run took, by the seed that it began with: one round each."""
    found = {
        int(run.summary.hyperparameters["seed"] or 0): run.summary.wall_seconds
        for run in one.runs.values()
    }
    return {seed: value for seed, value in found.items() if value is not None}


def layers(one: Configuration, *columns: str) -> pl.DataFrame:
    """Columns of the hidden layers' records, of the seeds that did not diverge.

    Args:
        one: the configuration.
        columns: beside seed, step and layer.

    Returns:
        Rows in the order of seeds, steps and layers.
    """
    frame = pl.concat(
        [run.table(LAYERS, ("seed", "step", "layer", *columns)) for run in one.runs.values()]
    )
    going = [seed for seed, own in one.replicas.items() if not own.has_diverged]
    hidden = pl.col("layer") < pl.col("layer").max()
    return frame.filter(hidden, pl.col("seed").is_in(going)).sort("seed", "step", "layer")


def decades(
    one: Configuration, column: str, at: str = "all", absolute: bool = False
) -> dict[int, float]:
    """How many decades the first hidden layer is below the last one.

    Args:
        one: the configuration.
        column: of the layers table.
        at: ``start``, ``end``, or ``all`` for the mean over all recorded steps.
        absolute: below or above it, before that mean.

    Returns:
        By seed; a seed with a number that has no logarithm is left out.
    """
    frame = layers(one, column)
    if at != "all":
        step = frame["step"].min() if at == "start" else frame["step"].max()
        frame = frame.filter(pl.col("step") == step)
    value = pl.col(column)
    lost = frame.group_by("seed", "step").agg(
        (value.sort_by("layer").last() / value.sort_by("layer").first()).log10().alias("lost")
    )
    own = pl.col("lost").abs() if absolute else pl.col("lost")
    means = lost.group_by("seed").agg(own.mean()).sort("seed")
    return {seed: lost for seed, lost in means.iter_rows() if math.isfinite(lost)}


def of_units(one: Configuration, column: str, at: str = "end") -> dict[int, float]:
    """A share of units or entries, averaged over the hidden layers (of equal widths).

    Args:
        one: the configuration.
        column: of the layers table.
        at: ``start`` or ``end``.

    Returns:
        By seed.
    """
    frame = layers(one, column)
    step = frame["step"].min() if at == "start" else frame["step"].max()
    means = frame.filter(pl.col("step") == step).group_by("seed").agg(pl.col(column).mean())
    return {
        seed: share
        for seed, share in means.sort("seed").iter_rows()
        if share is not None and math.isfinite(share)
    }
