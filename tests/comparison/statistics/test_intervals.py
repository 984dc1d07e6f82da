"""Intervals, against scipy's and by simulation: what is said to be 95 % covers 95 %."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from deltaflow.comparison.statistics.intervals import FACTOR, Scale, bounds, interval, scale_of
from deltaflow.records import Interval


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40).filter(lambda v: np.std(v) > 1e-6))
def test_the_interval_is_students(values):
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
    )
    found = interval(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.n == len(values)


def test_one_seed_has_no_interval():
    assert interval([0.7]) == Interval(0.7, None, None, 1)


def test_what_is_missing_or_not_finite_is_left_out():
    assert interval([1.0, None, math.nan, math.inf, 3.0]).n == 2
    assert interval([None, math.nan]) == Interval(None, None, None, 0)


def test_the_size_of_values_does_not_matter():
    small, huge = interval([1.0, 2.0, 4.0]), interval([1e200, 2e200, 4e200])
    assert huge.mean == pytest.approx(1e200 * small.mean)
    assert huge.high == pytest.approx(1e200 * small.high)


def test_of_factors_the_logarithms_are_averaged():
    """One seed in a million does not pull the mean: ×1e-6 and ×1 make ×1e-3 per layer."""
    values = [1e-6, 1.0, 1e-3, 1e-4]
    found, plain = interval(values, scale=FACTOR), interval(map(math.log, values))
    assert found.mean == pytest.approx(stats.gmean(values))
    assert (found.low, found.high) == pytest.approx((math.exp(plain.low), math.exp(plain.high)))
    assert interval([*values, 0.0, None, math.nan], scale=FACTOR) == found  # 0 has no logarithm
    assert interval([1e-300, 1e300], scale=FACTOR).high < math.inf
    for name in ("decay_rate_start", "loss_gain_end"):
        assert scale_of(name) == FACTOR


def test_an_interval_has_the_level_that_it_is_asked_for():
    values = [0.1, 0.4, 0.2, 0.9]
    for level in (0.5, 0.95, 0.999):
        expected = stats.t.interval(level, 3, np.mean(values), stats.sem(values))
        found = interval(values, level)
        assert (found.low, found.high) == pytest.approx(expected)
    assert interval(values) == interval(values, 0.95)


def test_seeds_that_are_all_alike_are_said_to_be():
    assert interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.5, 0.5, 3, alike=True)
    assert interval([float(np.float32(0.1)), 0.1]).alike
    assert not interval([0.5, 0.5, 0.5001]).alike
    assert not interval([0.5]).alike


@pytest.mark.parametrize(("n_seeds", "n_rows"), [(3, 30), (16, 1000)])
def test_of_seeds_without_an_error_the_interval_is_clopper_and_pearsons(n_seeds, n_rows):
    expected = stats.binomtest(n_seeds * n_rows, n_seeds * n_rows).proportion_ci(0.95, "exact")
    found = interval([1.0] * n_seeds, scale=Scale(0, 1, n_rows))
    assert (found.low, found.high) == (pytest.approx(expected.low), 1)
    assert found.alike


def test_of_shares_the_interval_is_korn_and_graubards():
    """As they define it: Clopper and Pearson's, of an effective number of rows."""
    values, n_rows = np.array([0.8, 0.95, 0.85, 0.9]), 100
    n, share = len(values) * n_rows, values.mean()
    effective = share * (1 - share) / (values.var(ddof=1) / len(values))
    effective = min(n, effective * (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, 3)) ** 2)
    hits = effective * share
    found = interval(values, scale=Scale(0, 1, n_rows))
    assert found.low == pytest.approx(stats.beta.ppf(0.025, hits, effective - hits + 1))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, hits + 1, effective - hits))


def _seeds(model, share, n_seeds, n_rows, random, n=3000):
    """Accuracies of seeds, and what they are the mean of: ``[n, n_seeds]``."""
    if model == "rows":  # most are right for every seed, a few are as a coin falls
        unsure = max(1, round(2 * n_rows * (1 - share)))
        hits = n_rows - unsure + random.binomial(unsure, 0.5, (n, n_seeds))
        return hits / n_rows, 1 - unsure / 2 / n_rows
    if model == "seeds":  # which differ as much from each other as rows do
        a_b = n_rows - 1
        share_of_seed = random.beta(share * a_b, (1 - share) * a_b, (n, n_seeds))
        return random.binomial(n_rows, share_of_seed) / n_rows, share
    return random.binomial(n_rows, share, (n, n_seeds)) / n_rows, share


@pytest.mark.parametrize("model", ["binomial", "rows", "seeds"])
@pytest.mark.parametrize("n_rows", [30, 100, 1000])
@pytest.mark.parametrize("n_seeds", [3, 5, 8, 16])
def test_intervals_of_accuracies_cover_what_they_say(model, n_seeds, n_rows):
    random = np.random.default_rng(0)
    for share in (0.6, 0.9, 0.97, 0.99, 0.999):
        values, truth = _seeds(model, share, n_seeds, n_rows, random)
        error = values.std(axis=1, ddof=1) / math.sqrt(n_seeds)
        low, high = bounds(values.mean(axis=1), error, n_seeds - 1, Scale(0, 1, n_rows), n_seeds)
        assert low.min() >= 0
        assert high.max() <= 1
        covered = np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high))
        assert covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(values)), share


def test_students_interval_would_not_cover_accuracies_near_one():
    values, truth = _seeds("binomial", 0.99, 3, 30, np.random.default_rng(0))
    low, high = bounds(values.mean(1), values.std(1, ddof=1) / math.sqrt(3), 2)
    assert np.mean((low <= truth) & (truth <= high)) < 0.7
    assert high.max() > 1


@pytest.mark.parametrize(
    ("name", "values", "low", "high"),
    [("macro_f1", [0.99, 1.0, 0.9], 0, 1), ("r2", [0.9, 1.0], -math.inf, 1),
     ("rmse", [0.0, 1.0], 0, math.inf), ("loss", [0.0, 1.0], -math.inf, math.inf)],
)  # fmt: skip
def test_intervals_keep_within_what_a_metric_can_be(name, values, low, high):
    found = interval(values, scale=scale_of(name))
    assert low <= found.low < found.mean < found.high <= high
    assert (found.low == low, found.high == high) != (False, False) or name == "loss"
