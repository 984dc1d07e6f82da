"""Fields and sums of them.

Matrices between samples are ``[n, n]``; where no operation couples samples their diagonals do,
``[n]``, and all formulas hold entry by entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from deltaflow.theory.gaussian import Array
from deltaflow.theory.graphs.batches import NormalizedBatch
from deltaflow.theory.graphs.operations import NoTheoryError


def outer(a: Array, b: Array, like: Array) -> Array:
    """Products of numbers per sample, a matrix or its diagonal as another one is."""
    return a * b if like.ndim == 1 else np.multiply.outer(a, b)


def diagonal(matrix: Array) -> Array:
    """Of a matrix, or itself if it is one already."""
    return matrix if matrix.ndim == 1 else np.diag(matrix)


@dataclass(frozen=True, eq=False)
class Field:
    """Units that are independent draws of one distribution over the samples of a batch.

    Attributes:
        covariance: of a unit between samples.
        mean: of a unit, ``[n]``.
        origins: fields that the same unit of this one is computed from, itself included.
        is_gaussian: whether a unit is Gaussian over the draws.
        batch: of a field that a batch normalisation gives: draws of it.
    """

    covariance: Array
    mean: Array
    origins: frozenset[int]
    is_gaussian: bool = False
    batch: NormalizedBatch | None = None


@dataclass(frozen=True, eq=False)
class Signal:
    """A sum of fields, each times a number per sample, and a number per sample.

    Attributes:
        parts: fields with their factors ``[n]``, by number.
        fields: all fields, by number.
        shift: ``[n]``.
    """

    parts: Mapping[int, Array]
    fields: Mapping[int, Field] = field(repr=False)
    shift: Array

    @property
    def mean(self) -> Array:
        """Over units, ``[n]``."""
        terms = [a * self.fields[k].mean for k, a in self.parts.items()]
        return np.asarray(np.sum([self.shift, *terms], axis=0))

    @property
    def covariance(self) -> Array:
        """Over units, between samples: those of independent fields add up.

        Raises:
            NoTheoryError: if fields depend on one another unit by unit, as h and φ(h) do.
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
        """Over units, between samples."""
        covariance = self.covariance
        return covariance + outer(self.mean, self.mean, covariance)

    @property
    def is_gaussian(self) -> bool:
        """Whether it is, around 0."""
        return not self.shift.any() and all(self.fields[k].is_gaussian for k in self.parts)

    def scaled(self, factor: Array | float, shift: Array | float = 0.0) -> "Signal":
        """Times a number per sample, plus one."""
        parts = {k: factor * a for k, a in self.parts.items()}
        return Signal(parts, self.fields, factor * self.shift + shift)

    def __add__(self, other: "Signal") -> "Signal":
        parts = dict(self.parts)
        for k, a in other.parts.items():
            parts[k] = parts[k] + a if k in parts else a
        return Signal(parts, self.fields, self.shift + other.shift)
