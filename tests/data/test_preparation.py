import numpy as np
import pytest

from deltaflow.data import Samples
from deltaflow.data.preparation import add_label_noise, subsample

LABELS = np.repeat([0, 1, 2], [100, 70, 30])
CLASSES = Samples.classes(np.arange(200.0)[:, None], LABELS)
NUMBERS = Samples.numbers(np.arange(200.0)[:, None], np.arange(200.0))
ROWS = np.arange(20, 200)  # 80, 70 and 30 of the classes


@pytest.mark.parametrize("count", [1, 3, 18, 90, 179, 180])
def test_so_many_rows_are_kept_each_class_in_its_share(count):
    kept = subsample(CLASSES, ROWS, count, seed=0)
    assert len(kept) == len(set(kept)) == count
    assert set(kept) <= set(ROWS)
    found = np.bincount(LABELS[kept], minlength=3)
    np.testing.assert_allclose(found, count * np.array([80, 70, 30]) / 180, atol=1)


def test_rows_with_numeric_targets_are_kept_at_random():
    kept = subsample(NUMBERS, ROWS, 40, seed=0)
    assert len(set(kept)) == 40
    assert set(kept) <= set(ROWS)
    assert kept.tolist() != ROWS[:40].tolist()


@pytest.mark.parametrize("samples", [CLASSES, NUMBERS])
def test_the_choice_depends_on_its_seed(samples):
    first, again, other = (subsample(samples, ROWS, 40, seed).tolist() for seed in (0, 0, 1))
    assert first == again == sorted(first)
    assert first != other


def test_more_rows_than_there_are_cannot_be_kept():
    with pytest.raises(ValueError, match=r"at most 180, .* Found 181. Use `data.train_rows=null`"):
        subsample(CLASSES, ROWS, 181, seed=0)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_share_of_the_labels_becomes_another_class(share):
    found = add_label_noise(CLASSES.targets, CLASSES.task, ROWS, share, seed=0)
    changed = np.flatnonzero(found != LABELS)
    assert len(changed) == round(share * len(ROWS))
    assert set(changed) <= set(ROWS)
    assert set(found) == {0, 1, 2}
    assert (CLASSES.targets == LABELS).all()


def test_each_other_class_is_as_likely():
    labels = np.zeros(6000, dtype=int)
    samples = Samples.classes(np.zeros((6000, 1)), labels, ["a", "b", "c", "d"])
    found = np.bincount(
        add_label_noise(samples.targets, samples.task, np.arange(6000), 1.0, seed=0), minlength=4
    )
    assert found[0] == 0
    np.testing.assert_allclose(found[1:], 2000, atol=4 * np.sqrt(6000 * 2 / 9))


def test_which_labels_change_depends_on_the_seed():
    first, again, other = (
        add_label_noise(CLASSES.targets, CLASSES.task, ROWS, 0.3, seed).tolist()
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_no_noise_changes_nothing():
    assert add_label_noise(CLASSES.targets, CLASSES.task, ROWS, 0.0, seed=0) is CLASSES.targets
    assert add_label_noise(NUMBERS.targets, NUMBERS.task, ROWS, 0.0, seed=0) is NUMBERS.targets


def test_numbers_are_no_classes_to_be_replaced():
    with pytest.raises(ValueError, match=r"Found 0.2 for a numeric target"):
        add_label_noise(NUMBERS.targets, NUMBERS.task, ROWS, 0.2, seed=0)
