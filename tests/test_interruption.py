import os
import signal
import sys
import time

import pytest

from deltaflow.interruption import (
    ASKING,
    held_back,
    raise_asking,
    raised_again,
    raised_once,
    was_asked,
)


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in ASKING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    raise_asking()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ASKING)
def test_a_signal_is_raised_once(number):
    with raised_once():
        assert not was_asked()
        with pytest.raises(KeyboardInterrupt):
            send(number)
        assert was_asked()
        send(*ASKING, *ASKING)  # a storm
    with pytest.raises(KeyboardInterrupt):  # as it was before
        send(number)
    assert not was_asked()


def test_a_block_within_another_is_the_same():
    with raised_once():
        with pytest.raises(KeyboardInterrupt), raised_once():
            send(signal.SIGTERM)
        send(signal.SIGINT)


def test_a_signal_waits_until_what_must_not_be_interrupted_is_done():
    done = []

    def write():
        with held_back(), held_back():
            send(signal.SIGTERM, signal.SIGINT)
            done.append("first")
        done.append("never")

    with raised_once():
        with pytest.raises(KeyboardInterrupt):
            write()
        with held_back():
            send(signal.SIGTERM)
    assert done == ["first"]


def test_a_failure_within_is_not_lost_for_a_signal():
    def fail():
        with held_back():
            send(signal.SIGTERM)
            raise OSError("disk")

    with raised_once(), pytest.raises(KeyboardInterrupt) as caught:
        fail()
    assert isinstance(caught.value.__context__, OSError)


def test_a_second_signal_counts_where_it_is_allowed_to():
    with raised_once():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), raised_again():
            send(signal.SIGINT)
        send(signal.SIGINT)


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_asking()
    with raised_once():
        send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_signal_that_somebody_caught_is_raised_again_seconds_later(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with raised_once():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        now[0] += 1
        send(signal.SIGINT)
        now[0] += 2
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_signal_at_the_very_end_of_the_block_is_not_lost(monkeypatch):
    handler_of = signal.getsignal

    def interrupted(number):
        send(signal.SIGTERM)
        return handler_of(number)

    def block():
        with raised_once():
            monkeypatch.setattr("signal.getsignal", interrupted)

    with pytest.raises(KeyboardInterrupt):
        block()
    monkeypatch.undo()
    assert {signal.getsignal(number) for number in ASKING} == {signal.default_int_handler}
    with raised_once():  # none of another block
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler


class Interrupted:
    """Is interrupted where Python ignores what is raised."""

    def __del__(self):
        send(signal.SIGTERM)
        sum(range(1000))


def test_a_signal_that_python_ignores_is_raised_a_moment_later(capfd):
    def wait():
        Interrupted()
        time.sleep(60)  # which the signal cuts short

    before = sys.unraisablehook
    with raised_once(), pytest.raises(KeyboardInterrupt):
        wait()
    assert sys.unraisablehook is before
    assert capfd.readouterr().err == ""
