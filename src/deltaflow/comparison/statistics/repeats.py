"""The standard error of a mean over seeds and folds.

A *fold* is a split of the rows, by k-fold cross-validation or by one of several random splits.
Folds share most of their training rows, and random splits share test rows, too. So their values
are correlated, and their spread alone would underestimate the error of the mean. Nadeau and Bengio
(2003, Machine Learning 52, 239-281) estimate the correlation by the share of test rows, which adds
n_test / n_train to 1 / n in the variance of the mean of n folds. The variance component of seeds
is added: the variance of the seeds' means, less what folds contribute to it. The degrees of
freedom are Satterthwaite's (1946, Biometrics Bulletin 2, 110-114). With one fold the result is
Student's t; with one seed it is Nadeau and Bengio's.

In simulations the interval covers 95 % if only seeds or only folds matter, and 93 to 98 % if both
do. It is too wide if only the randomness of training matters (99 %), or if a learner hardly
depends on its training rows and the folds are those of one cross-validation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.typing.NDArray[Any]


@dataclass(frozen=True)
class Repeats:
    """The folds of runs; each seed has a replica for each fold.

    Attributes:
        n_folds: number of folds per seed.
        ratio: number of rows that are judged over number of training rows.
    """

    n_folds: int = 1
    ratio: float = 0.0

    def table(self, values: Mapping[int, float | None]) -> Array:
        """Arrange values by ``seed · n_folds + fold`` as ``[seeds, folds]``; NaN if missing."""
        seeds = sorted({replica // self.n_folds for replica in values})
        rows = [
            [values.get(seed * self.n_folds + k) for k in range(self.n_folds)] for seed in seeds
        ]
        return np.array(rows, dtype=float).reshape(-1, self.n_folds)


ONCE = Repeats()


def mean_error(table: Array, ratio: float) -> tuple[Array, Array]:
    """The standard error of the mean of a table, and its degrees of freedom.

    Args:
        table: ``[..., seeds, folds]``, with at least two values; NaN is left out.
        ratio: number of rows that are judged over number of training rows.

    >>> error, freedom = mean_error(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), ratio=0.25)
    >>> round(float(error), 4), int(freedom)
    (1.0607, 4)
    """
    by_seed, by_fold = _mean(table, -1), _mean(table, -2)
    n_seeds, n_folds = (np.isfinite(means).sum(-1) for means in (by_seed, by_fold))
    rest = table - by_seed[..., None] - by_fold[..., None, :] + _mean(by_seed, -1)[..., None, None]
    noise = np.nansum(rest**2, axis=(-2, -1)) / np.maximum((n_seeds - 1) * (n_folds - 1), 1)
    of_folds = (1 / n_folds + ratio) * _variance(by_fold)
    of_seeds = np.maximum(_variance(by_seed) - np.where(n_folds > 1, noise / n_folds, 0), 0)
    of_seeds = of_seeds / n_seeds
    variance = of_folds + of_seeds
    lost = of_folds**2 / np.maximum(n_folds - 1, 1) + of_seeds**2 / np.maximum(n_seeds - 1, 1)
    least = np.where(n_folds > 1, n_folds, n_seeds) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(variance), np.where(lost > 0, variance**2 / lost, least)


def _mean(values: Array, axis: int) -> Array:
    with np.errstate(invalid="ignore"):  # the mean of no values is NaN
        return np.asarray(np.nansum(values, axis=axis) / np.isfinite(values).sum(axis=axis))


def _variance(values: Array) -> Array:
    """The variance along the last axis; 0 for a single value."""
    n = np.isfinite(values).sum(axis=-1)
    squares = np.nansum((values - _mean(values, -1)[..., None]) ** 2, axis=-1)
    return np.asarray(squares / np.maximum(n - 1, 1))
