"""A configuration: what runs are without their seeds, and what all of them came to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from deltaflow.comparison.collection import CollectedRun, finite
from deltaflow.comparison.results import repeats, rows_judged
from deltaflow.comparison.statistics.repeats import Repeats
from deltaflow.records import STATUSES, Replica
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal

Value = str | float | None

ENDED = ("completed", "diverged")
FAILED_SEEDS = "failed_seeds"  # the verdict on seeds that learnt far less than the best
_SHOWN = 5  # labels in a message


@dataclass(frozen=True)
class Axis:
    """A setting that varies.

    Attributes:
        name: as on the command line.
        values: numbers first, from low to high; then texts, in the order first met.
    """

    name: str
    values: tuple[str | float, ...]


@dataclass(frozen=True)
class Configuration:
    """All runs of one configuration. A seed that several of them have counts once.

    Attributes:
        number: of its first run.
        runs: by number.
        axes: its value on each axis; ``None`` where that is not known.
        label: what sets it apart.
    """

    number: int
    runs: Mapping[int, CollectedRun]
    axes: Mapping[str, Value]
    label: str

    @property
    def first(self) -> CollectedRun:
        """The first of its runs."""
        return self.runs[self.number]

    @property
    def status(self) -> str:
        """The best of its runs' statuses."""
        return min((run.status for run in self.runs.values()), key=STATUSES.index)

    @property
    def reason(self) -> str | None:
        """Why it, or some run of it, has no result; ``None`` if every run has one."""
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
        """The run that counts for each replica with a result, by number: the first that has it.

        Here and below a replica goes by its seed; with folds, by ``seed · n_folds + fold``.
        """
        found: dict[int, int] = {}
        for number, run in self.runs.items():
            for replica in run.summary.replicas:
                found.setdefault(self.key(replica), number)
        return found

    @property
    def n_folds(self) -> int:
        """Divisions of the rows, of each of which every seed has a replica."""
        return self.first.summary.n_folds

    def key(self, replica: Replica) -> int:
        """What a replica goes by."""
        return replica.seed * self.n_folds + replica.fold

    def repeats(self, moment: str) -> Repeats:
        """How its replicas repeat each other, for numbers of a moment."""
        return repeats(self.first.summary.rows, moment, self.n_folds)

    @cached_property
    def replicas(self) -> dict[int, Replica]:
        """The records of its replicas, by seed."""
        return {
            self.key(replica): replica
            for number, run in self.runs.items()
            for replica in run.summary.replicas
            if self.sources[self.key(replica)] == number
        }

    @property
    def diverged(self) -> dict[int, int]:
        """The seeds that diverged, with their steps; 0 where it is not known."""
        return {
            seed: replica.diverged_at_step or 0
            for seed, replica in self.replicas.items()
            if replica.has_diverged
        }

    @cached_property
    def failed(self) -> set[int]:
        """The seeds of runs that failed, unless another run has their result."""
        failed = (run for run in self.runs.values() if run.status == "failed")
        return {
            seed * self.n_folds + fold
            for run in failed
            for seed in _planned(run)
            for fold in range(self.n_folds)
        } - self.replicas.keys()

    @property
    def n_lost(self) -> int:
        """Seeds that diverged, that failed, or that learnt too little, as verdicts say."""
        completed = len(self.replicas) - len(self.diverged)
        verdicts = [
            verdict
            for number in set(self.sources.values())
            for verdict in self.runs[number].summary.verdicts
            if verdict.kind == FAILED_SEEDS
        ]
        unlearnt = sum(int(finite(verdict.numbers.get("n_failed")) or 0) for verdict in verdicts)
        return len(self.diverged) + len(self.failed) + min(unlearnt, completed)

    @property
    def n_seeds(self) -> int:
        """Seeds with results and those that failed; as many as were planned, if there are none."""
        return len(self.replicas) + len(self.failed) or len(_planned(self.first))

    @property
    def seconds(self) -> float | None:
        """What its seeds took; a run's time is shared by its seeds, and each seed counts once."""
        found = []
        for number, run in self.runs.items():
            n = len(run.summary.replicas)
            own = sum(source == number for source in self.sources.values())
            if (seconds := run.summary.wall_seconds) is not None:
                found.append(seconds * own / n if n else seconds)
        return sum(found) if found else None

    def rows(self, moment: str) -> int | None:
        """The rows that metrics of a moment are averages over, if that is known."""
        return rows_judged(self.first.summary.rows, moment)

    def values(self, part: str, name: str) -> dict[int, float]:
        """A number of each replica that it is counted of, by seed.

        Args:
            part: of the replica's record, ``test`` or ``flow``.
            name: of the number.
        """
        return {
            seed: value
            for seed, replica in self.replicas.items()
            if replica.counts(name)
            and (value := finite(replica.numbers(part).get(name))) is not None
        }


def find_configuration(name: str, configurations: Sequence[Configuration]) -> Configuration:
    """The configuration that a name means.

    Args:
        name: the label, or pieces of it, such as ``relu depth=10``; a piece with an equals sign
            that is a setting's name and value means that setting alone.
        configurations: to choose from.

    Raises:
        ValueError: if none is meant, or several.
    """
    exact = [one for one in configurations if one.label == name.strip()]
    pieces = [piece for piece in name.split() if piece != "·"]  # as a ranking has between values
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
    """A value as on the command line.

    >>> text(0.1), text(1e-9), text(32), text("relu")
    ('0.1', '1e-09', '32', 'relu')
    """
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def read_value(typed: str) -> str | float:
    """The value that an override's text stands for."""
    for kind in (int, float):
        try:
            number = kind(typed)
        except ValueError:
            continue
        if finite(number) is not None:
            return number
    quoted = len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\""
    return typed[1:-1] if quoted else typed


def _fits(piece: str, one: Configuration) -> bool:
    """Whether a piece of a name speaks of a configuration."""
    axis, equals, value = piece.partition("=")
    if equals and axis in one.axes:
        return text(read_value(value)) == text(one.axes[axis])
    return piece in one.label


def _planned(run: CollectedRun) -> range:
    """The seeds that a run was to have, as its configuration says."""
    first, n = (
        re.search(rf"(?m)^{name}: (\d{{1,9}})$", run.config) for name in ("seed", "n_seeds")
    )
    return range(int(first[1]), int(first[1]) + int(n[1])) if first and n else range(0)
