"""The objects inside ``summary.json``; :class:`Summary` documents their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from deltaflow.records.decoding import WrongFieldError

Numbers = Mapping[str, float | None]
"""Numbers by name; ``None`` stands for a number that is not finite."""


@dataclass(frozen=True)
class TableColumn:
    """How a column of the user's table was read, or why it was left out."""

    name: str
    read_as: str | None
    inputs: int
    left_out: str | None


@dataclass(frozen=True)
class TableReading:
    """How the user's table was read."""

    path: str
    rows: int
    columns: Annotated[Sequence[TableColumn], 10**6]
    targets: Annotated[Sequence[str], 10**6] = ()
    rows_left_out: int = 0


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix; see the field ``confusion`` of :class:`Summary`."""

    part: Literal["training", "validation", "test"]
    classes: Annotated[Sequence[str], 20]
    counts: Annotated[Sequence[Sequence[int]], 20]

    def __post_init__(self) -> None:
        """Refuse a matrix of the wrong shape.

        Raises:
            WrongFieldError: if there is not one count for each pair of classes.
        """
        k = len(self.classes)
        if [len(row) for row in self.counts] != [k] * k:
            raise WrongFieldError("confusion.counts", f"a row of {k} counts for each class", [])


@dataclass(frozen=True)
class TargetFit:
    """How well one target is predicted; see the field ``fit`` of :class:`Summary`."""

    name: str
    r2: float | None
    rmse: float | None


@dataclass(frozen=True)
class Fit:
    """How well the targets of a regression are predicted on one part of the data."""

    part: Literal["training", "validation", "test"]
    targets: Annotated[Sequence[TargetFit], 10**6]


@dataclass(frozen=True)
class TheorySummary:
    """Theory's predictions for a run; see the field ``theory`` of :class:`Summary`."""

    activation: str | None
    phase: str | None
    depth: int | None
    dropout: float | None
    weight_variance: float | None
    bias_variance: float | None
    q: float | None
    chi: float | None
    c: float | None
    trainable_depth: float | None
    decay_rate: float | None
    vanishing_index: float | None
    theory_error: float | None
    band: float | None
    normalization: str | None = None
    nothing: str | None = None


@dataclass(frozen=True)
class VerdictRecord:
    """A verdict; see the field ``verdicts`` of :class:`Summary`."""

    kind: str
    words: str
    when: str | None
    layers: Sequence[int]
    numbers: Mapping[str, bool | str | float | None]
    overrides: Sequence[str]
    leave_out: Sequence[str]
    predicted: Numbers
