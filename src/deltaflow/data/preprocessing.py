"""What is done to a table before a network sees it, in training and ever after.

It is learnt from the training rows alone, and kept with the weights: a network without it
cannot be used.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

import numpy as np

from deltaflow.data.columns import MOST_COLUMNS, Array, Column, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.samples import Samples
from deltaflow.data.tables.contents import Content, gaps
from deltaflow.data.tables.dates import FORMS
from deltaflow.data.tables.selection import dropping
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.records import WrongFieldError
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief


@dataclass(frozen=True)
class Moments:
    """What the training rows teach; attributes as of :class:`Preprocessing`."""

    fill: Annotated[Sequence[float], MOST_COLUMNS]
    center: Annotated[Sequence[float], MOST_COLUMNS]
    scale: Annotated[Sequence[float], MOST_COLUMNS]
    target_center: Annotated[Sequence[float], MOST_COLUMNS]
    target_scale: Annotated[Sequence[float], MOST_COLUMNS]


@dataclass(frozen=True)
class Preprocessing:
    """How columns become inputs, and outputs classes or numbers; all of it primitives.

    Attributes:
        columns: of the table but the target, in order; those that give no input are not needed.
        fill: what each input is where there is a gap; empty if gaps are refused.
        center: what is subtracted from each input.
        scale: what it is divided by then.
        target: the column to predict, if it has a name.
        classes: names of the classes; empty for a regression.
        targets: names of the numbers to predict; empty for a classification.
        target_center: what was subtracted from each of them.
        target_scale: what it was divided by then.
    """

    columns: Annotated[Sequence[Column], MOST_COLUMNS]
    center: Annotated[Sequence[float], MOST_COLUMNS]
    scale: Annotated[Sequence[float], MOST_COLUMNS]
    target: str | None
    classes: Annotated[Sequence[str], MOST_COLUMNS]
    targets: Annotated[Sequence[str], MOST_COLUMNS]
    target_center: Annotated[Sequence[float], MOST_COLUMNS]
    target_scale: Annotated[Sequence[float], MOST_COLUMNS]
    fill: Annotated[Sequence[float], MOST_COLUMNS] = ()

    @classmethod
    def learnt(cls, samples: Samples, train: Array, standardize: bool) -> "Preprocessing":
        """What the training rows teach.

        Args:
            samples: from a source.
            train: indices of the training rows.
            standardize: whether numbers and numeric targets get mean 0 and deviation 1.

        Raises:
            ValueError: if nothing can fill the gaps of a column, as the training rows have no
                other value.
        """
        numeric = [
            column.kind is not None and column.kind.is_numeric and place < column.n_values
            for column in samples.columns
            for place in range(column.n_inputs)
        ]
        features = samples.features[train]
        fill: list[float] = []
        if samples.fills_gaps:
            fill = _usual(samples.columns, features)
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
        """Refuse what a file from anybody may say.

        Args:
            n_inputs: of the network.

        Raises:
            WrongFieldError: if it is not what a training could have taught it.
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
    def moments(self) -> Moments:
        """What of it the training rows have taught."""
        return Moments(**{one.name: getattr(self, one.name) for one in fields(Moments)})

    def primitives(self) -> dict[str, Any]:
        """The same in lists, texts and numbers, as a checkpoint keeps it."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    @property
    def task(self) -> Task:
        """What the network is for."""
        if self.classes:
            return Classification(tuple(self.classes))
        return Regression(tuple(self.targets), tuple(self.target_scale))

    def inputs(self, features: Array) -> Array:
        """Features as a network takes them, ``[n_rows, n_inputs]``."""
        whole = np.where(np.isnan(features), self.fill, features) if self.fill else features
        shifted: Array = whole - np.asarray(self.center)
        shifted /= np.asarray(self.scale)
        return shifted

    def standard_targets(self, targets: Array) -> Array:
        """Numbers to predict as a network learns them; classes as they are."""
        if self.classes:
            return targets
        standard: Array = (targets - np.asarray(self.target_center)) / np.asarray(self.target_scale)
        return standard


def folds_of(preprocessings: Sequence[Preprocessing]) -> list[dict[str, Any]] | None:
    """What the training part of each fold has taught, in primitives; ``None`` for one fold."""
    found: list[dict[str, Any]] = json.loads(
        json.dumps([asdict(one.moments) for one in preprocessings])
    )
    return found if len(found) > 1 else None


def encode(contents: Iterable[tuple[Column, Content]], n_rows: int, n_inputs: int) -> Array:
    """Features, ``[n_rows, n_inputs]``: numbers as they are, truth as 0 and 1, categories one-hot.

    The second of two categories is 1, an ordered category its place in the order. A gap is NaN, and
    an indicator behind it 1.

    Args:
        contents: what the columns hold, in their order, one at a time: a table may be large.
        n_rows: of them.
        n_inputs: that they give together.
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


def _usual(columns: Sequence[Column], features: Array) -> list[float]:
    """What fills a gap of each input: the median of numbers, else the most frequent, in order."""
    fill: list[float] = []
    for column in columns:
        own = features[:, len(fill) : len(fill) + column.n_values]
        there = own[~np.isnan(own).any(axis=1)]
        if column.n_values and not len(there):
            raise UserError(
                "The training part must have a value of each column. Found none of "
                f"`{brief(column.name)}` in its {len(features)} rows. Use "
                f"`{dropping([column.name])}`, besides what is left out already."
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
    """Mean and deviation of the chosen columns; 0 and 1 of the others, and of what is constant."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(columns)
    return np.where(chosen, scaler.mean_, 0).tolist(), np.where(chosen, scaler.scale_, 1).tolist()
