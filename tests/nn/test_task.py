import pytest

from deltaflow.nn.task import Classification, Regression


@pytest.mark.parametrize("classes", [(), ("only",)])
def test_a_classification_needs_two_classes(classes):
    with pytest.raises(ValueError, match=rf"at least two classes. Found {len(classes)}"):
        Classification(classes)


def test_tasks_count_what_they_ask_for():
    assert Classification(("a", "b", "c")).n_classes == 3
    assert Regression(("y1", "y2"), (1.0, 2.0)).n_targets == 2
