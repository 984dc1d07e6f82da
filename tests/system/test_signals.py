import os
import signal
import sys
import threading
import time

import pytest

from deltaflow.system import signals
from deltaflow.system.signals import (
    STOP_SIGNALS,
    another_interrupt,
    interrupt_requested,
    interrupts_deferred,
    raise_on_stop_signals,
    single_interrupt,
)


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    raise_on_stop_signals()
    yield
    signals._HANDLER.set(None)
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_is_raised_once(number):
    with single_interrupt():
        assert not interrupt_requested()
        with pytest.raises(KeyboardInterrupt):
            send(number)
        assert interrupt_requested()
        send(*STOP_SIGNALS, *STOP_SIGNALS)  # a storm
    with pytest.raises(KeyboardInterrupt):  # as it was before
        send(number)
    assert not interrupt_requested()


def test_a_block_within_another_is_the_same():
    with single_interrupt():
        with pytest.raises(KeyboardInterrupt), single_interrupt():
            send(signal.SIGTERM)
        send(signal.SIGINT)


def test_a_signal_waits_until_what_must_not_be_interrupted_is_done():
    done = []

    def write():
        with interrupts_deferred(), interrupts_deferred():
            send(signal.SIGTERM, signal.SIGINT)
            done.append("first")
        done.append("never")

    with single_interrupt():
        with pytest.raises(KeyboardInterrupt):
            write()
        with interrupts_deferred():
            send(signal.SIGTERM)
    assert done == ["first"]


def test_a_failure_within_is_not_lost_for_a_signal():
    def fail():
        with interrupts_deferred():
            send(signal.SIGTERM)
            raise OSError("disk")

    with single_interrupt(), pytest.raises(KeyboardInterrupt) as caught:
        fail()
    assert isinstance(caught.value.__context__, OSError)


def test_a_second_signal_counts_where_it_is_allowed_to():
    with single_interrupt():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), another_interrupt():
            send(signal.SIGINT)
        send(signal.SIGINT)


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_on_stop_signals()
    with single_interrupt():
        send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_signal_that_somebody_caught_is_raised_again_seconds_later(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with single_interrupt():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        now[0] += 1
        send(signal.SIGINT)
        now[0] += 2
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


LINES = range(40)  # more than a block's beginning and end have


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("own", [True, False], ids=["command", "notebook"])
def test_a_signal_at_any_line_of_a_block_s_beginning_and_end_is_raised(line, own):
    """Also where another thread takes it, as PyTorch's and Polars' do: Python handles it here."""
    if not own:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    left = [line]

    def trace(frame, event, _):
        if frame.f_code.co_filename != signals.__file__:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == -1:
                send(signal.SIGINT)
        return trace

    def block():
        sys.settrace(trace)
        try:
            with single_interrupt():
                pass
        finally:
            sys.settrace(None)

    try:
        block()
    except KeyboardInterrupt:
        assert left[0] < 0
    else:
        assert left[0] >= 0, "the signal is lost"
    test_a_signal_is_raised_once(signal.SIGINT)  # nothing of that block is left


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
    with single_interrupt(), pytest.raises(KeyboardInterrupt):
        wait()
    assert sys.unraisablehook is before
    assert capfd.readouterr().err == ""


def test_a_signal_is_not_raised_again_while_python_still_ignores_the_first(monkeypatch, capfd):
    """On a busy machine the moment may be over before the thread that waits has been started."""
    start, began = threading.Timer.start, []

    def start_late(timer):
        began.append(timer)
        if len(began) == 1:
            timer.function()  # the moment is over
        else:
            start(timer)

    monkeypatch.setattr(threading.Timer, "start", start_late)
    test_a_signal_that_python_ignores_is_raised_a_moment_later(capfd)


def test_other_ignored_errors_go_where_they_went(monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)

    class Broken:
        def __del__(self):
            raise LookupError

    with single_interrupt():
        Broken()
    assert [error.exc_type for error in heard] == [LookupError]


def test_of_two_at_once_the_second_is_not_kept_for_later(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with single_interrupt():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        with interrupts_deferred():  # what is written takes its time
            send(signal.SIGTERM)
            now[0] += 10
