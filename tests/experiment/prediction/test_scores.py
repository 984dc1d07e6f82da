"""Scores of an ensemble against scikit-learn, and pairs counted one by one."""

from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

from deltaflow.data import Column, Kind, Preprocessing
from deltaflow.experiment.prediction.ensemble import Ensemble
from deltaflow.experiment.prediction.scores import ensemble_scores
from deltaflow.nn.head import Head
from deltaflow.nn.network import FullyConnected

N, R = 40, 4


def ensemble(head, **outputs):
    columns = (Column("x", Kind.NUMBER, 1),)
    kept = {"classes": [], "targets": [], "target_center": [], "target_scale": []} | outputs
    preprocessing = Preprocessing(columns, [0.0], [1.0], None, **kept)
    network = FullyConnected([1, 3], torch.nn.ReLU(), n_replicas=R).eval()
    return Ensemble(network, [preprocessing], head, range(R))


def test_scores_of_classes():
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.ones(3), (R, N))
    wanted = draw.integers(0, 3, N)
    found = ensemble_scores(
        ensemble(Head(3, "softmax", None), classes=["a", "b", "c"]),
        torch.from_numpy(probabilities),
        wanted,
    )
    scores = {score.name: score for score in found}
    mean, chosen = probabilities.mean(0), probabilities.argmax(-1)
    assert scores["accuracy"].ensemble == accuracy_score(wanted, mean.argmax(-1))
    assert scores["accuracy"].single == pytest.approx((chosen == wanted).mean())
    assert scores["log_loss"].ensemble == pytest.approx(log_loss(wanted, mean))
    losses = [log_loss(wanted, one) for one in probabilities]
    assert scores["log_loss"].single == pytest.approx(np.mean(losses))
    pairs = [(chosen[a] != chosen[b]).mean() for a, b in combinations(range(R), 2)]
    assert scores["disagreement"].ensemble == pytest.approx(np.mean(pairs))
    confidence, hits = mean.max(-1), mean.argmax(-1) == wanted
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs((hits - confidence)[bins == k].sum()) for k in range(15)]
    assert scores["calibration_error"].ensemble == pytest.approx(sum(gaps) / N, abs=1e-6)


def test_scores_of_numbers():
    draw = np.random.default_rng(1)
    values, wanted = draw.normal(size=(R, N, 1)), draw.normal(size=(N, 1))
    moments = {"target_center": [0.0], "target_scale": [1.0]}
    head = Head(0, None, None)
    found = ensemble_scores(
        ensemble(head, targets=["y"], **moments), torch.from_numpy(values), wanted
    )
    rmse, within = found
    errors = [np.sqrt(((one - wanted) ** 2).mean()) for one in (values.mean(0), *values)]
    assert (rmse.ensemble, rmse.single) == pytest.approx((errors[0], np.mean(errors[1:])))
    half = 2 * values.std(0, ddof=1)
    assert within.ensemble == pytest.approx((abs(wanted - values.mean(0)) <= half).mean())


def test_several_numbers_have_an_error_each():
    draw = np.random.default_rng(1)
    values, wanted = draw.normal(size=(R, N, 2)), draw.normal(size=(N, 2))
    moments = {"target_center": [0.0] * 2, "target_scale": [1.0] * 2}
    made = ensemble(Head(0, None, None), targets=["y", "z"], **moments)
    *errors, within = ensemble_scores(made, torch.from_numpy(values), wanted)
    assert [score.name for score in errors] == ["rmse of y", "rmse of z"]
    for k, score in enumerate(errors):
        assert score.ensemble == pytest.approx(
            root_mean_squared_error(wanted[:, k], values.mean(0)[:, k])
        )
        alone = [root_mean_squared_error(wanted[:, k], one[:, k]) for one in values]
        assert score.single == pytest.approx(np.mean(alone))
    assert 0 < within.ensemble < 1
