"""Describes the runs of a stack: their replicas, tables and loggers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl
from lightning.pytorch.loggers import Logger

from deltaflow.nn.activations import Traits
from deltaflow.theory import Theory


class Table(Protocol):
    """Receives the rows of a table, to write or to show them."""

    def append(self, frame: pl.DataFrame) -> None:
        """Append rows that follow the table's schema."""

    @property
    def is_due(self) -> bool:
        """Whether rows should be appended now, rather than held back for a larger batch."""


@dataclass(frozen=True)
class Destination:
    """One run of a stack, with the tables and loggers that receive its records.

    Attributes:
        seeds: the seed of each replica.
        folds: the cross-validation fold of each replica.
        layers: receives the rows of the layers table.
        metrics: receives the rows of the metrics table.
        traits: traits of the run's φ; ``None`` to use the traits of the whole network.
        theory: predicts the quantities of step 0; ``None`` if there is no theory of the network.
        loggers: loggers of this run, in addition to those of the Trainer.
        start: index in the stack of the run's first replica.
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
        """The run's replicas, as a slice of the stack."""
        return slice(self.start, self.start + len(self.seeds))
