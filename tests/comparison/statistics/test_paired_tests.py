"""Differences between configurations, against scipy's test, Holm's definition and a null."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from deltaflow.comparison.statistics.intervals import Scale
from deltaflow.comparison.statistics.paired_tests import compare, difference, holm

P = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30)


def by_seed(values, first=0):
    return dict(enumerate(values, start=first))


@pytest.mark.parametrize("n", [2, 3, 16])
def test_a_difference_is_scipys_paired_t_test(n):
    random = np.random.default_rng(n)
    own, other = random.normal(0.9, 0.05, n), random.normal(0.85, 0.03, n)
    found = difference(by_seed(own), by_seed(other))
    expected = stats.ttest_rel(own, other)
    bounds = expected.confidence_interval(0.95)
    assert found.mean == pytest.approx((own - other).mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert found.n == n


def test_pairs_are_made_by_seed_and_the_others_left_out():
    own = {3: 0.9, 1: 0.7, 2: 0.8, 9: 0.0}
    other = {7: 1.0, 1: 0.5, 2: 0.7, 3: 0.6}
    found = difference(own, other)
    expected = stats.ttest_rel([0.7, 0.8, 0.9], [0.5, 0.7, 0.6])
    assert (found.n, found.p) == (3, pytest.approx(expected.pvalue))


def test_pairing_sees_what_two_samples_hide():
    seeds = np.random.default_rng(0).normal(0, 1, 12)
    gain = 0.1 + 0.01 * np.cos(np.arange(12))
    paired = difference(by_seed(seeds + gain), by_seed(seeds))
    assert stats.ttest_ind(seeds + gain, seeds).pvalue > 0.5
    assert paired.p < 1e-9


def test_one_common_seed_has_a_difference_and_no_test():
    found = difference({0: 0.9, 1: 0.8}, {1: 0.7, 2: 0.6})
    assert (found.mean, found.n) == (pytest.approx(0.1), 1)
    assert (found.low, found.high, found.p, found.p_holm) == (None, None, None, None)


def test_equal_results_are_no_difference():
    found = difference(by_seed([0.9, 0.8, 0.7]), by_seed([0.9, 0.8, 0.7]))
    assert (found.mean, found.p) == (0.0, 1.0)
    assert found.low < 0 < found.high
    nothing = difference(by_seed([0.0, 0.0]), by_seed([0.0, 0.0]))
    assert (nothing.mean, nothing.p, nothing.low, nothing.high) == (0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_differences_that_hardly_vary_have_the_p_of_those_that_do_not(n):
    """A rounding error must not make a certainty of what all seeds alike leave open."""
    scale = Scale(0, 1, rows=30)
    own = np.full(n, 24 / 30)
    same = difference(by_seed(own), by_seed(own - 1 / 30), scale)
    nearly = difference(by_seed(own + 1e-6 * np.arange(n)), by_seed(own - 1 / 30), scale)
    assert nearly.p == pytest.approx(same.p, rel=1e-3)
    t = math.sqrt(6 * n)  # of one row: 1/30 over 1/(√6 · 30 · √n)
    assert same.p == pytest.approx(2 * stats.t.sf(t, n - 1))


def test_a_row_more_in_one_seed_changes_p_by_little():
    """From seeds all alike to one that differs by a row there is no jump of orders of magnitude."""
    scale, other = Scale(0, 1, rows=30), by_seed([20 / 30] * 3)
    p = [
        difference(by_seed([hits / 30, 23 / 30, 23 / 30]), other, scale).p for hits in (22, 23, 24)
    ]
    assert max(p) / min(p) < 10
    assert min(p) > 1e-3


@pytest.mark.parametrize(("n_rows", "share"), [(30, 0.97), (30, 0.8), (100, 0.99), (1000, 0.999)])
@pytest.mark.parametrize("n", [3, 8])
def test_of_equal_accuracies_few_differ(n, n_rows, share):
    """Under the null, p is below 0.05 for 5 % of pairs at most (and 3 standard errors more)."""
    random, n_trials = np.random.default_rng(0), 2000
    hits = random.binomial(n_rows, share, (n_trials, 2, n)) / n_rows
    scale = Scale(0, 1, rows=n_rows)
    alarms = sum(difference(by_seed(a), by_seed(b), scale).p < 0.05 for a, b in hits)
    assert alarms / n_trials < 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_trials)


def by_definition(p):
    """Holm (1979): reject in order while p ≤ α / (how many are left), read as a p-value.

    The corrected p-value is the smallest level at which it is rejected; levels at which
    anything changes are among the products.
    """

    def rejected(level):
        order = sorted(range(len(p)), key=lambda place: p[place])
        kept = itertools.takewhile(
            lambda item: p[item[1]] * (len(p) - item[0]) <= level, enumerate(order)
        )
        return {place for _, place in kept}

    levels = sorted({value * n for value in p for n in range(1, len(p) + 1)})
    return [
        min(1.0, next(level for level in levels if place in rejected(level)))
        for place in range(len(p))
    ]


@settings(derandomize=True, deadline=None)
@given(P)
def test_holm_is_as_defined(p):
    assert holm(p) == pytest.approx(by_definition(p))


@settings(derandomize=True, deadline=None)
@given(P, st.data())
def test_some_of_many_tests_are_corrected_as_strictly_as_in_the_company_of_all(p, data):
    shown = data.draw(st.lists(st.sampled_from(range(len(p))), min_size=1, unique=True))
    whole = holm(p)
    for value, place in zip(holm([p[place] for place in shown], len(p)), shown, strict=True):
        assert value >= whole[place] * (1 - 1e-12)


def test_a_named_baseline_is_compared_with_each_of_the_others():
    random = np.random.default_rng(1)
    values = {name: by_seed(random.normal(0.8, 0.1, 6)) for name in "abcd"}
    found = compare(values, "b", picked=False)
    assert list(found) == ["a", "c", "d"]
    p = [stats.ttest_rel(*(list(values[n].values()) for n in (name, "b"))).pvalue for name in "acd"]
    assert [found[name].p for name in "acd"] == pytest.approx(p)
    assert [found[name].p_holm for name in "acd"] == pytest.approx(by_definition(p))


def test_the_best_as_picked_has_been_compared_with_all_pairs():
    random = np.random.default_rng(2)
    values = {
        name: by_seed(random.normal(mean, 0.1, 6))
        for name, mean in zip("abcd", (0, 1, 2, 3), strict=True)
    }
    found = compare(values, "d", picked=True)
    ordered = sorted(found.values(), key=lambda one: one.p)
    expected = np.maximum.accumulate([one.p * (6 - rank) for rank, one in enumerate(ordered)])
    assert [one.p_holm for one in ordered] == pytest.approx(np.minimum(1, expected))


def test_configurations_without_a_common_seed_are_not_compared():
    values = {
        "a": {0: 0.9, 1: 0.8},
        "b": {0: 0.5, 1: 0.6},
        "c": {7: 0.1, 8: 0.2},
        "d": {},
        "e": {0: 1.0},
    }
    found = compare(values, "a", picked=False)
    assert list(found) == ["b", "e"]
    assert found["b"].p_holm == found["b"].p  # the only test
    assert found["e"].p_holm is None


@pytest.mark.parametrize("picked", [True, False])
def test_among_equals_hardly_anything_is_found(picked):
    """Under the null, any false alarm in at most 5 % of sweeps (and 3 standard errors more)."""
    random = np.random.default_rng(3)
    n_sweeps, k, n = 600, 10, 8
    alarms = 0
    for _ in range(n_sweeps):
        seeds = random.normal(size=n)  # easy and hard seeds, alike for all
        values = {name: by_seed(seeds + random.normal(size=n)) for name in range(k)}
        means = {name: np.mean(list(own.values())) for name, own in values.items()}
        baseline = max(means, key=means.get) if picked else 0
        found = compare(values, baseline, picked).values()
        alarms += any(one.p_holm < 0.05 for one in found)
    assert alarms / n_sweeps < 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_sweeps)
    assert alarms > 0
