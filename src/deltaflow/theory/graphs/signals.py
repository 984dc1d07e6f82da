"""Fields, and signals as sums of fields.

Matrices between samples are ``[n, n]``. If no operation couples the samples, their diagonals
``[n]`` are used instead, and all formulas hold entry by entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.graphs.batches import NormalizedBatch
from deltaflow.theory.graphs.operations import NoTheoryError


def outer(a: Array, b: Array, like: Array) -> Array:
    """The outer product of two vectors, ``[n, n]``, or its diagonal if ``like`` is a diagonal."""
    return a * b if like.ndim == 1 else np.multiply.outer(a, b)


def diagonal(matrix: Array) -> Array:
    """The diagonal of a matrix; a diagonal is returned unchanged."""
    return matrix if matrix.ndim == 1 else np.diag(matrix)


@dataclass(frozen=True, eq=False)
class Field:
    """Units that are independent draws of one distribution over the samples of a batch.

    Attributes:
        covariance: covariance of a unit between samples, ``[n, n]`` or ``[n]``.
        mean: mean of a unit, ``[n]``.
        origins: numbers of the fields that this one is computed from unit by unit, with its own.
        is_gaussian: whether the distribution is Gaussian.
        batch: draws of the field if it is the output of a batch normalisation; else ``None``.
    """

    covariance: Array
    mean: Array
    origins: frozenset[int]
    is_gaussian: bool = False
    batch: NormalizedBatch | None = None


@dataclass(frozen=True, eq=False)
class Signal:
    """A sum of fields, each with a factor per sample, plus a shift per sample.

    Attributes:
        parts: factors ``[n]``, by number of the field.
        fields: all fields, by number.
        shift: shift of each sample, ``[n]``.
    """

    parts: Mapping[int, Array]
    fields: Mapping[int, Field] = field(repr=False)
    shift: Array

    @property
    def mean(self) -> Array:
        """Mean over units, ``[n]``."""
        terms = [a * self.fields[k].mean for k, a in self.parts.items()]
        return np.asarray(np.sum([self.shift, *terms], axis=0))

    @property
    def covariance(self) -> Array:
        """Covariance over units between samples, the sum of those of its independent fields.

        Raises:
            NoTheoryError: if fields depend on each other unit by unit, as h and φ(h) do.
        """
        seen = set[int]()
        for k in self.parts:
            if seen & self.fields[k].origins:
                raise NoTheoryError(
                    "Theory needs sums of independent signals. Found one of a signal and a "
                    "function of itself, unit by unit. Put a layer with weights between them."
                )
            seen |= self.fields[k].origins
        known = {k: self.fields[k].covariance for k in self.parts}
        terms = [outer(a, a, known[k]) * known[k] for k, a in self.parts.items()]
        return np.asarray(np.sum(terms, axis=0))

    @property
    def second_moment(self) -> Array:
        """Second moment over units between samples."""
        covariance = self.covariance
        return covariance + outer(self.mean, self.mean, covariance)

    @property
    def is_gaussian(self) -> bool:
        """Whether the signal is Gaussian with mean 0."""
        return not self.shift.any() and all(self.fields[k].is_gaussian for k in self.parts)

    def scaled(self, factor: Array | float, shift: Array | float = 0.0) -> "Signal":
        """Multiply by a factor per sample, and add a shift per sample."""
        parts = {k: factor * a for k, a in self.parts.items()}
        return Signal(parts, self.fields, factor * self.shift + shift)

    def __add__(self, other: "Signal") -> "Signal":
        parts = dict(self.parts)
        for k, a in other.parts.items():
            parts[k] = parts[k] + a if k in parts else a
        return Signal(parts, self.fields, self.shift + other.shift)
