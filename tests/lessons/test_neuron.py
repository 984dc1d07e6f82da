import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression


def test_a_neuron_is_a_weighted_sum_bent(lesson):
    assert lesson.z == pytest.approx(0.5)
    assert lesson.y == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert lesson.same == pytest.approx(lesson.y)


def test_trained_alone_it_is_logistic_regression(lesson):
    known = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000)
    known.fit(lesson.samples.features, lesson.samples.targets)
    assert lesson.w.tolist() == pytest.approx(known.coef_[0].tolist(), abs=1e-3)
    assert lesson.b.item() == pytest.approx(known.intercept_[0], abs=1e-3)
    assert lesson.accuracy == known.score(lesson.samples.features, lesson.samples.targets)


def test_the_projects_network_goes_the_same_way(lesson):
    assert lesson.w_difference < 1e-12
