"""Signals that ask a process to stop: raised once, and deferred while the end is recorded.

Ctrl-C, SIGTERM and SIGHUP often come several times: from a batch system, a closing terminal or an
impatient user. The first raises ``KeyboardInterrupt``; those that follow at once must not interrupt
the clean-up. A signal that comes seconds later is raised too, because the first may have had no
effect, and so is one within :func:`another_interrupt`.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

_MOMENT = 0.02  # seconds
_PATIENCE = 2.0  # seconds after which another signal is raised: the first may have been caught
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Signals that ask to stop: from the user, from a batch system, and from a closed terminal."""


class _Handler:
    """Raises ``KeyboardInterrupt`` for the first signal, unless interrupts are deferred."""

    def __init__(self) -> None:
        self.hook = sys.unraisablehook
        self.has_raised = False
        self.is_in_hook = False
        self.n_deferrals = 0
        self.raised = int(signal.SIGINT)
        self.raised_at = 0.0
        self.deferred: int | None = None

    def __call__(self, number: int) -> None:
        if self.has_raised and time.monotonic() - self.raised_at <= _PATIENCE:
            return
        if self.n_deferrals:
            self.deferred = number
        else:
            self.has_raised, self.raised, self.raised_at = True, number, time.monotonic()
            raise KeyboardInterrupt

    def release(self) -> None:
        """End one deferral; the last one raises the signal that came meanwhile."""
        self.n_deferrals -= 1
        if self.deferred is not None and not self.n_deferrals:
            number, self.deferred = self.deferred, None
            self(number)

    def send_again(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Raise an interrupt again that Python ignored because it came in a destructor."""
        if isinstance(ignored.exc_value, KeyboardInterrupt):
            self.is_in_hook = True
            threading.Timer(_MOMENT, self._raise_again).start()
            self.is_in_hook = False
        else:
            self.hook(ignored)

    def _raise_again(self) -> None:
        if self.is_in_hook:  # here it would be ignored again
            threading.Timer(_MOMENT, self._raise_again).start()
            return
        self.has_raised = False
        _send_to_main_thread(self.raised)


def _send_to_main_thread(number: int) -> None:
    """Send a signal to the main thread, so that it interrupts a system call there."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(signal.Signals(number))


_HANDLER: ContextVar[_Handler | None] = ContextVar("_HANDLER", default=None)


def raise_on_stop_signals() -> None:
    """Let every stop signal raise ``KeyboardInterrupt``, as SIGINT does.

    A signal that is ignored, as under ``nohup``, stays ignored.
    """
    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``, or call the handler of :func:`single_interrupt`.

    This function stays installed when such a block ends, so that no signal finds the handlers half
    exchanged. Blocking signals meanwhile would not help: another thread would receive them, and
    Python would still handle them here.
    """
    handler = _HANDLER.get()
    if handler is None:
        raise KeyboardInterrupt
    handler(number)


def terminate_on_signals() -> None:
    """Let stop signals kill the process at once, without a traceback; its work is done."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def single_interrupt() -> Iterator[None]:
    """Let only the first of several stop signals raise ``KeyboardInterrupt`` in the block.

    Inside another such block it does nothing, nor outside the main thread, which gets no signals.
    """
    if _HANDLER.get() or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    borrowed = [n for n in STOP_SIGNALS if signal.getsignal(n) is signal.default_int_handler]
    try:
        try:
            _HANDLER.set(handler)
            sys.unraisablehook = handler.send_again
            for number in borrowed:
                signal.signal(number, _raise)
            yield
        finally:
            handler.n_deferrals += 1  # a signal now would skip what follows
    finally:
        sys.unraisablehook = handler.hook
        _HANDLER.set(None)
        for number in borrowed:  # last: if a signal prevents it, no harm is done
            if signal.getsignal(number) is _raise:
                signal.signal(number, signal.default_int_handler)
        if handler.deferred is not None and not handler.has_raised:
            raise KeyboardInterrupt


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer interrupts in the block: a signal that comes meanwhile is raised at its end."""
    handler = _HANDLER.get()
    if handler is None:
        yield
        return
    handler.n_deferrals += 1
    try:
        yield
    finally:
        handler.release()


@contextmanager
def another_interrupt() -> Iterator[None]:
    """Let one more signal raise in the block, although one has been raised before."""
    handler = _HANDLER.get()
    if handler is None:
        yield
        return
    handler.has_raised = False
    try:
        yield
    finally:
        handler.has_raised = True


def interrupt_requested() -> bool:
    """Whether a signal has been raised in the current block of :func:`single_interrupt`."""
    handler = _HANDLER.get()
    return handler is not None and handler.has_raised
