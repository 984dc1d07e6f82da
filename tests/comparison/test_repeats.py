"""How sure a mean over seeds and folds is: against Nadeau and Bengio, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from deltaflow.comparison.statistics.intervals import FACTOR, interval
from deltaflow.comparison.statistics.paired_tests import difference
from deltaflow.comparison.statistics.repeats import Repeats, mean_error

N = 20_000
RATIO = 0.25


def test_of_folds_it_is_nadeaus_and_bengios():
    values = [0.7, 0.9, 0.8, 0.85, 0.75]
    found = interval(dict(enumerate(values)), repeated=Repeats(5, RATIO))
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + RATIO) * np.var(values, ddof=1))
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half))


def test_of_seeds_it_is_students():
    values = [0.7, 0.9, 0.8, 0.85]
    assert interval(values, repeated=Repeats(1, RATIO)) == interval(values)


def test_of_factors_it_is_of_their_logarithms():
    factors = {3: 1e-9, 4: 0.01, 5: 0.3, 6: 2.0, 7: 5.0, 8: 1e3}
    repeated = Repeats(3, RATIO)
    found = interval(factors, scale=FACTOR, repeated=repeated)
    logs = interval({key: np.log10(one) for key, one in factors.items()}, repeated=repeated)
    assert np.log10([found.mean, found.low, found.high]) == pytest.approx(
        [logs.mean, logs.low, logs.high]
    )
    assert found.high > interval(factors, scale=FACTOR).high


def test_a_difference_pairs_seeds_and_folds():
    own, other = {5: 0.9, 6: 0.7, 7: 0.8}, {5: 0.6, 6: 0.5, 7: 0.7}
    found = difference(own, other, repeated=Repeats(5, RATIO))
    t = 0.2 / np.sqrt((1 / 3 + RATIO) * 0.01)
    assert found.p == pytest.approx(2 * stats.t.sf(t, 2))


def coverage(tables, ratio):
    error, freedom = mean_error(tables, ratio)
    return np.mean(np.abs(tables.mean((-2, -1))) <= stats.t.ppf(0.975, freedom) * error)


def tables(n_seeds, n_folds, of_folds, of_seeds, noise, draw):
    """Values around 0; those of two folds are correlated as Nadeau and Bengio take them to be."""
    share = RATIO / (1 + RATIO)
    common = np.sqrt(share) * draw.standard_normal((N, 1, 1))
    folds = common + np.sqrt(1 - share) * draw.standard_normal((N, 1, n_folds))
    seeds = draw.standard_normal((N, n_seeds, 1))
    rest = draw.standard_normal((N, n_seeds, n_folds))
    return of_folds * folds + of_seeds * seeds + noise * rest


@pytest.mark.parametrize(
    ("n_seeds", "n_folds", "of_folds", "of_seeds", "noise"),
    [(1, 5, 1, 0, 0), (1, 10, 1, 0, 0), (5, 1, 0, 1, 0), (5, 5, 1, 0, 0), (4, 5, 0, 1, 0),
     (5, 5, 1, 1, 1), (8, 5, 1, 1, 1), (3, 5, 1, 0, 1)],
)  # fmt: skip
def test_its_interval_covers_95_percent(n_seeds, n_folds, of_folds, of_seeds, noise):
    draw = np.random.default_rng(n_seeds)
    made = tables(n_seeds, n_folds, of_folds, of_seeds, noise, draw)
    assert 0.93 <= coverage(made, RATIO) <= 0.97


def test_of_random_splits_of_real_rows_it_covers_95_percent():
    """The mean of the test rows, by random splits of drawn samples: nothing is assumed of folds."""
    draw, n_rows, n_test = np.random.default_rng(0), 50, 10
    samples = draw.standard_normal((4000, n_rows))
    splits = [draw.permutation(n_rows)[:n_test] for _ in range(8)]
    found = np.stack([samples[:, rows].mean(1) for rows in splits], -1)[:, None]
    assert 0.93 <= coverage(found, n_test / (n_rows - n_test)) <= 0.97


def test_values_that_are_missing_are_left_out():
    table = np.array([[1.0, 2.0, np.nan], [2.0, 3.0, 4.0]])
    error, freedom = mean_error(table, RATIO)
    assert np.isfinite(error)
    assert freedom > 0
