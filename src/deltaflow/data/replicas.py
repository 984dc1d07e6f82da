"""Splits and standardises samples, and serves batches to R replicas."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor

from deltaflow.data.batches import Batch, EvaluationBatches, TrainingBatches, of_folds
from deltaflow.data.columns import Array
from deltaflow.data.preparation import add_label_noise, splits, subsample
from deltaflow.data.preprocessing import Preprocessing
from deltaflow.data.samples import Samples
from deltaflow.nn.task import Classification, joint_task
from deltaflow.system.errors import UserError

PARTS = ("train", "validation", "test")


class ReplicaData:
    """Samples for R replicas.

    Without folds, the split and the standardisation are the same for all replicas, which then
    differ only by their seed. With several *folds*, that is splits of the rows, each seed has a
    replica for each fold, standardised by the training part of the fold. All training parts have
    the same number of rows. Batches are gathered on the device of the training.

    Args:
        samples: the samples of a source.
        seeds: the seeds; a seed decides the order of its replicas' training rows.
        batch_size: samples per step; ``None`` for all rows in their order.
        split: shares of training, validation and test, with sum 1; 0 leaves a part out.
        split_seed: seed of the split.
        standardize: whether numeric features and numeric targets are standardised by the mean and
            the standard deviation of the training part.
        train_rows: number of training rows to use; ``None`` for all.
        label_noise: share of the training labels that are replaced by another class.
        dtype: type of features and numeric targets.
        folds: number of folds, whose test parts together are all rows; ``None`` for a single
            split.
        split_seeds: several seeds of splits, which replace ``split_seed``.

    Attributes:
        seeds: the seed of each replica: the first seed for every fold, then the next seed.
        preprocessings: the preprocessing of each fold.
        task: the task, with the scale of the targets and the class counts of the first fold's
            training part.
        tasks: for classes, the task of each fold with its class counts; for numbers, ``[task]``.
        reading: how the table was read; ``None`` if the samples are not from a table.

    Raises:
        ValueError: if the split leaves a part empty or without one of the classes, a batch is
            larger than the training part, or ``label_noise`` is set for a regression.
    """

    def __init__(
        self,
        samples: Samples,
        seeds: Sequence[int],
        batch_size: int | None,
        split: Sequence[float],
        split_seed: int,
        standardize: bool,
        train_rows: int | None = None,
        label_noise: float = 0.0,
        dtype: torch.dtype = torch.float32,
        folds: int | None = None,
        split_seeds: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        by_seed = list(split_seeds or [split_seed])
        folded = splits(samples, split, by_seed, folds)
        self.n_folds = len(folded)
        self._split_seeds = [seed for seed in by_seed for _ in range(folds or 1)]
        if train_rows is not None:
            for rows, seed in zip(folded, self._split_seeds, strict=True):
                rows[0] = subsample(samples, rows[0], train_rows, seed)
        self._train = [train for train, _, _ in folded]
        n_train = len(self._train[0])
        self.preprocessings = [
            Preprocessing.fit(samples, train, standardize) for train in self._train
        ]
        self.task = joint_task([one.task for one in self.preprocessings])
        self.tasks = [self.task]
        if batch_size is not None and not 1 <= batch_size <= n_train:
            raise UserError(
                f"`data.batch_size` must be 1 to {n_train}, the rows of the training part. "
                f"Found {batch_size}. Use `data.batch_size=null` for the full batch."
            )
        self.reading = samples.reading
        self.seeds = tuple(seed for seed in seeds for _ in folded)
        self.batch_size = batch_size or n_train
        whole = [
            _tensors(one.inputs(samples.features), one.standard_targets(samples.targets), dtype)
            for one in self.preprocessings
        ]
        self._parts = [_stacked(whole, rows) for rows in zip(*folded, strict=True)]
        self._n_rows = [[len(rows) for rows in part] for part in zip(*folded, strict=True)]
        self._labels: Tensor | None = None  # [R, n_rows] of the training part, if replicas differ
        self._confused = partial(add_label_noise, samples.targets, samples.task)
        self._confuse(label_noise)

    def for_replicas(self, seeds: Sequence[int], label_noise: float) -> Self:
        """Serve the same samples to other replicas.

        Args:
            seeds: the seed of each replica.
            label_noise: share of the training labels that are replaced by another class.

        Raises:
            ValueError: if ``label_noise`` is set for a regression.
        """
        served = copy.copy(self)
        served.seeds = tuple(seed for seed in seeds for _ in range(self.n_folds))
        served._parts = list(self._parts)
        served._confuse(label_noise)
        return served

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """Join the replicas of several objects, whose samples may differ in training labels."""
        whole = copy.copy(several[0])
        whole.seeds = tuple(seed for one in several for seed in one.seeds)
        whole._parts = list(whole._parts)
        labels = [one._parts[0][1] for one in several]
        if not all(torch.equal(one, labels[0]) for one in labels):
            pairs = zip(labels, several, strict=True)
            whole._labels = torch.cat([own[one.folds.to(own.device)] for own, one in pairs])
        return whole

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the first fold."""
        return self.preprocessings[0]

    @property
    def folds(self) -> Tensor:
        """The fold of each replica, ``[R]``."""
        return torch.arange(len(self.seeds)) % self.n_folds

    def n_own_rows(self, part: str) -> list[int] | None:
        """Number of rows of a part for each replica, without padding; ``None`` if none is padded.

        Args:
            part: ``train``, ``validation`` or ``test``.
        """
        counts = self._n_rows[PARTS.index(part)]
        if len(set(counts)) == 1:
            return None
        return [counts[fold] for fold in self.folds.tolist()]

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self._parts[0][0].shape[-1]

    @property
    def n_rows(self) -> tuple[int, int, int]:
        """Number of rows in the training, validation and test part, of the largest fold."""
        train, validation, test = (max(counts) for counts in self._n_rows)
        return train, validation, test

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation part."""
        return self.n_rows[1] > 0

    @property
    def has_test(self) -> bool:
        """Whether there is a test part."""
        return self.n_rows[2] > 0

    def train_dataloader(self) -> "TrainingBatches":
        """Batches of the training part, in a different order for each replica."""
        part = self._on_device(0)
        return TrainingBatches(part, self.seeds, self.batch_size, self._labels, self.folds)

    def val_dataloader(self) -> "EvaluationBatches":
        """Batches of the validation part of each replica's fold."""
        return EvaluationBatches(self._on_device(1), self.folds)

    def test_dataloader(self) -> "EvaluationBatches":
        """Batches of the test part of each replica's fold."""
        return EvaluationBatches(self._on_device(2), self.folds)

    def probe(self, n_rows: int) -> Tensor:
        """Features of the first training rows, ``[R, ≤ n_rows, n_features]``, on the device."""
        x, _ = self._on_device(0)
        return of_folds(x[:, :n_rows], self.folds)

    def training_targets(self, n_rows: int) -> Tensor:
        """Targets of the first training rows of the first fold, ``[≤ n_rows, ...]``."""
        return self._parts[0][1][0, :n_rows].cpu()

    def probe_targets(self, n_rows: int) -> Tensor:
        """Targets of the rows of ``probe``, ``[R, ≤ n_rows, ...]``, on the device."""
        return of_folds(self._parts[0][1][:, :n_rows], self.folds)

    def _on_device(self, part: int) -> Batch:
        return self._parts[part]

    def _confuse(self, share: float) -> None:
        """Set ``_labels``, with a share of labels replaced; nothing is done for a regression."""
        folded = list(zip(self._train, self._split_seeds, strict=True))
        labels = [self._confused(rows, share, seed)[rows] for rows, seed in folded]
        if isinstance(self.task, Classification):
            x, y = self._parts[0]
            self._parts[0] = x, torch.from_numpy(np.stack(labels)).to(y.device)
            counts = [np.bincount(own, minlength=self.task.n_classes) for own in labels]
            self.tasks = [replace(self.task, counts=tuple(own.tolist())) for own in counts]
            self.task = self.tasks[0]


def _stacked(whole: Sequence[Batch], folded: Sequence[Array]) -> Batch:
    """Gather the rows of each fold, ``[n_folds, n, …]``; smaller folds repeat their first row."""
    n = max(map(len, folded))
    padded = [np.append(rows, np.repeat(rows[:1], n - len(rows))) for rows in folded]
    pairs = list(zip(whole, padded, strict=True))
    return torch.stack([x[rows] for (x, _), rows in pairs]), torch.stack(
        [y[rows] for (_, y), rows in pairs]
    )


def _tensors(features: Array, targets: Array, dtype: torch.dtype) -> Batch:
    y = torch.from_numpy(targets)
    return torch.from_numpy(features).to(dtype), y.to(dtype) if y.is_floating_point() else y
