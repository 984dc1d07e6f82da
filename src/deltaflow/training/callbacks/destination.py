"""The runs of a stack: which replicas are whose, and where their records go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl
from lightning.pytorch.loggers import Logger

from deltaflow.nn.activations import Traits
from deltaflow.theory import Theory


class Table(Protocol):
    """What takes the rows of a table: on their way to disk, or to be shown."""

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows that obey the table's schema."""

    @property
    def is_due(self) -> bool:
        """Whether rows that come now are wanted at once."""


@dataclass(frozen=True)
class Destination:
    """Where the records of one run's replicas go.

    Attributes:
        seeds: of its replicas.
        folds: of its replicas.
        layers: its layers table.
        metrics: its metrics table.
        traits: of its φ; ``None`` for those of the whole network.
        theory: what predicts its step 0, if anything.
        loggers: its own; those of the Trainer are written to besides.
        start: its first replica in the stack.
    """

    seeds: Sequence[int]
    folds: Sequence[int]
    layers: Table
    metrics: Table
    traits: Traits | None = None
    theory: Theory | None = None
    loggers: Sequence[Logger] = field(default_factory=list)
    start: int = 0

    @property
    def replicas(self) -> slice:
        """Its replicas among those of the stack."""
        return slice(self.start, self.start + len(self.seeds))
