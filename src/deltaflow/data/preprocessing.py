"""Preprocessing: how the columns of a table become inputs, and outputs become predictions.

It is computed from the training rows alone and stored with the weights, because predictions need
it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

import numpy as np

from deltaflow.data.columns import MAX_COLUMNS, Array, Column, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.samples import Samples
from deltaflow.data.tables.contents import Content, gaps
from deltaflow.data.tables.dates import FORMS
from deltaflow.data.tables.selection import drop_override
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.records import WrongFieldError
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief


@dataclass(frozen=True)
class FoldStatistics:
    """The part of a :class:`Preprocessing` that differs between folds; the same attributes."""

    fill: Annotated[Sequence[float], MAX_COLUMNS]
    center: Annotated[Sequence[float], MAX_COLUMNS]
    scale: Annotated[Sequence[float], MAX_COLUMNS]
    target_center: Annotated[Sequence[float], MAX_COLUMNS]
    target_scale: Annotated[Sequence[float], MAX_COLUMNS]


@dataclass(frozen=True)
class Preprocessing:
    """How columns become inputs, and outputs become classes or numbers.

    Attributes:
        columns: the columns of the table except the target, in order; those without inputs are
            not needed for a prediction.
        fill: the value of each input where there is a gap; empty if gaps are refused.
        center: what is subtracted from each input.
        scale: what each input is then divided by.
        target: name of the column to predict; ``None`` if there is no single one.
        classes: names of the classes; empty for a regression.
        targets: names of the targets; empty for a classification.
        target_center: what was subtracted from each target.
        target_scale: what each target was then divided by.
    """

    columns: Annotated[Sequence[Column], MAX_COLUMNS]
    center: Annotated[Sequence[float], MAX_COLUMNS]
    scale: Annotated[Sequence[float], MAX_COLUMNS]
    target: str | None
    classes: Annotated[Sequence[str], MAX_COLUMNS]
    targets: Annotated[Sequence[str], MAX_COLUMNS]
    target_center: Annotated[Sequence[float], MAX_COLUMNS]
    target_scale: Annotated[Sequence[float], MAX_COLUMNS]
    fill: Annotated[Sequence[float], MAX_COLUMNS] = ()

    @classmethod
    def fit(cls, samples: Samples, train: Array, standardize: bool) -> "Preprocessing":
        """Compute the preprocessing from the training rows.

        Args:
            samples: all samples.
            train: indices of the training rows.
            standardize: whether numeric inputs and numeric targets are standardised to mean 0 and
                standard deviation 1.

        Raises:
            ValueError: if gaps of a column cannot be filled, because all its training rows are
                gaps.
        """
        numeric = [
            column.kind is not None and column.kind.is_numeric and place < column.n_values
            for column in samples.columns
            for place in range(column.n_inputs)
        ]
        features = samples.features[train]
        fill: list[float] = []
        if samples.fills_gaps:
            fill = _fill_values(samples.columns, features)
            features = np.where(np.isnan(features), fill, features)
        center, scale = _moments(features, np.array(numeric) & standardize)
        task, reading = samples.task, samples.reading
        target = None if reading is None else reading.targets[0]
        if isinstance(task, Classification):
            return cls(samples.columns, center, scale, target, task.classes, (), (), (), fill)
        chosen = np.full(task.n_targets, standardize)
        moments = _moments(samples.targets[train], chosen)
        return cls(samples.columns, center, scale, target, (), task.targets, *moments, fill)

    def check(self, n_inputs: int) -> None:
        """Check a preprocessing that was read from a file, which is not trusted.

        Raises:
            WrongFieldError: if a field is not consistent with the others or with ``n_inputs``.
        """
        for column in self.columns:
            n_own = len(column.categories) if column.kind is Kind.CATEGORY else 1
            used = column.kind is not None and not column.left_out
            one_of_two = n_own == 2 and column.n_values == 1
            if column.n_values != n_own * used and not (used and one_of_two):
                raise WrongFieldError("preprocessing.n_inputs", f"{n_own * used}", column.n_inputs)
            if column.kind is Kind.DATE and column.form not in FORMS:
                raise WrongFieldError("preprocessing.form", "a form of dates", column.form)
            if column.has_indicator and not (used and self.fill):
                raise WrongFieldError("preprocessing.has_indicator", "false", True)
        n_found = sum(column.n_inputs for column in self.columns)
        n_targets = len(self.targets)
        for name, found, wanted in (
            ("columns", n_found, n_inputs),
            ("fill", len(self.fill), n_inputs if self.fill else 0),
            ("center", len(self.center), n_inputs),
            ("scale", len(self.scale), n_inputs),
            ("target_center", len(self.target_center), n_targets),
            ("target_scale", len(self.target_scale), n_targets),
            ("targets", n_targets > 0, len(self.classes) < 2),
        ):
            if found != wanted:
                raise WrongFieldError(f"preprocessing.{name}", f"for {int(wanted)}", int(found))
        if not all(value > 0 for value in (*self.scale, *self.target_scale)):
            raise WrongFieldError("preprocessing.scale", "above 0", 0)

    @property
    def statistics(self) -> FoldStatistics:
        """The part that differs between folds."""
        own = {field.name: getattr(self, field.name) for field in fields(FoldStatistics)}
        return FoldStatistics(**own)

    def to_primitives(self) -> dict[str, Any]:
        """Convert to lists, texts and numbers, for a checkpoint."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    @property
    def task(self) -> Task:
        """The network's task."""
        if self.classes:
            return Classification(tuple(self.classes))
        return Regression(tuple(self.targets), tuple(self.target_scale))

    def inputs(self, features: Array) -> Array:
        """Fill gaps and standardise features, ``[n_rows, n_inputs]``."""
        whole = np.where(np.isnan(features), self.fill, features) if self.fill else features
        shifted: Array = whole - np.asarray(self.center)
        shifted /= np.asarray(self.scale)
        return shifted

    def standard_targets(self, targets: Array) -> Array:
        """Standardise numeric targets; class indices are returned unchanged."""
        if self.classes:
            return targets
        standard: Array = (targets - np.asarray(self.target_center)) / np.asarray(self.target_scale)
        return standard


