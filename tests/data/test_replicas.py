import contextlib
import dataclasses

import numpy as np
import pytest
import torch

from deltaflow.data import Column, Kind, Samples, sources
from deltaflow.training.datamodule import ReplicaDataModule

N = 150
SEEDS = (3, 4, 5)


def module_of(samples, seeds=SEEDS, batch_size=16, split=(0.6, 0.2, 0.2), split_seed=0,
              standardize=False):  # fmt: skip
    return ReplicaDataModule(
        samples, seeds, batch_size, split, split_seed, standardize, dtype=torch.float64
    )


def numbered(n=N, n_classes=3, n_targets=0):
    """Samples whose only feature is the row's number."""
    rows = np.arange(n, dtype=float)
    if n_targets:
        return Samples.numbers(
            rows[:, None], np.stack([rows * (t + 1) for t in range(n_targets)], 1)
        )
    return Samples.classes(rows[:, None], np.arange(n) % n_classes)


def rows_of(batches):
    """Row numbers [R, n] in the order in which they are served."""
    return torch.cat([x[..., 0] for x, _ in batches], dim=1).long()


def parts_of(module):
    return [module.train_dataloader(), module.val_dataloader(), module.test_dataloader()]


@pytest.mark.parametrize("n_targets", [0, 2])
@pytest.mark.parametrize("split_seed", [0, 1])
def test_the_parts_are_disjoint_complete_and_of_their_share(split_seed, n_targets):
    module = module_of(numbered(n_targets=n_targets), split_seed=split_seed)
    assert module.n_rows == (90, 30, 30)
    rows = torch.cat([rows_of(part)[0] for part in parts_of(module)])
    assert sorted(rows.tolist()) == list(range(N))


def test_every_part_has_the_classes_in_their_proportion():
    labels = np.repeat([0, 1, 2], [100, 70, 30])
    module = module_of(Samples.classes(np.zeros((200, 1)), labels))
    for part, share in zip(parts_of(module), (0.6, 0.2, 0.2), strict=True):
        counts = torch.cat([y for _, y in part], 1)[0].bincount().tolist()
        assert counts == [round(n * share) for n in (100, 70, 30)]


def test_the_split_depends_on_its_own_seed_alone():
    first = module_of(numbered(), seeds=[0])
    other_seed = module_of(numbered(), seeds=[8, 9], batch_size=7)
    other_split = module_of(numbered(), seeds=[0], split_seed=1)
    for part in (1, 2):
        rows, same, different = (rows_of(parts_of(m)[part])[0].tolist() for m in
                                 (first, other_seed, other_split))  # fmt: skip
        assert rows == same
        assert rows != different


def test_features_and_targets_stay_together():
    module = module_of(numbered(n_targets=2))
    for part in parts_of(module):
        for x, y in part:
            assert torch.equal(y, torch.cat([x, 2 * x], -1))
    for part in parts_of(module_of(numbered())):
        for x, y in part:
            assert torch.equal(y, x[..., 0].long() % 3)


def test_all_replicas_are_judged_on_the_same_rows():
    for part in parts_of(module_of(numbered()))[1:]:
        rows = rows_of(part)
        assert rows.shape == (3, 30)
        assert (rows == rows[0]).all()


def test_standardisation_knows_the_training_part_alone():
    samples = sources.iris()
    plain, standard = module_of(samples), module_of(samples, standardize=True)
    train, *_ = (torch.cat([x for x, _ in part], 1)[0] for part in parts_of(plain))
    mean, std = train.mean(0), train.std(0, correction=0)
    for raw, scaled in zip(parts_of(plain), parts_of(standard), strict=True):
        for (x, y), (x_scaled, y_scaled) in zip(raw, scaled, strict=True):
            torch.testing.assert_close(x_scaled, (x - mean) / std)
            assert torch.equal(y, y_scaled)


def test_only_numeric_features_are_standardised():
    draw = np.random.default_rng(0)
    features = np.column_stack([draw.integers(0, 2, N), 5 + 3 * draw.standard_normal((N, 2))])
    samples = Samples.classes(features, np.arange(N) % 2)
    kinds = (Kind.BOOLEAN, Kind.NUMBER, Kind.NUMBER)
    columns = [Column(f"x{k}", kind, 1) for k, kind in enumerate(kinds)]
    masked = dataclasses.replace(samples, columns=columns)
    all_numeric, some, plain = (
        module_of(source, batch_size=None, standardize=standardize).probe(N)[0]
        for source, standardize in ((samples, True), (masked, True), (masked, False))
    )
    assert torch.equal(some[:, 0], plain[:, 0])
    assert torch.equal(some[:, 1:], all_numeric[:, 1:])
    assert not torch.equal(some[:, 1:], plain[:, 1:])


