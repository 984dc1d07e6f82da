"""Warnings are silenced while any page trains, and as before afterwards."""

import warnings

import pytest

from deltaflow.live_page.silence import Silence


def test_filters_are_restored_after_the_last_training_in_any_order():
    before, silence = list(warnings.filters), Silence()
    silence.__enter__()  # the first page
    silence.__enter__()  # the second
    silence.__exit__()  # the first ends while the second trains
    warnings.warn("of the second page", stacklevel=1)
    silence.__exit__()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="later"):
        warnings.warn("later", stacklevel=1)
