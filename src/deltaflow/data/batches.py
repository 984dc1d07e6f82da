"""Batches for all replicas at once; replicas may differ in the order of rows and in the fold."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from deltaflow.nn.random_streams import Stream, permutations

EVALUATION_ROWS = 10_000  # rows in a batch of an evaluation
Batch = tuple[Tensor, Tensor]


class ReplicaOrder:
    """The order of the training rows for each replica in each epoch.

    Lightning calls ``set_epoch`` before each epoch, as for any sampler.
    """

    def __init__(self, n_rows: int, seeds: Sequence[int]) -> None:
        self.n_rows = n_rows
        self.seeds = seeds
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order :meth:`permutation` returns."""
        self.epoch = epoch

    def permutation(self) -> Tensor:
        """Row indices ``[R, n_rows]``."""
        return torch.from_numpy(permutations(self.seeds, Stream.ORDER, self.epoch, n=self.n_rows))


class TrainingBatches:
    """Batches ``([R, B, features], [R, B, …])``; the last may be short.

    A batch of all rows is not permuted.

    Args:
        part: features ``[n_folds, n_rows, n_features]`` and targets ``[n_folds, n_rows, …]``.
        seeds: the seed of each replica.
        batch_size: samples per step.
        labels: targets of each replica, ``[R, n_rows]``, which replace those of ``part``.
        folds: the fold of each replica, ``[R]``; ``None`` if all have the first.
    """

    def __init__(
        self,
        part: Batch,
        seeds: Sequence[int],
        batch_size: int,
        labels: Tensor | None = None,
        folds: Tensor | None = None,
    ) -> None:
        self.part = part
        self.folds = torch.zeros(len(seeds), dtype=torch.long) if folds is None else folds
        self.labels = None if labels is None else labels.to(part[0].device)
        self.batch_size = batch_size
        self.sampler = ReplicaOrder(part[0].shape[1], seeds)

    def __len__(self) -> int:
        return -(-self.sampler.n_rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        x, y = self.part
        if len(self) == 1:
            targets = of_folds(y, self.folds) if self.labels is None else self.labels
            yield of_folds(x, self.folds), targets
            return
        order = self.sampler.permutation().to(x.device)
        own = self.folds.to(x.device)[:, None]
        for rows in torch.split(order, self.batch_size, dim=1):
            at = (own, rows) if len(x) > 1 else (0, rows)
            yield x[at], y[at] if self.labels is None else self.labels.gather(1, rows)


class EvaluationBatches:
    """Batches of at most ``EVALUATION_ROWS`` rows, in order, of each replica's fold.

    A fold with fewer rows than others is padded at its end with copies of its first row.
    """

    def __init__(self, part: Batch, folds: Tensor) -> None:
        self.part = part
        self.folds = folds

    def __len__(self) -> int:
        return -(-self.part[0].shape[1] // EVALUATION_ROWS)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, self.part[0].shape[1], EVALUATION_ROWS):
            x, y = (tensor[:, start : start + EVALUATION_ROWS] for tensor in self.part)
            yield of_folds(x, self.folds), of_folds(y, self.folds)


def of_folds(values: Tensor, folds: Tensor) -> Tensor:
    """Select from values ``[n_folds, …]`` those of each replica's fold, ``[R, …]``."""
    if len(values) == 1:
        return values.expand(len(folds), *values.shape[1:])
    return values[folds.to(values.device)]
