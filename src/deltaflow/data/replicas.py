"""Splits, standardises, and serves every replica whole batches in its own order."""

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
from deltaflow.data.preparation import confuse_labels, divisions, thin_out
from deltaflow.data.preprocessing import Preprocessing
from deltaflow.data.samples import Samples
from deltaflow.nn.task import Classification, joint_task
from deltaflow.system.errors import UserError

PARTS = ("train", "validation", "test")


class ReplicaData:
    """Samples for R replicas.

    The split and the standardisation are the same for all replicas, so that they differ by
    their own seed alone; or there are several *folds*, ways to divide the rows, and a replica of
    each seed for each of them, standardised by its own training part. All folds train on as many
    rows. Batches are gathered on the training device as a whole.

    Args:
        samples: from a source.
        seeds: each orders the training batches of its replicas.
        batch_size: samples a step, or ``None`` for all at once (in their order).
        split: shares of training, validation and test, which add up to 1; 0 leaves out.
        split_seed: of the split.
        standardize: subtract the training part's mean and divide by its standard deviation,
            numeric features and numeric targets alike.
        train_rows: only so many rows of the training part, or ``None`` for all.
        label_noise: share of the training labels that become another class.
        dtype: of features and numeric targets.
        folds: test parts that are made of all rows; ``None`` for one of its share.
        split_seeds: divide the rows by each of these, and not by ``split_seed``.

    Attributes:
        seeds: of each replica: of the first seed that of each fold, then of the next.
        preprocessings: what was done to the samples, by fold.
        task: what the samples ask for, its scale set if targets were standardised, with the rows
            of each class in the training part of the first fold.
        tasks: of classes, the same with the rows of each fold, by fold; of numbers, the task alone.
        reading: how the samples were read, if from a table.

    Raises:
        ValueError: if the split leaves a part empty or a class out, a batch is larger
            than the training part, or labels are to be replaced where there are none.
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
        folded = divisions(samples, split, by_seed, folds)
        self.n_folds = len(folded)
        self._split_seeds = [seed for seed in by_seed for _ in range(folds or 1)]
        if train_rows is not None:
            for rows, seed in zip(folded, self._split_seeds, strict=True):
                rows[0] = thin_out(samples, rows[0], train_rows, seed)
        self._train = [train for train, _, _ in folded]
        n_train = len(self._train[0])
        self.preprocessings = [
            Preprocessing.learnt(samples, train, standardize) for train in self._train
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
        self._labels: Tensor | None = None  # [R, n_rows] of the training part, if they differ
        self._confused = partial(confuse_labels, samples.targets, samples.task)
        self._confuse(label_noise)

    def serving(self, seeds: Sequence[int], label_noise: float) -> Self:
        """The same samples for other replicas.

        Args:
            seeds: one per replica.
            label_noise: share of the training labels that become another class.

        Raises:
            ValueError: if labels are to be replaced where there are none.
        """
        served = copy.copy(self)
        served.seeds = tuple(seed for seed in seeds for _ in range(self.n_folds))
        served._parts = list(self._parts)
        served._confuse(label_noise)
        return served

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """What serves the replicas of several, whose samples differ in training labels at most."""
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
        """What was done to the samples, in the first fold."""
        return self.preprocessings[0]

    @property
    def folds(self) -> Tensor:
        """Of each replica, the number of its fold, ``[R]``."""
        return torch.arange(len(self.seeds)) % self.n_folds

    def n_judged(self, part: str) -> list[int] | None:
        """Of each replica, the rows of a part that count; ``None`` if all that are served do.

        Args:
            part: train, validation or test.
        """
        counts = self._n_rows[PARTS.index(part)]
        if len(set(counts)) == 1:
            return None
        return [counts[fold] for fold in self.folds.tolist()]

    @property
    def n_features(self) -> int:
        """Inputs of the network."""
        return self._parts[0][0].shape[-1]

    @property
    def n_rows(self) -> tuple[int, int, int]:
        """Rows of the training, validation and test part, the most that a fold has."""
        train, validation, test = (max(counts) for counts in self._n_rows)
        return train, validation, test

    @property
    def has_validation(self) -> bool:
        """Whether there are rows to choose by."""
        return self.n_rows[1] > 0

    @property
    def has_test(self) -> bool:
        """Whether there are rows to judge by."""
        return self.n_rows[2] > 0

    def train_dataloader(self) -> "TrainingBatches":
        """The training part, each replica in its own order."""
        part = self._on_device(0)
        return TrainingBatches(part, self.seeds, self.batch_size, self._labels, self.folds)

    def val_dataloader(self) -> "EvaluationBatches":
        """The validation part, each replica that of its fold."""
        return EvaluationBatches(self._on_device(1), self.folds)

    def test_dataloader(self) -> "EvaluationBatches":
        """The test part, each replica that of its fold."""
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
        """Set the training labels, a share of them wrong; numbers stay as they are."""
        folded = list(zip(self._train, self._split_seeds, strict=True))
        labels = [self._confused(rows, share, seed)[rows] for rows, seed in folded]
        if isinstance(self.task, Classification):
            x, y = self._parts[0]
            self._parts[0] = x, torch.from_numpy(np.stack(labels)).to(y.device)
            counts = [np.bincount(own, minlength=self.task.n_classes) for own in labels]
            self.tasks = [replace(self.task, counts=tuple(own.tolist())) for own in counts]
            self.task = self.tasks[0]


def _stacked(whole: Sequence[Batch], folded: Sequence[Array]) -> Batch:
    """Of each fold its rows of all, ``[n_folds, n, …]``; where it has fewer, its first again."""
    n = max(map(len, folded))
    padded = [np.append(rows, np.repeat(rows[:1], n - len(rows))) for rows in folded]
    pairs = list(zip(whole, padded, strict=True))
    return torch.stack([x[rows] for (x, _), rows in pairs]), torch.stack(
        [y[rows] for (_, y), rows in pairs]
    )


def _tensors(features: Array, targets: Array, dtype: torch.dtype) -> Batch:
    y = torch.from_numpy(targets)
    return torch.from_numpy(features).to(dtype), y.to(dtype) if y.is_floating_point() else y
