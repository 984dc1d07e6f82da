"""The effects of axes, against plain loops."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.statistics.effects import axis_effects, mean_over_cells
from deltaflow.comparison.statistics.intervals import Scale, interval
from deltaflow.records import Interval

A, B, C = Axis("a", ("x", "y")), Axis("b", (1, 2, 3)), Axis("c", ("u", "v"))


def grid(number, seeds=range(5), axes=(A, B, C)):
    """Results of a whole grid; ``number`` gives that of a seed and the values."""
    return [
        (dict(zip((axis.name for axis in axes), values, strict=True)),
         {seed: number(seed, *values) for seed in seeds})
        for values in itertools.product(*(axis.values for axis in axes))
    ]  # fmt: skip


def noise(seed, *values):
    """Different for every seed and combination, and in no order."""
    return math.sin(100 * seed + sum(7**place * ord(str(v)) for place, v in enumerate(values)))


def test_in_a_whole_grid_an_effect_is_the_mean_over_all_else_with_its_interval_over_seeds():
    found = axis_effects(A, grid(noise))
    assert (found.n_cells, found.n_all) == (6, 6)
    for effect in found.effects:
        per_seed = [
            np.mean([noise(seed, effect.value, b, c) for b in B.values for c in C.values])
            for seed in range(5)
        ]
        expected = interval(per_seed)
        assert astuple(effect.interval) == pytest.approx(astuple(expected))


def test_a_combination_without_all_values_is_left_out():
    results = grid(lambda seed, a, b, c: 100 * (b == 2) + seed + (a == "y"))
    results = [row for row in results if row[0] != {"a": "x", "b": 2, "c": "u"}]
    found = axis_effects(A, results)
    assert (found.n_cells, found.n_all, found.n_few) == (5, 6, 0)
    assert (found.lacking, found.missing) == ({"x": 1}, ())
    x, y = found.effects
    assert x.interval.mean == pytest.approx(2 + 20)  # one of five with b = 2, for both alike
    assert y.interval.mean - x.interval.mean == pytest.approx(1)


def test_seeds_that_a_value_lost_are_left_out_for_all_values():
    results = grid(lambda seed, a, b, c: 10.0 * seed + (a == "y"))
    results[0] = (results[0][0], {0: 0.0, 1: 10.0, 2: 20.0})  # x, 1, u
    found = axis_effects(A, results)
    x, y = found.effects
    assert x.interval.mean == pytest.approx((10 + 5 * 20) / 6)
    assert y.interval.mean - x.interval.mean == pytest.approx(1)
    assert x.interval.n == 5


def test_a_combination_with_one_seed_is_left_out_if_others_have_more():
    results = grid(lambda seed, a, b, c: float(seed))
    results[0] = (results[0][0], {4: 4.0})
    found = axis_effects(A, results)
    assert (found.n_cells, found.n_all) == (5, 6)
    assert found.effects[0].interval.mean == pytest.approx(2)


def test_one_seed_has_effects_without_an_interval():
    found = axis_effects(B, grid(noise, seeds=[3]))
    assert [astuple(effect.interval)[1:] for effect in found.effects] == [
        (None, None, 1, False)
    ] * 3


def test_a_value_without_results_is_left_out():
    results = [
        (values, {} if values["b"] == 3 else by_seed) for values, by_seed in grid(lambda *_: 1.0)
    ]
    found = axis_effects(B, results)
    assert [effect.value for effect in found.effects] == [1, 2]
    assert (found.n_cells, found.missing) == (4, (3,))


def test_axes_that_never_meet_have_no_effect():
    results = [({"a": "x", "b": 1}, {0: 1.0, 1: 2.0}), ({"a": "y", "b": 2}, {0: 1.0, 1: 2.0})]
    found = axis_effects(A, results)
    assert (found.effects, found.n_cells, found.n_all) == ((), 0, 2)


def test_values_whose_seeds_never_meet_have_no_effect():
    results = [({"a": "x"}, {0: 1.0, 1: 2.0}), ({"a": "y"}, {2: 1.0, 3: 2.0})]
    assert axis_effects(A, results).effects == ()


@pytest.mark.parametrize("own", [0, 1, 3])
@pytest.mark.parametrize(
    "sizes", [(16,) * 6, (8, 9, 7, 10, 6), (2, 2, 2, 2), (3, 3, 3), (16, 8, 8), (2,), (16, 3)]
)
def test_the_interval_covers_the_truth_in_95_of_100_sweeps(own, sizes):
    """Seeds have an effect of their own, shared by all cells; each cell has some of them."""
    random, n_sweeps, n_designs = np.random.default_rng(0), 500, 40
    covered = 0
    for _ in range(n_designs):
        has = np.array([random.permutation(16) < n for n in sizes]).T
        has = has[has.any(axis=1)]
        shared = own * random.normal(size=(n_sweeps, len(has), 1))
        numbers = shared + random.normal(size=(n_sweeps, *has.shape))
        mean, error, freedom = mean_over_cells(np.where(has, numbers, np.nan), has)
        covered += (np.abs(mean) <= stats.t.ppf(0.975, freedom) * error).sum()
    assert covered / (n_sweeps * n_designs) > 0.935
    if len(set(sizes)) == 1:
        assert covered / (n_sweeps * n_designs) < 0.965


def test_of_results_that_are_lost_at_random_the_interval_covers_as_many():
    random, n_sweeps, covered = np.random.default_rng(0), 400, 0
    for _ in range(n_sweeps):
        own = random.normal(size=10)
        results = []
        for values, by_seed in grid(lambda *_: 0.0, seeds=range(10), axes=(A, B)):
            kept: Mapping[int, float] = {
                seed: own[seed] + random.normal() for seed in by_seed if random.random() >= 0.3
            }
            results.append((values, kept))
        x = axis_effects(A, results).effects[0]
        covered += x.interval.low <= 0 <= x.interval.high
    low, high = stats.binom.interval(0.998, n_sweeps, 0.95)
    assert low <= covered <= high


def test_cells_of_one_seed_each_have_no_interval_though_their_seeds_differ():
    results = [({"a": a, "b": b}, {b: float(b)}) for a, b in itertools.product(A.values, B.values)]
    assert axis_effects(A, results).effects[0].interval == Interval(2, None, None, 3)


def test_of_accuracies_near_one_no_interval_passes_it():
    results = [({"a": a}, {0: 1.0, 1: 1.0, 2: 29 / 30}) for a in A.values]
    found = axis_effects(A, results, Scale(0, 1, rows=30)).effects[0].interval
    assert found == interval([1.0, 1.0, 29 / 30], scale=Scale(0, 1, rows=30))
    assert found.high <= 1


def test_a_combination_with_less_than_half_of_the_seeds_is_left_out():
    results = grid(lambda seed, a, b, c: float(seed), seeds=range(8))
    for place, n in enumerate((4, 3)):  # of x, 1, u and of x, 1, v
        results[place] = (results[place][0], {seed: float(seed) for seed in range(n)})
    found = axis_effects(A, results)
    assert (found.n_cells, found.n_all, found.n_few) == (5, 6, 1)
    assert found.lacking == {}
    assert found.effects[0].interval.mean == pytest.approx((1.5 + 4 * 3.5) / 5)
