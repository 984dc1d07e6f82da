import math

import pytest
from scipy import stats


def test_the_definitions_are_scipys(lesson):
    p, q = lesson.p.tolist(), lesson.q.tolist()
    assert lesson.h_p == pytest.approx(stats.entropy(p))
    assert lesson.kl == pytest.approx(stats.entropy(p, q))
    assert lesson.reverse == pytest.approx(stats.entropy(q, p))
    assert lesson.library == pytest.approx(lesson.kl)


def test_divergence_is_cross_entropy_less_entropy(lesson):
    assert lesson.kl == pytest.approx(lesson.h_pq - lesson.h_p, abs=1e-14)


def test_divergence_is_0_for_equal_distributions_only(lesson):
    assert lesson.smallest > 0
    assert lesson.nearer[0.0] == 0
    values = list(lesson.nearer.values())
    assert values == sorted(values, reverse=True)
    assert values[2] > 0
    assert lesson.kl != pytest.approx(lesson.reverse, rel=0.05)


def test_of_a_known_class_one_term_is_left(lesson):
    assert lesson.known_entropy == 0
    assert lesson.whole_sum == pytest.approx(lesson.single_term)
    assert lesson.whole_sum == pytest.approx(math.log(2))
