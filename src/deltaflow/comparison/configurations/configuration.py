"""A configuration: runs that differ only in their seeds, with the results of all of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from deltaflow.comparison.collection import CollectedRun, finite_or_none
from deltaflow.comparison.results import repeats, rows_judged
from deltaflow.comparison.statistics.repeats import Repeats
from deltaflow.records import STATUSES, Replica
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal

Value = str | float | None

ENDED = ("completed", "diverged")
FAILED_SEEDS = "failed_seeds"  # the verdict on seeds that learnt much less than the best seed
_SHOWN = 5  # labels in a message


@dataclass(frozen=True)
class Axis:
    """A setting that varies.

    Attributes:
        name: name on the command line.
        values: its values: numbers in ascending order, then texts in the order of their first run.
    """

    name: str
    values: tuple[str | float, ...]


@dataclass(frozen=True)
class Configuration:
    """All runs of one configuration. A seed that several runs have counts once.

    Attributes:
        number: number of the first run.
        runs: the runs by number.
        axes: the configuration's value on each axis; ``None`` if it is not known.
        label: the values that distinguish it from the other configurations.
    """

    number: int
    runs: Mapping[int, CollectedRun]
    axes: Mapping[str, Value]
    label: str

    @property
    def first(self) -> CollectedRun:
        """The first run."""
        return self.runs[self.number]

    @property
    def status(self) -> str:
        """The best status of the runs."""
        return min((run.status for run in self.runs.values()), key=STATUSES.index)

    @property
    def reason(self) -> str | None:
        """Why a run has no result; ``None`` if every run has one."""
        rest = [run for run in self.runs.values() if run.status not in ENDED]
        if len(rest) == len(self.runs):
            return rest[0].reason
        said = []
        if self.status == "diverged":
            steps = sorted(self.diverged.values())
            which = f"all {len(steps)} seeds diverged, the first" if len(steps) > 1 else "diverged"
            said.append(f"{which} at step {steps[0]}" if steps else which)
        if rest:
            said.append(f"{len(rest)} of {len(self.runs)} runs {rest[0].status}: {rest[0].reason}")
        return "; ".join(said) or None

    @cached_property
    def sources(self) -> dict[int, int]:
        """For each replica with a result, the number of the first run that has it.

        Here and below, the key of a replica is its seed, or with folds ``seed · n_folds + fold``.
        """
        found: dict[int, int] = {}
        for number, run in self.runs.items():
            for replica in run.summary.replicas:
                found.setdefault(self.key(replica), number)
        return found

    @property
    def n_folds(self) -> int:
        """Number of folds per seed."""
        return self.first.summary.n_folds

    def key(self, replica: Replica) -> int:
        """The key of a replica."""
        return replica.seed * self.n_folds + replica.fold

    def repeats(self, moment: str) -> Repeats:
        """How the numbers of a moment depend on each other across folds."""
        return repeats(self.first.summary.rows, moment, self.n_folds)

    @cached_property
    def replicas(self) -> dict[int, Replica]:
        """The records of the replicas, by key."""
        return {
            self.key(replica): replica
            for number, run in self.runs.items()
            for replica in run.summary.replicas
            if self.sources[self.key(replica)] == number
        }

    @property
    def diverged(self) -> dict[int, int]:
        """The step of each replica that diverged, by key; 0 if the step is not known."""
        return {
            seed: replica.diverged_at_step or 0
            for seed, replica in self.replicas.items()
            if replica.has_diverged
        }

    @cached_property
    def failed(self) -> set[int]:
        """The keys of replicas in runs that failed, unless another run has their result."""
        failed = (run for run in self.runs.values() if run.status == "failed")
        return {
            seed * self.n_folds + fold
            for run in failed
            for seed in _planned(run)
            for fold in range(self.n_folds)
        } - self.replicas.keys()

    @property
    def n_lost(self) -> int:
        """Number of seeds that diverged, failed, or by a verdict learnt too little."""
        completed = len(self.replicas) - len(self.diverged)
        verdicts = [
            verdict
            for number in set(self.sources.values())
            for verdict in self.runs[number].summary.verdicts
            if verdict.kind == FAILED_SEEDS
        ]
        unlearnt = sum(
            int(finite_or_none(verdict.numbers.get("n_failed")) or 0) for verdict in verdicts
        )
        return len(self.diverged) + len(self.failed) + min(unlearnt, completed)

    @property
    def n_seeds(self) -> int:
        """Number of seeds with a result or a failure; if there are none, of planned seeds."""
        return len(self.replicas) + len(self.failed) or len(_planned(self.first))

    @property
    def seconds(self) -> float | None:
        """Time of all seeds, in s; a run's time is divided evenly, and each seed counts once."""
        found = []
        for number, run in self.runs.items():
            n = len(run.summary.replicas)
            own = sum(source == number for source in self.sources.values())
            if (seconds := run.summary.wall_seconds) is not None:
                found.append(seconds * own / n if n else seconds)
        return sum(found) if found else None

    def rows(self, moment: str) -> int | None:
        """Number of rows that metrics of a moment are averaged over; ``None`` if not known."""
        return rows_judged(self.first.summary.rows, moment)

    def values(self, part: str, name: str) -> dict[int, float]:
        """A number of each replica that counts in its mean, by key.

        Args:
            part: ``final``, ``best``, ``test`` or ``flow``.
            name: name of the number.
        """
        return {
            seed: value
            for seed, replica in self.replicas.items()
            if replica.counts(name)
            and (value := finite_or_none(replica.numbers(part).get(name))) is not None
        }


