import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltaflow.flow.profiles import decay_rate, vanishing_index

fixed = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 1000)


def profiles(*shape, seed):
    return np.exp(np.random.default_rng(seed).standard_normal(shape))


@given(seed=seeds, depth=st.integers(2, 9))
@fixed
def test_the_decay_rate_is_the_regression_of_numpy(seed, depth):
    profile = profiles(2, depth, seed=seed)
    distance = np.arange(depth, 0, -1)
    for r in range(2):
        slope, _ = np.polyfit(distance, np.log(profile[r]), deg=1)
        assert decay_rate(profile)[r] == pytest.approx(math.exp(slope))


@given(rate=st.floats(0.01, 3), start=st.floats(1e-6, 1e3), depth=st.integers(2, 30))
@fixed
def test_a_geometric_profile_gives_its_own_rate_and_decades(rate, start, depth):
    distance = np.arange(depth, 0, -1)  # from the output, first layer far
    profile = start * rate**distance
    assert decay_rate(profile) == pytest.approx(rate, rel=1e-9)
    decades = -(depth - 1) * math.log10(rate)  # positive when gradients vanish
    assert vanishing_index(profile) == pytest.approx(decades, abs=1e-9)


@given(seed=seeds, depth=st.integers(1, 9), factor=st.sampled_from([1e-12, 0.5, 1e9]))
@fixed
def test_the_unit_of_the_loss_changes_neither_index_nor_rate(seed, depth, factor):
    profile = profiles(3, depth, seed=seed)
    for number in (vanishing_index, decay_rate):
        np.testing.assert_allclose(number(factor * profile), number(profile), atol=1e-9)


def test_norms_near_the_end_of_the_number_range_keep_their_ratio():
    assert vanishing_index(np.array([1e-300, 1e300])) == pytest.approx(600)


def test_the_index_of_a_shallow_network():
    assert np.isnan(vanishing_index(np.ones((3, 0)))).all()
    assert vanishing_index(np.full((3, 1), 0.2)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("depth", [0, 1])
def test_one_hidden_layer_has_no_rate(depth):
    found = decay_rate(np.ones((3, depth)))
    assert found.shape == (3,)
    assert np.isnan(found).all()


@pytest.mark.parametrize("poison", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("number", [vanishing_index, decay_rate])
def test_norms_that_have_no_logarithm_give_nan(number, layer, poison):
    profile = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    profile[1, layer] = poison
    assert np.isnan(number(profile)).tolist() == [False, True]


@pytest.mark.parametrize("number", [vanishing_index, decay_rate])
def test_a_number_belongs_to_its_own_profile(number):
    stacked = profiles(4, 5, seed=0)
    np.testing.assert_allclose(number(stacked), [number(profile) for profile in stacked])
