"""Samples: the features and targets that a source returns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deltaflow.data.columns import FINITE, GREATEST, Array, Column, Kind, Reading
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Samples:
    """Features and targets.

    Attributes:
        features: ``[n_samples, n_features]``, float64; NaN for a gap that will be filled.
        targets: class indices ``[n_samples]``, int64; or numbers ``[n_samples, n_targets]``,
            float64.
        task: classification or regression, with names.
        columns: the columns from which the features were encoded, in order; by default columns
            of numbers called ``x1``, ``x2``, ….
        reading: how the table was read; ``None`` if the samples are not from a table.
        fills_gaps: whether gaps are filled with the median or the most frequent value of the
            training part.
    """

    features: Array
    targets: Array
    task: Task
    columns: Sequence[Column] = ()
    reading: Reading | None = None
    fills_gaps: bool = False

    def __post_init__(self) -> None:
        if not self.columns:
            names = (f"x{k + 1}" for k in range(self.features.shape[1]))
            object.__setattr__(self, "columns", number_columns(names))

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def classes(cls, features: Any, labels: Any, names: Sequence[str] | None = None) -> "Samples":
        """Samples of a classification.

        Args:
            features: numbers, ``[n_samples, n_features]``.
            labels: class indices from 0, ``[n_samples]``.
            names: names of the classes; ``None`` to use their indices.

        Raises:
            ValueError: if features are not a matrix of finite numbers, or labels do not match them.
        """
        targets = np.asarray(labels)
        if targets.ndim != 1:
            raise UserError(
                f"Class labels must be a list with one for each sample, of shape [n_samples]. "
                f"Found the shape {list(targets.shape)}. Use `y[:, 0]` if it is one column, or "
                "`y.argmax(axis=1)` if it is one-hot."
            )
        names = [str(k) for k in np.unique(targets)] if names is None else names
        known = np.isin(targets, np.arange(len(names)))
        if not known.all():
            raise UserError(
                f"Class labels must be a list of indices 0 to {len(names) - 1}. Found "
                f"{np.unique(targets)[:5].tolist()} …. Number the classes from 0."
            )
        matrix = _matrix(features, len(targets), "features")
        return cls(matrix, targets.astype(np.int64), Classification(tuple(names)))

    @classmethod
    def numbers(cls, features: Any, targets: Any, names: Sequence[str] | None = None) -> "Samples":
        """Samples of a regression.

        Args:
            features: numbers, ``[n_samples, n_features]``.
            targets: numbers, ``[n_samples]`` or ``[n_samples, n_targets]``.
            names: names of the targets; ``None`` for ``y1``, ``y2``, ….

        Raises:
            ValueError: if features or targets are not finite matrices with the same number of
                rows.
        """
        columns = _numbers(targets)
        columns = columns[:, None] if columns.ndim == 1 else columns
        columns = _matrix(columns, len(features), "targets")
        names = [f"y{t + 1}" for t in range(columns.shape[1])] if names is None else names
        if len(names) != columns.shape[1]:
            raise UserError(
                f"Each target needs one name. Found {len(names)} names for {columns.shape[1]} "
                "targets. Give as many names as columns, or none."
            )
        task = Regression(tuple(names), scale=(1.0,) * len(names))
        return cls(_matrix(features, len(columns), "features"), columns, task)

    @classmethod
    def of(cls, source: Any) -> "Samples":
        """Convert the result of a source into samples.

        Args:
            source: samples, or a pair (features, targets). Texts, bools and integers are class
                labels, in sorted order; other numbers are targets of a regression.

        Raises:
            ValueError: if it is neither.
        """
        if isinstance(source, Samples):
            return source
        if not isinstance(source, tuple) or len(source) != 2:
            raise UserError(
                "A data source must return deltaflow.data.Samples or a pair (features, targets). "
                f"Found {type(source).__name__}. Return `X, y`."
            )
        features, targets = source
        if np.issubdtype(np.asarray(targets).dtype, np.inexact):
            return cls.numbers(features, targets)
        names, labels = np.unique(targets, return_inverse=True)
        labels = labels.reshape(np.shape(targets))  # the shape depends on the version of NumPy
        return cls.classes(features, labels, [str(name) for name in names])


def number_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(Column(name, Kind.NUMBER, 1) for name in names)


def require_finite(numbers: Array, what: str) -> Array:
    """Return a matrix whose numbers are all finite in single precision.

    Args:
        numbers: ``[n_rows, n_columns]``.
        what: what it holds, in the message.

    Raises:
        ValueError: if a number is not finite, with the place of the first one.
    """
    within = np.abs(numbers) <= GREATEST  # false for NaN
    if not within.all():
        row, column = np.argwhere(~within)[0]
        raise UserError(
            f"{FINITE} Found {numbers[row, column]} in row {row}, column {column} of the {what} "
            "(both counted from 0). Correct it, use a larger unit, or leave the row out."
        )
    return numbers


def _matrix(values: Any, n_rows: int, what: str) -> Array:
    matrix = _numbers(values)
    if matrix.ndim != 2 or len(matrix) != n_rows or not matrix.size:
        raise UserError(
            f"Features and targets must be matrices of as many rows. Found the shape "
            f"{matrix.shape} for {n_rows} rows. Give each sample one row."
        )
    return require_finite(matrix, what)


def _numbers(values: Any) -> Array:
    try:
        numbers = np.asarray(values)
        if np.iscomplexobj(numbers):  # a conversion to float would drop the imaginary parts
            raise TypeError("they are complex")
        return numbers.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"Features and numeric targets must be numbers. Found a {type(values).__name__} that "
            f"NumPy cannot read: {error}. Give each sample as many numbers."
        ) from error
