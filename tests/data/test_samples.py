import re

import numpy as np
import pytest

from deltaflow.data import Samples
from deltaflow.nn.task import Classification, Regression

X = np.arange(8.0).reshape(4, 2)


def test_labels_become_class_indices():
    samples = Samples.classes(X.tolist(), [0, 2, 1, 0], ["a", "b", "c"])
    assert samples.features.dtype == np.float64
    assert samples.targets.dtype == np.int64
    assert samples.targets.tolist() == [0, 2, 1, 0]
    assert samples.task == Classification(("a", "b", "c"))
    assert len(samples) == 4


def test_classes_are_named_by_their_numbers():
    assert Samples.classes(X, [0, 1, 2, 0]).task.classes == ("0", "1", "2")


@pytest.mark.parametrize("targets", [[1.5, 2, 3, 4], [[1.5], [2], [3], [4]]])
def test_numbers_become_columns(targets):
    samples = Samples.numbers(X, targets)
    assert samples.targets.tolist() == [[1.5], [2.0], [3.0], [4.0]]
    assert samples.task == Regression(("y1",), scale=(1.0,))


def test_several_targets_are_named_in_order():
    assert Samples.numbers(X, X).task == Regression(("y1", "y2"), scale=(1.0, 1.0))
    assert Samples.numbers(X, X, ["a", "b"]).task.targets == ("a", "b")


def test_a_source_may_return_samples_or_a_pair():
    samples = Samples.classes(X, [0, 1, 0, 1])
    assert Samples.of(samples) is samples
    assert isinstance(Samples.of((X, np.array([0, 1, 0, 1]))).task, Classification)
    assert isinstance(Samples.of((X, [0, 1, 0, 1])).task, Classification)
    assert isinstance(Samples.of((X, np.array([0.0, 1, 0, 1]))).task, Regression)


@pytest.mark.parametrize("source", [None, X, [X, X], (X,), (X, X, X)])
def test_anything_else_is_refused(source):
    with pytest.raises(ValueError, match=r"must return .*Samples or a pair.*Return `X, y`"):
        Samples.of(source)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39, -1e300])
def test_a_feature_that_is_not_finite_is_pointed_at(bad):
    x = X.copy()
    x[2, 1] = bad
    place = re.escape(f"Found {bad} in row 2, column 1 of the features")
    with pytest.raises(ValueError, match=place):
        Samples.classes(x, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=place):
        Samples.numbers(x, [0, 1, 0, 1])


@pytest.mark.parametrize("bad", [np.nan, 1e300])
def test_a_target_that_is_not_finite_is_pointed_at(bad):
    with pytest.raises(ValueError, match=r"Found \S+ in row 3, column 0 of the targets"):
        Samples.numbers(X, [0, 1, 2, bad])


@pytest.mark.parametrize("features", [X[:3], X[:, 0], X[None], X[:, :0]], ids=np.shape)
def test_features_of_a_wrong_shape_are_refused(features):
    with pytest.raises(ValueError, match=r"matrices of as many rows"):
        Samples.classes(features, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"matrices of as many rows"):
        Samples.numbers(features, [0.0, 1, 0, 1])


@pytest.mark.parametrize("labels", [[[0], [1], [0], [1]], np.eye(4, dtype=int), 1])
def test_labels_that_are_no_list_are_refused_with_their_shape(labels):
    shape = re.escape(str(list(np.shape(labels))))
    for make in (lambda: Samples.classes(X, labels), lambda: Samples.of((X, np.array(labels)))):
        with pytest.raises(ValueError, match=rf"shape \[n_samples\]\. Found the shape {shape}"):
            make()


@pytest.mark.parametrize("labels", [[0, 1, 2, -1], [0, 1, 0.5, 1], [1, 2, 3, 1]])
def test_labels_that_are_no_indices_are_refused(labels):
    with pytest.raises(ValueError, match=r"indices 0 to \d+\. Found"):
        Samples.classes(X[: len(labels)], labels)


def test_a_single_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        Samples.classes(X, [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], ("False", "True")),
        ([7, 3, 7], ("3", "7")),
    ],
    ids=["words", "truth values", "numbers from anywhere"],
)
def test_a_pair_with_labels_of_any_kind_is_a_classification(targets, classes):
    samples = Samples.of((np.zeros((3, 2)), np.array(targets)))
    assert samples.task == Classification(classes)
    assert samples.targets.tolist() == [1, 0, 1]


def test_names_must_match_the_targets():
    with pytest.raises(ValueError, match="Found 1 names for 2 targets"):
        Samples.numbers(np.zeros((3, 1)), np.zeros((3, 2)), ["y"])
