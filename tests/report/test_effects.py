"""The effects of axes, against plain loops."""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from deltaflow.report.aggregate import interval
from deltaflow.report.configuration import Axis
from deltaflow.report.effects import axis_effects

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
        assert effect.mean == pytest.approx(expected["mean"])
        assert (effect.low, effect.high) == pytest.approx((expected["low"], expected["high"]))
        assert effect.n == 5


def test_a_combination_without_all_values_is_left_out():
    results = grid(lambda seed, a, b, c: 100 * (b == 2) + seed + (a == "y"))
    results = [row for row in results if row[0] != {"a": "x", "b": 2, "c": "u"}]
    found = axis_effects(A, results)
    assert (found.n_cells, found.n_all) == (5, 6)
    x, y = found.effects
    assert x.mean == pytest.approx(2 + 20)  # one of five with b = 2, for both alike
    assert y.mean - x.mean == pytest.approx(1)


def test_seeds_that_a_value_lost_are_left_out_for_all_values():
    results = grid(lambda seed, a, b, c: 10.0 * seed + (a == "y"))
    results[0] = (results[0][0], {0: 0.0, 1: 10.0})  # x, 1, u
    found = axis_effects(A, results)
    x, y = found.effects
    assert x.mean == pytest.approx((5 + 5 * 20) / 6)
    assert y.mean - x.mean == pytest.approx(1)
    assert x.n == 5


def test_a_combination_with_one_seed_is_left_out_if_others_have_more():
    results = grid(lambda seed, a, b, c: float(seed))
    results[0] = (results[0][0], {4: 4.0})
    found = axis_effects(A, results)
    assert (found.n_cells, found.n_all) == (5, 6)
    assert found.effects[0].mean == pytest.approx(2)


def test_one_seed_has_effects_without_an_interval():
    found = axis_effects(B, grid(noise, seeds=[3]))
    assert [(effect.low, effect.high, effect.n) for effect in found.effects] == [
        (None, None, 1)
    ] * 3


def test_a_value_without_results_is_left_out():
    results = [
        (values, {} if values["b"] == 3 else by_seed) for values, by_seed in grid(lambda *_: 1.0)
    ]
    found = axis_effects(B, results)
    assert [effect.value for effect in found.effects] == [1, 2]
    assert found.n_cells == 4


def test_axes_that_never_meet_have_no_effect():
    results = [({"a": "x", "b": 1}, {0: 1.0, 1: 2.0}), ({"a": "y", "b": 2}, {0: 1.0, 1: 2.0})]
    found = axis_effects(A, results)
    assert (found.effects, found.n_cells, found.n_all) == ((), 0, 2)


def test_values_whose_seeds_never_meet_have_no_effect():
    results = [({"a": "x"}, {0: 1.0, 1: 2.0}), ({"a": "y"}, {2: 1.0, 3: 2.0})]
    assert axis_effects(A, results).effects == ()


@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_the_interval_covers_the_truth_in_95_of_100_sweeps(lost):
    """Seeds have an effect of their own, shared by all; some results may be lost."""
    random, n_sweeps, covered = np.random.default_rng(0), 800, 0
    for _ in range(n_sweeps):
        own = random.normal(size=10)
        results = []
        for values, by_seed in grid(lambda *_: 0.0, seeds=range(10), axes=(A, B)):
            kept: Mapping[int, float] = {
                seed: own[seed] + random.normal() for seed in by_seed if random.random() >= lost
            }
            results.append((values, kept))
        x = axis_effects(A, results).effects[0]
        covered += x.low <= 0 <= x.high
    low, high = stats.binom.interval(0.998, n_sweeps, 0.95)
    if lost:  # unequal shares of the seeds make it a little too narrow
        low -= 0.02 * n_sweeps
    assert low <= covered <= high