def test_numeric_targets_are_standardised_and_their_scale_is_kept():
    samples = numbered(n_targets=2)
    plain, standard = module_of(samples), module_of(samples, standardize=True)
    train = torch.cat([y for _, y in plain.train_dataloader()], 1)[0]
    scale = train.std(0, correction=0)
    assert standard.task.scale == pytest.approx(scale.tolist())
    assert plain.task.scale == (1.0, 1.0)
    for (_, y), (_, scaled) in zip(plain.val_dataloader(), standard.val_dataloader(), strict=True):
        torch.testing.assert_close(scaled, (y - train.mean(0)) / scale)


def test_a_constant_feature_is_centred_and_not_blown_up():
    features = np.column_stack([np.arange(N), np.full(N, 7.0)])
    module = module_of(Samples.classes(features, np.arange(N) % 2), standardize=True)
    assert not module.probe(N)[..., 1].any()


def test_an_epoch_is_a_permutation_of_the_training_rows():
    batches = module_of(numbered()).train_dataloader()
    everything = sorted(rows_of(batches)[0].tolist())
    for epoch in range(3):
        batches.sampler.set_epoch(epoch)
        for rows in rows_of(batches):
            assert sorted(rows.tolist()) == everything


def test_the_order_differs_between_epochs_and_seeds():
    batches = module_of(numbered()).train_dataloader()
    orders = set()
    for epoch in range(3):
        batches.sampler.set_epoch(epoch)
        orders |= {tuple(rows.tolist()) for rows in rows_of(batches)}
    assert len(orders) == 3 * len(SEEDS)


def test_the_order_of_an_epoch_does_not_depend_on_what_came_before():
    batches = module_of(numbered()).train_dataloader()
    batches.sampler.set_epoch(5)
    first = rows_of(batches)
    batches.sampler.set_epoch(2)
    rows_of(batches)
    batches.sampler.set_epoch(5)
    assert torch.equal(rows_of(batches), first)


@pytest.mark.parametrize("r", range(3))
def test_the_order_of_a_replica_is_that_of_the_lone_run(r):
    stack = module_of(numbered()).train_dataloader()
    alone = module_of(numbered(), seeds=[SEEDS[r]]).train_dataloader()
    for batches in (stack, alone):
        batches.sampler.set_epoch(4)
    assert torch.equal(rows_of(stack)[r], rows_of(alone)[0])


@pytest.mark.parametrize("batch_size", [None, 90])
def test_a_full_batch_is_not_permuted(batch_size):
    batches = module_of(numbered(), batch_size=batch_size).train_dataloader()
    assert len(batches) == 1
    rows = rows_of(batches)
    assert (rows.diff(dim=1) > 0).all()
    batches.sampler.set_epoch(3)
    assert torch.equal(rows_of(batches), rows)


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(16, [16] * 5 + [10]), (45, [45, 45]), (89, [89, 1]), (1, [1] * 90)]
)
def test_the_last_short_batch_is_used(batch_size, sizes):
    batches = module_of(numbered(), batch_size=batch_size).train_dataloader()
    assert [x.shape for x, _ in batches] == [(3, size, 1) for size in sizes]
    assert [y.shape for _, y in batches] == [(3, size) for size in sizes]
    assert len(batches) == len(sizes)


def test_evaluation_takes_large_batches_in_order(monkeypatch):
    monkeypatch.setattr("deltaflow.data.batches.EVALUATION_ROWS", 12)
    batches = module_of(numbered()).val_dataloader()
    assert len(batches) == 3
    assert [x.shape for x, _ in batches] == [(3, 12, 1), (3, 12, 1), (3, 6, 1)]
    assert (rows_of(batches).diff(dim=1) > 0).all()


def test_the_probe_holds_the_first_training_rows():
    module = module_of(numbered(), batch_size=None)
    rows = rows_of(module.train_dataloader())
    assert torch.equal(module.probe(10)[..., 0].long(), rows[:, :10])
    assert module.probe(10_000).shape == (3, 90, 1)


def test_shares_of_zero_leave_parts_out():
    module = module_of(numbered(), split=(1, 0, 0))
    assert module.n_rows == (150, 0, 0)
    assert not module.has_validation
    assert not module.has_test
    assert list(module.val_dataloader()) == list(module.test_dataloader()) == []
    assert module_of(numbered(), split=(0.8, 0, 0.2)).n_rows == (120, 0, 30)


def test_features_take_the_type_asked_for_and_classes_stay_whole():
    module = ReplicaDataModule(numbered(), [0], 16, (0.6, 0.2, 0.2), 0, True)
    x, y = next(iter(module.train_dataloader()))
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("batch_size", [0, -1, 91])
def test_impossible_batch_sizes_are_refused(batch_size):
    with pytest.raises(ValueError, match=rf"must be 1 to 90, .*Found {batch_size}"):
        module_of(numbered(), batch_size=batch_size)


