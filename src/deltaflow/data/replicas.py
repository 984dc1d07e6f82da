"""Splits, standardises, and serves every replica whole batches in its own order."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor

from deltaflow.data.columns import Array
from deltaflow.data.preparation import confuse_labels, split_rows, thin_out
from deltaflow.data.preprocessing import Preprocessing
from deltaflow.data.samples import Samples
from deltaflow.nn.random_streams import Stream, permutations
from deltaflow.nn.task import Classification, Task
from deltaflow.system.errors import UserError

EVALUATION_ROWS = 10_000  # of a batch without gradients
Batch = tuple[Tensor, Tensor]


class ReplicaData:
    """Samples for R replicas.

    The split and the standardisation are the same for all replicas, so that they differ by
    their own seed alone. Batches are gathered on the training device as a whole.

    Args:
        samples: from a source.
        seeds: one per replica; each orders its own training batches.
        batch_size: samples a step, or ``None`` for all at once (in their order).
        split: shares of training, validation and test, which add up to 1; 0 leaves out.
        split_seed: of the split.
        standardize: subtract the training part's mean and divide by its standard deviation,
            numeric features and numeric targets alike.
        train_rows: only so many rows of the training part, or ``None`` for all.
        label_noise: share of the training labels that become another class.
        dtype: of features and numeric targets.

    Attributes:
        preprocessing: what was done to the samples.
        task: what the samples ask for, its scale set if targets were standardised, with the rows
            of each class in the training part.
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
    ) -> None:
        super().__init__()
        parts = split_rows(samples, split, split_seed)
        if train_rows is not None:
            parts[0] = thin_out(samples, parts[0], train_rows, split_seed)
        train = parts[0]
        self.preprocessing = Preprocessing.learnt(samples, train, standardize)
        self.task: Task = self.preprocessing.task
        features = self.preprocessing.inputs(samples.features)
        targets = self.preprocessing.standard_targets(samples.targets)
        if batch_size is not None and not 1 <= batch_size <= len(train):
            raise UserError(
                f"`data.batch_size` must be 1 to {len(train)}, the rows of the training part. "
                f"Found {batch_size}. Use `data.batch_size=null` for the full batch."
            )
        self.reading = samples.reading
        self.seeds = tuple(seeds)
        self.batch_size = batch_size or len(train)
        self._parts = [_tensors(features[part], targets[part], dtype) for part in parts]
        self._labels: Tensor | None = None  # [R, n_rows] of the training part, if they differ
        self._confused = partial(confuse_labels, targets, samples.task, train, seed=split_seed)
        self._train = train
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
        served.seeds = tuple(seeds)
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
            counts = torch.tensor([len(one.seeds) for one in several])
            whole._labels = torch.stack(labels).repeat_interleave(counts, dim=0)
        return whole

    @property
    def n_features(self) -> int:
        """Inputs of the network."""
        return self._parts[0][0].shape[-1]

    @property
    def n_rows(self) -> tuple[int, int, int]:
        """Rows of the training, validation and test part."""
        train, validation, test = (len(x) for x, _ in self._parts)
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
        return TrainingBatches(self._on_device(0), self.seeds, self.batch_size, self._labels)

    def val_dataloader(self) -> "EvaluationBatches":
        """The validation part, for all replicas alike."""
        return EvaluationBatches(self._on_device(1), len(self.seeds))

    def test_dataloader(self) -> "EvaluationBatches":
        """The test part, for all replicas alike."""
        return EvaluationBatches(self._on_device(2), len(self.seeds))

    def probe(self, n_rows: int) -> Tensor:
        """Features of the first training rows, ``[R, ≤ n_rows, n_features]``, on the device."""
        x, _ = self._on_device(0)
        return x[:n_rows].expand(len(self.seeds), -1, -1)

    def training_targets(self, n_rows: int) -> Tensor:
        """Targets of the first training rows, ``[≤ n_rows, ...]``."""
        return self._parts[0][1][:n_rows].cpu()

    def _on_device(self, part: int) -> Batch:
        return self._parts[part]

    def _confuse(self, share: float) -> None:
        """Set the training labels, a share of them wrong; numbers stay as they are."""
        confused = self._confused(share)
        if isinstance(self.task, Classification):
            x, y = self._parts[0]
            labels = confused[self._train]
            self._parts[0] = x, torch.from_numpy(labels).to(y.device)
            counts = np.bincount(labels, minlength=self.task.n_classes)
            self.task = replace(self.task, counts=tuple(counts.tolist()))


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
        part: features and targets of the rows.
        seeds: one per replica.
        batch_size: samples a step.
        labels: of each replica, ``[R, n_rows]``, if they differ.
    """

    def __init__(
        self, part: Batch, seeds: Sequence[int], batch_size: int, labels: Tensor | None = None
    ) -> None:
        self.part = part
        self.labels = None if labels is None else labels.to(part[0].device)
        self.batch_size = batch_size
        self.sampler = ReplicaOrder(len(part[0]), seeds)

    def __len__(self) -> int:
        return -(-self.sampler.n_rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        x, y = self.part
        if len(self) == 1:
            n_replicas = len(self.sampler.seeds)
            targets = y.expand(n_replicas, *y.shape) if self.labels is None else self.labels
            yield x.expand(n_replicas, *x.shape), targets
            return
        order = self.sampler.permutation().to(x.device)
        for rows in torch.split(order, self.batch_size, dim=1):
            yield x[rows], y[rows] if self.labels is None else self.labels.gather(1, rows)


class EvaluationBatches:
    """Batches of at most ``EVALUATION_ROWS`` rows in their order, the same for all replicas."""

    def __init__(self, part: Batch, n_replicas: int) -> None:
        self.part = part
        self.n_replicas = n_replicas

    def __len__(self) -> int:
        return -(-len(self.part[0]) // EVALUATION_ROWS)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.part[0]), EVALUATION_ROWS):
            x, y = (tensor[start : start + EVALUATION_ROWS] for tensor in self.part)
            yield x.expand(self.n_replicas, *x.shape), y.expand(self.n_replicas, *y.shape)


def _tensors(features: Array, targets: Array, dtype: torch.dtype) -> Batch:
    y = torch.from_numpy(targets)
    return torch.from_numpy(features).to(dtype), y.to(dtype) if y.is_floating_point() else y
