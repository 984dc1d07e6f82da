"""Batches: whole ones for all replicas, each in its own order, of the rows of its own fold."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from deltaflow.nn.random_streams import Stream, permutations

EVALUATION_ROWS = 10_000  # of a batch without gradients
Batch = tuple[Tensor, Tensor]


class ReplicaOrder:
    """The order in which each replica sees the training rows, an epoch at a time.

    Lightning calls ``set_epoch`` before each epoch, as it does for any sampler.
    """

    def __init__(self, n_rows: int, seeds: Sequence[int]) -> None:
        self.n_rows = n_rows
        self.seeds = seeds
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order comes next."""
        self.epoch = epoch

    def permutation(self) -> Tensor:
        """Row indices ``[R, n_rows]``."""
        return torch.from_numpy(permutations(self.seeds, Stream.ORDER, self.epoch, n=self.n_rows))


class TrainingBatches:
    """Batches ``([R, B, features], [R, B, …])``; the last may be short.

    A full batch is not permuted.

    Args:
        part: features and targets of the rows of each fold.
        seeds: one per replica.
        batch_size: samples a step.
        labels: of each replica, ``[R, n_rows]``, if they differ.
        folds: of each replica, ``[R]``; the first of all if ``None``.
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
    """Batches of at most ``EVALUATION_ROWS`` rows in their order, of each replica's fold.

    Folds that have fewer rows than others repeat their first, behind all others.
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
    """Of values ``[n_folds, …]``, those of each replica's fold, ``[R, …]``."""
    if len(values) == 1:
        return values.expand(len(folds), *values.shape[1:])
    return values[folds.to(values.device)]