@pytest.mark.parametrize(
    "split", [(0.6, 0.2), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1), (0, 0.5, 0.5), (0.6, 0.2, 0.1, 0.1)]
)
def test_impossible_shares_are_refused(split):
    with pytest.raises(ValueError, match=r"three shares that add up to 1"):
        module_of(numbered(), split=split)


@pytest.mark.parametrize("split", [(0.998, 0.001, 0.001), (0.002, 0.499, 0.499)])
def test_an_empty_part_is_refused(split):
    with pytest.raises(ValueError, match=r"at least one row. Found 150 rows"):
        module_of(numbered(n_targets=1), split=split)


def classes_of_parts(n_rare, split_seed):
    labels = np.repeat([0, 1, 2], [150, 150 - n_rare, n_rare])
    module = module_of(Samples.classes(np.zeros((300, 1)), labels), split_seed=split_seed)
    return [torch.cat([y for _, y in part], 1).unique().tolist() for part in parts_of(module)]


@pytest.mark.parametrize("n_rare", [1, 2])
def test_a_class_with_fewer_rows_than_parts_is_refused(n_rare):
    with pytest.raises(ValueError, match="Every class must have rows for each part"):
        classes_of_parts(n_rare, split_seed=0)


def test_the_rarest_class_is_named():
    with pytest.raises(ValueError, match=r"Found 3 classes in 300 rows, .*, `2`, has 2\. Use more"):
        classes_of_parts(n_rare=2, split_seed=0)


def test_a_rare_class_is_in_every_part_or_refused():
    outcomes = set()
    for split_seed in range(8):
        with contextlib.suppress(ValueError):
            outcomes.add(str(classes_of_parts(n_rare=3, split_seed=split_seed)))
    assert outcomes == {"[[0, 1, 2], [0, 1, 2], [0, 1, 2]]"}


def test_more_classes_than_rows_of_a_part_are_refused():
    with pytest.raises(ValueError, match=r"must have a row for each of the 10 classes"):
        module_of(numbered(n=20, n_classes=10), batch_size=None)


@pytest.mark.parametrize("batch_size", [16, None])
def test_replicas_with_other_label_noise_are_served_together_as_alone(batch_size):
    clean = module_of(numbered(), seeds=[3, 4], batch_size=batch_size)
    noisy = clean.for_replicas([4], label_noise=0.3)
    alone = ReplicaDataModule(
        numbered(), [4], batch_size, (0.6, 0.2, 0.2), 0, False, None, 0.3, torch.float64
    )
    together = ReplicaDataModule.joined([clean, noisy])
    assert together.seeds == (3, 4, 4)
    served = [list(one.train_dataloader()) for one in (together, clean, noisy, alone)]
    for (x, y), (x_clean, y_clean), (x_noisy, y_noisy), (_, expected) in zip(*served, strict=True):
        assert torch.equal(y_noisy, expected)
        assert torch.equal(x, torch.cat([x_clean, x_noisy]))
        assert torch.equal(y, torch.cat([y_clean, y_noisy]))
    changed = noisy.training_targets(90) != clean.training_targets(90)
    assert changed.sum() == 27
    again = noisy.for_replicas([3], label_noise=0.0)
    assert torch.equal(again.training_targets(90), clean.training_targets(90))


def test_numbers_have_no_labels_to_confuse():
    with pytest.raises(ValueError, match="replaces classes by others"):
        module_of(numbered(n_targets=1)).for_replicas([0], label_noise=0.1)


def test_classes_are_counted_by_the_labels_that_are_trained_on():
    labels = np.array([0] * 30 + [1] * 20)
    samples = Samples.classes(np.arange(50.0)[:, None], labels, ["a", "b"])
    data = ReplicaDataModule(samples, [0], None, (0.6, 0.2, 0.2), 0, standardize=True)
    assert data.task.counts == (18, 12)
    noisy = data.for_replicas([1], label_noise=1.0)
    assert noisy.task.counts == (12, 18)
    assert data.task.counts == (18, 12)


@pytest.mark.parametrize("unit", [1e-320, 1e-200, 1e37])
def test_numbers_of_any_size_are_standardised_alike(unit):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    samples = [Samples.numbers(x, x) for x in (rows, rows * unit)]
    plain, scaled = (module_of(each, standardize=True).val_dataloader() for each in samples)
    for one, other in zip(plain, scaled, strict=True):
        for part in (0, 1):
            np.testing.assert_allclose(one[part], other[part], atol=1e-3)
