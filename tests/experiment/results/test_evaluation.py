"""What a network makes of classes and numbers, against each row and each replica on its own."""

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import r2_score, root_mean_squared_error

from deltaflow import assemble
from deltaflow.experiment.results.evaluation import evaluate_network
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy, MeanSquaredError


@pytest.mark.parametrize(("split", "part"), [
    ("[0.6,0.2,0.2]", "test"), ("[0.6,0.4,0]", "validation"), ("[1,0,0]", "training"),
])  # fmt: skip
def test_a_confusion_matrix_counts_each_row_of_each_replica(split, part):
    data, network = assemble(["data=iris", f"data.split={split}", "n_seeds=3"])
    found = evaluate_network(data, network, CrossEntropy(data.task), replicas=[0, 2])
    assert (found.part, found.decisions) == (part, None)
    x, y = (one[0] for one in data._parts[("training", "validation", "test").index(part)])
    counts = np.zeros((3, 3), dtype=int)
    for replica in (0, 2):
        for row, target in zip(x, y, strict=True):
            counts[int(target), int(network.replica(replica)(row).argmax())] += 1
    assert found.confusion.tolist() == counts.tolist()


def test_decisions_are_those_of_most_replicas_at_each_place():
    data, network = assemble(["data=moons", "loss=bce", "n_seeds=3"])
    found = evaluate_network(
        data, network, BinaryCrossEntropy(data.task, threshold=0.5), replicas=[0, 1, 2]
    )
    left, right, bottom, top = found.decisions.edges
    n = len(found.decisions.chosen)
    for row, column in ((0, 0), (5, 40), (n - 1, 3), (n // 2, n // 2)):
        x = left + (right - left) * column / (n - 1)
        y = bottom + (top - bottom) * row / (n - 1)
        point = torch.tensor([x, y], dtype=torch.float32)
        votes = sum(int(network.replica(r)(point) >= 0) for r in range(3))
        assert found.decisions.chosen[row, column] == int(votes >= 2)
        assert found.decisions.agreement[row, column] == pytest.approx(max(votes, 3 - votes) / 3)


def test_a_lost_run_has_no_predictions():
    data, network = assemble(["data=iris"])
    assert evaluate_network(data, network, CrossEntropy(data.task), replicas=[]) is None


@pytest.mark.parametrize("split", ["[0.6,0.2,0.2]", "[1,0,0]"])
def test_each_number_is_judged_as_scikit_learn_does(split, tmp_path):
    draw = np.random.default_rng(0)
    x, noise = draw.normal(size=60), draw.normal(size=60)
    frame = pl.DataFrame({"x": x, "y": 100 * x + noise, "z": noise - 5})
    frame.write_csv(tmp_path / "t.csv")
    typed = ["data=table", f"data.path={tmp_path / 't.csv'}", "data.target=[z,y]", "loss=mse"]
    data, network = assemble([*typed, f"data.split={split}", "n_seeds=3"])
    goal = MeanSquaredError(data.task, "onehot", 0.5)
    found = evaluate_network(data, network, goal, replicas=[0, 2])
    x, y = (one[0] for one in data._parts[0 if split == "[1,0,0]" else 2])
    each = [network.replica(r)(x).detach().double().numpy() for r in (0, 2)]
    expected = [r2_score(y.double(), one, multioutput="raw_values") for one in each]
    np.testing.assert_allclose(found.r2, np.mean(expected, 0), rtol=1e-5)
    errors = [root_mean_squared_error(y.double(), one, multioutput="raw_values") for one in each]
    np.testing.assert_allclose(found.rmse, np.mean(errors, 0) * data.task.scale, rtol=1e-5)
    assert found.targets == ("z", "y")
    np.testing.assert_allclose(found.predicted, np.mean(each, 0), rtol=1e-5, atol=1e-7)
    assert evaluate_network(data, network, goal, replicas=[]) is None
