"""What a network makes of classes, against each row and each replica on its own."""

import numpy as np
import pytest
import torch

from deltaflow import assemble
from deltaflow.experiment.classified import classified
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy


@pytest.mark.parametrize(("split", "part"), [
    ("[0.6,0.2,0.2]", "test"), ("[0.6,0.4,0]", "validation"), ("[1,0,0]", "training"),
])  # fmt: skip
def test_a_confusion_matrix_counts_each_row_of_each_replica(split, part):
    data, network = assemble(["data=iris", f"data.split={split}", "n_seeds=3"])
    found = classified(data, network, CrossEntropy(data.task), going=[0, 2])
    assert (found.part, found.decisions) == (part, None)
    x, y = data._parts[("training", "validation", "test").index(part)]
    counts = np.zeros((3, 3), dtype=int)
    for replica in (0, 2):
        for row, target in zip(x, y, strict=True):
            counts[int(target), int(network.replica(replica)(row).argmax())] += 1
    assert found.confusion.tolist() == counts.tolist()


def test_decisions_are_those_of_most_replicas_at_each_place():
    data, network = assemble(["data=moons", "loss=bce", "n_seeds=3"])
    found = classified(data, network, BinaryCrossEntropy(data.task, threshold=0.5), going=[0, 1, 2])
    left, right, bottom, top = found.decisions.edges
    n = len(found.decisions.chosen)
    for row, column in ((0, 0), (5, 40), (n - 1, 3), (n // 2, n // 2)):
        x = left + (right - left) * column / (n - 1)
        y = bottom + (top - bottom) * row / (n - 1)
        point = torch.tensor([x, y], dtype=torch.float32)
        votes = sum(int(network.replica(r)(point) >= 0) for r in range(3))
        assert found.decisions.chosen[row, column] == int(votes >= 2)


def test_numbers_have_no_classes_and_a_lost_run_has_none_to_ask():
    data, network = assemble(["data=sine", "loss=mse"])
    assert classified(data, network, type("Any", (), {"task": data.task})(), going=[0]) is None
    data, network = assemble(["data=iris"])
    assert classified(data, network, CrossEntropy(data.task), going=[]) is None