def folds_of(preprocessings: Sequence[Preprocessing]) -> list[dict[str, Any]] | None:
    """The statistics of each fold as lists and numbers; ``None`` if there is one fold."""
    found: list[dict[str, Any]] = json.loads(
        json.dumps([asdict(one.statistics) for one in preprocessings])
    )
    return found if len(found) > 1 else None


def encode(contents: Iterable[tuple[Column, Content]], n_rows: int, n_inputs: int) -> Array:
    """Encode columns as features, ``[n_rows, n_inputs]``.

    Numbers are unchanged, truth values become 0 and 1, and categories are encoded one-hot. Two
    categories give one input, 1 for the second; ordered categories give their position. A gap is
    NaN, and 1 in the indicator after it.

    Args:
        contents: the columns with their values, in order; an iterator saves memory.
        n_rows: number of rows.
        n_inputs: number of inputs of all columns together.
    """
    features = np.zeros((n_rows, n_inputs))
    end = 0
    for column, content in contents:
        if not column.n_inputs:
            continue
        own = features[:, end : end + column.n_values]
        end += column.n_inputs
        missing = gaps(content)
        if isinstance(content, Texts):
            place = {category: k for k, category in enumerate(column.categories)}
            places = np.array([*(place[value] for value in content.values), 0])[content.codes]
            if column.kind is Kind.CATEGORY and column.n_values == len(column.categories):
                own[np.arange(n_rows), places] = 1
            else:
                own[:, 0] = places
        else:
            own[:, 0] = content
        own[missing] = np.nan
        if column.has_indicator:
            features[:, end - 1] = missing
    return features


def _fill_values(columns: Sequence[Column], features: Array) -> list[float]:
    """The fill value of each input: the median of numbers, else the most frequent value."""
    fill: list[float] = []
    for column in columns:
        own = features[:, len(fill) : len(fill) + column.n_values]
        there = own[~np.isnan(own).any(axis=1)]
        if column.n_values and not len(there):
            raise UserError(
                "The training part must have a value of each column. Found none of "
                f"`{brief(column.name)}` in its {len(features)} rows. Use "
                f"`{drop_override([column.name])}`, besides what is left out already."
            )
        if column.kind is not None and column.kind.is_numeric:
            fill += np.median(there, axis=0).tolist()
        elif column.n_values == 1:
            fill.append(float(2 * there.sum() > len(there)))
        elif column.n_values:
            counts = there.sum(axis=0)
            fill += (np.arange(len(counts)) == counts.argmax()).astype(float).tolist()
        fill += [0.0] * column.has_indicator
    return fill


def _moments(columns: Array, chosen: Array) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the chosen columns; 0 and 1 for other or constant columns."""
    from sklearn.preprocessing import StandardScaler

    # The square of a number below 1e-162 is 0. A power of two as the unit changes no other result.
    largest = np.abs(columns).max(axis=0)
    unit = np.where(largest > 0, 2.0 ** np.floor(np.log2(np.where(largest > 0, largest, 1))), 1)
    scaler = StandardScaler().fit(columns / unit)
    varies = scaler.scale_ == np.sqrt(scaler.var_)  # constant columns have a scale of 1
    center, scale = scaler.mean_ * unit, scaler.scale_ * unit
    return np.where(chosen, center, 0).tolist(), np.where(chosen & varies, scale, 1).tolist()
