"""A configuration: what runs are without their seeds, and what all of them came to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deltaflow.comparison.collection import CollectedRun, finite
from deltaflow.records import Replica
from deltaflow.records.fields import STATUSES

Value = str | float | None

ENDED = ("completed", "diverged")


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
    """All runs of one configuration.

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

    @property
    def diverged(self) -> dict[int, int]:
        """The seeds that diverged, with their steps; 0 where it is not known."""
        return {
            seed: replica.diverged_at_step or 0
            for seed, replica in self.replicas.items()
            if replica.has_diverged
        }

    @property
    def is_mostly_lost(self) -> bool:
        """Whether more of its seeds diverged than did not."""
        return 2 * len(self.diverged) > len(self.replicas)

    @property
    def n_seeds(self) -> int:
        """Seeds with results; as many as were planned, if there are none."""
        planned = re.search(r"(?m)^n_seeds: (\d{1,9})$", self.first.config)
        return len(self.replicas) or (int(planned[1]) if planned else 0)

    @property
    def replicas(self) -> dict[int, Replica]:
        """The records of its replicas, by seed; each seed counts once."""
        found: dict[int, Replica] = {}
        for run in self.runs.values():
            for replica in run.summary.replicas:
                found.setdefault(replica.seed, replica)
        return found

    def values(self, part: str, name: str) -> dict[int, float]:
        """A number of each replica that it is counted of, by seed.

        Args:
            part: of the replica's record, ``test`` or ``flow``.
            name: of the number.
        """
        return {
            seed: value
            for seed, replica in self.replicas.items()
            if (value := finite(replica.numbers(part).get(name))) is not None
            and replica.counts(name)
        }


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
