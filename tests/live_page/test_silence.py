"""Warnings are silenced in the threads of pages that train, and nowhere else."""

import threading
import warnings
from contextlib import contextmanager

import pytest

from deltaflow.live_page.silence import Silence


@contextmanager
def another_page(silence):
    """A page that trains in a thread of its own meanwhile; it warns at its end."""
    inside, done, said = threading.Event(), threading.Event(), []

    def train():
        with silence:
            inside.set()
            done.wait()
            try:
                warnings.warn("of the page", stacklevel=1)
            except UserWarning as warning:  # the tests' filters make errors of warnings
                said.append(warning)

    thread = threading.Thread(target=train)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not said


def test_only_pages_that_train_are_silent():
    before, silence = list(warnings.filters), Silence()
    with another_page(silence):
        with pytest.raises(UserWarning, match="elsewhere"):
            warnings.warn("elsewhere", stacklevel=1)
        with another_page(silence):
            pass
    assert warnings.filters == before
    with silence:
        warnings.warn("of this page", stacklevel=1)
    with pytest.raises(UserWarning, match="later"):
        warnings.warn("later", stacklevel=1)


def test_filters_that_are_changed_meanwhile_stay_changed():
    silence = Silence()
    with warnings.catch_warnings():
        with another_page(silence):
            warnings.filterwarnings("ignore", message="mine")
        warnings.warn("mine", stacklevel=1)
    with another_page(silence), warnings.catch_warnings():
        pass
    with pytest.raises(UserWarning, match="mine"):
        warnings.warn("mine", stacklevel=1)
