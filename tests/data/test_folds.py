"""Folds and several splits: a replica of each seed for each of them."""

import numpy as np
import pytest
import torch

from deltaflow.data import Samples, sources
from deltaflow.training.datamodule import ReplicaDataModule


def module_of(samples, seeds=(3,), split=(0.6, 0.2, 0.2), batch_size=16, **named):
    return ReplicaDataModule(
        samples, seeds, batch_size, split, 0, named.pop("standardize", False),
        dtype=torch.float64, **named,
    )  # fmt: skip


def numbered(labels):
    return Samples.classes(np.arange(len(labels), dtype=float)[:, None], labels)


def rows_of(loader):
    found = [x[..., 0] for x, _ in loader] or [torch.zeros(10, 0)]
    return torch.cat(found, dim=1).long()


def parts_of(data):
    """The rows of the parts of each replica, those that repeat left out."""
    loaders = {"train": data.train_dataloader(), "validation": data.val_dataloader(),
               "test": data.test_dataloader()}  # fmt: skip
    for r in range(len(data.seeds)):
        yield {
            name: rows_of(loader)[r, : (data.n_own_rows(name) or [None] * (r + 1))[r]].tolist()
            for name, loader in loaders.items()
        }


LABELS = np.repeat([0, 1, 2], [41, 30, 12])


@pytest.mark.parametrize("split", [(0.6, 0.2, 0.2), (0.8, 0, 0.2), (1, 0, 0)])
def test_each_row_is_tested_once_and_classes_keep_their_shares(split):
    data = module_of(numbered(LABELS), split=split, folds=5)
    parts = list(parts_of(data))
    assert sorted(row for part in parts for row in part["test"]) == list(range(len(LABELS)))
    assert len({len(part["train"]) for part in parts}) == 1
    for part in parts:
        everything = [row for rows in part.values() for row in rows]
        assert len(set(everything)) == len(everything) >= len(LABELS) - (split[1] == 0)
        counts = np.bincount(LABELS[part["test"]], minlength=3)
        assert all(abs(counts - np.array([41, 30, 12]) / 5) <= 1)


def test_a_replica_is_a_seed_and_a_fold():
    data = module_of(numbered(LABELS), seeds=(3, 4), folds=5)
    assert data.seeds == (3,) * 5 + (4,) * 5
    assert data.folds.tolist() == [0, 1, 2, 3, 4] * 2
    tests = [part["test"] for part in parts_of(data)]
    assert tests[:5] == tests[5:]


def test_each_fold_is_standardised_by_its_own_training_part():
    data = module_of(
        sources.diabetes(), split=(1, 0, 0), folds=3, standardize=True, batch_size=None
    )
    ((x, y),) = data.train_dataloader()
    for values in (x, y):
        torch.testing.assert_close(
            values.mean(1), torch.zeros_like(values[:, 0]), atol=1e-9, rtol=0
        )
        spread = values.var(1, unbiased=False)
        torch.testing.assert_close(spread, torch.ones_like(spread))
    assert len(data.task.scale) == 3


def test_several_splits_are_those_of_their_seeds():
    several = module_of(numbered(LABELS), split_seeds=[5, 7])
    for part, seed in zip(parts_of(several), (5, 7), strict=True):
        lone = ReplicaDataModule(numbered(LABELS), (3,), 16, (0.6, 0.2, 0.2), seed, False,
                                 dtype=torch.float64)  # fmt: skip
        assert next(parts_of(lone)) == part


def test_several_splits_of_folds():
    data = module_of(numbered(LABELS), split_seeds=[5, 7], folds=2)
    tests = [part["test"] for part in parts_of(data)]
    assert len(tests) == 4
    for pair in (tests[:2], tests[2:]):
        assert sorted(pair[0] + pair[1]) == list(range(len(LABELS)))
    assert sorted(tests[0]) != sorted(tests[2])


def test_more_folds_than_rows_of_a_class_are_refused():
    with pytest.raises(ValueError, match=r"`data\.folds` must be 2 to 12, the rows of the rarest"):
        module_of(numbered(LABELS), folds=13)
