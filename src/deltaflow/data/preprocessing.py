"""What is done to a table before a network sees it, in training and ever after.

It is learnt from the training rows alone, and kept with the weights: a network without it
cannot be used.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np

from deltaflow.data.samples import MOST_COLUMNS, Array, Column, Kind, Samples
from deltaflow.data.tables.columns import Content
from deltaflow.data.tables.delimited import Texts
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.records import WrongFieldError


@dataclass(frozen=True)
class Preprocessing:
    """How columns become inputs, and outputs classes or numbers; all of it primitives.

    Attributes:
        columns: of the table but the target, in order; those that give no input are not needed.
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

    @classmethod
    def learnt(cls, samples: Samples, train: Array, standardize: bool) -> "Preprocessing":
        """What the training rows teach.

        Args:
            samples: from a source.
            train: indices of the training rows.
            standardize: whether numbers and numeric targets get mean 0 and deviation 1.
        """
        numeric = np.repeat(
            [column.kind is Kind.NUMBER for column in samples.columns],
            [column.n_inputs for column in samples.columns],
        )
        center, scale = _moments(samples.features[train], numeric & standardize)
        task, reading = samples.task, samples.reading
        target = None if reading is None else reading.target
        if isinstance(task, Classification):
            return cls(samples.columns, center, scale, target, task.classes, (), (), ())
        chosen = np.full(task.n_targets, standardize)
        moments = _moments(samples.targets[train], chosen)
        return cls(samples.columns, center, scale, target, (), task.targets, *moments)

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
            if column.n_inputs != n_own * used:
                raise WrongFieldError("preprocessing.n_inputs", f"{n_own * used}", column.n_inputs)
        n_found = sum(column.n_inputs for column in self.columns)
        n_targets = len(self.targets)
        for name, found, wanted in (
            ("columns", n_found, n_inputs),
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
        shifted: Array = features - np.asarray(self.center)
        shifted /= np.asarray(self.scale)
        return shifted

    def standard_targets(self, targets: Array) -> Array:
        """Numbers to predict as a network learns them; classes as they are."""
        if self.classes:
            return targets
        standard: Array = (targets - np.asarray(self.target_center)) / np.asarray(self.target_scale)
        return standard


def encode(contents: Iterable[tuple[Column, Content]], n_rows: int, n_inputs: int) -> Array:
    """Features, ``[n_rows, n_inputs]``: numbers as they are, truth as 0 and 1, categories one-hot.

    Args:
        contents: what the columns hold, in their order, one at a time: a table may be large.
        n_rows: of them.
        n_inputs: that they give together.
    """
    features = np.zeros((n_rows, n_inputs))
    first = 0
    for column, content in contents:
        if isinstance(content, Texts):
            place = {category: first + k for k, category in enumerate(column.categories)}
            if column.n_inputs:
                places = np.array([place[value] for value in content.values])
                features[np.arange(n_rows), places[content.codes]] = 1
        elif column.n_inputs:
            features[:, first] = content
        first += column.n_inputs
    return features


def _moments(columns: Array, chosen: Array) -> tuple[list[float], list[float]]:
    """Mean and deviation of the chosen columns; 0 and 1 of the others, and of what is constant."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(columns)
    return np.where(chosen, scaler.mean_, 0).tolist(), np.where(chosen, scaler.scale_, 1).tolist()