def find_configuration(name: str, configurations: Sequence[Configuration]) -> Configuration:
    """Find a configuration by name.

    Args:
        name: the label or pieces of it, such as ``relu depth=10``. A piece ``name=value`` with the
            name of an axis matches that axis alone.
        configurations: the configurations to choose from.

    Raises:
        ValueError: if no configuration matches, or several do.
    """
    exact = [one for one in configurations if one.label == name.strip()]
    pieces = [piece for piece in name.split() if piece != "·"]  # the separator in labels
    found = exact or [one for one in configurations if all(_fits(p, one) for p in pieces)]
    if len(found) == 1 and pieces:
        return found[0]
    shown = [f"`{literal(one.label)}`" for one in (found or configurations)[:_SHOWN]]
    more = len(found or configurations) - len(shown)
    said = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    if len(found) > 1 and pieces:
        raise UserError(
            f"A baseline must name one configuration. Found {len(found)} for `{name}`: {said}. "
            "Add what sets it apart, as in `--baseline 'activation=relu init=he'`."
        )
    raise UserError(
        f"A baseline must name a configuration, by its label or a part of it. Found `{name}`, "
        f"which none has. There are {said}."
    )


def text(value: Value) -> str:
    """A value as it is written on the command line.

    >>> text(0.1), text(1e-9), text(32), text("relu")
    ('0.1', '1e-09', '32', 'relu')
    """
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def read_value(typed: str) -> str | float:
    """The value of an override's text: a number if it is one."""
    for kind in (int, float):
        try:
            number = kind(typed)
        except ValueError:
            continue
        if finite_or_none(number) is not None:
            return number
    quoted = len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\""
    return typed[1:-1] if quoted else typed


def _fits(piece: str, one: Configuration) -> bool:
    """Whether a piece of a name matches a configuration."""
    axis, equals, value = piece.partition("=")
    if equals and axis in one.axes:
        return text(read_value(value)) == text(one.axes[axis])
    return piece in one.label


def _planned(run: CollectedRun) -> range:
    """The seeds of a run by its configuration."""
    first, n = (
        re.search(rf"(?m)^{name}: (\d{{1,9}})$", run.config) for name in ("seed", "n_seeds")
    )
    return range(int(first[1]), int(first[1]) + int(n[1])) if first and n else range(0)
