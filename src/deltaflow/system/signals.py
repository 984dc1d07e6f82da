"""Signals that ask a process to stop: raised once, and held back while an ending is written.

Ctrl-C, SIGTERM and SIGHUP often come in twos and more: from a batch system, a closing terminal,
an impatient person. The first is a ``KeyboardInterrupt``; those that follow at once must not
interrupt what is done because of it. One that comes seconds later is raised too, for the first may
have had no effect, and one within :func:`raised_again`.
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
_PATIENCE = 2.0  # seconds after which one that had no effect, for somebody caught it, is repeated
ASKING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Signals that ask to stop: those of a person, a batch system, and a closed terminal."""


class _Handler:
    """Raises the first signal, unless signals are held back."""

    def __init__(self) -> None:
        self.hook = sys.unraisablehook
        self.has_raised = False
        self.is_in_hook = False
        self.held = 0
        self.raised = int(signal.SIGINT)
        self.raised_at = 0.0
        self.waiting: int | None = None

    def __call__(self, number: int) -> None:
        if self.has_raised and time.monotonic() - self.raised_at <= _PATIENCE:
            return
        if self.held:
            self.waiting = number
        else:
            self.has_raised, self.raised, self.raised_at = True, number, time.monotonic()
            raise KeyboardInterrupt

    def release(self) -> None:
        """Raise what came while signals were held back."""
        self.held -= 1
        if self.waiting is not None and not self.held:
            number, self.waiting = self.waiting, None
            self(number)

    def send_again(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Raise once more what Python ignored, as it does in a destructor, a moment later."""
        if isinstance(ignored.exc_value, KeyboardInterrupt):
            self.is_in_hook = True
            threading.Timer(_MOMENT, self._raise_again).start()
            self.is_in_hook = False
        else:
            self.hook(ignored)

    def _raise_again(self) -> None:
        if self.is_in_hook:  # which is ignored too: on a busy machine it may take longer
            threading.Timer(_MOMENT, self._raise_again).start()
            return
        self.has_raised = False
        _send_to_main_thread(self.raised)


def _send_to_main_thread(number: int) -> None:
    """Send a signal to where it is handled, so that it ends a system call that waits there."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(signal.Signals(number))


_HANDLER: ContextVar[_Handler | None] = ContextVar("_HANDLER", default=None)


def raise_asking() -> None:
    """Let the other signals that ask to stop raise ``KeyboardInterrupt``, as SIGINT does.

    One that is ignored, as under ``nohup``, stays so.
    """
    if threading.current_thread() is threading.main_thread():
        for number in ASKING:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``, or do what the block of :func:`raised_once` does instead.

    It stays in place when such a block ends, so that no signal finds handlers half exchanged. To
    block signals meanwhile would not do: another thread takes them, and Python handles them here.
    """
    handler = _HANDLER.get()
    if handler is None:
        raise KeyboardInterrupt
    handler(number)


def let_signals_end_it() -> None:
    """Let signals end the process at once, without a traceback: all that it does is done."""
    for number in ASKING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def raised_once() -> Iterator[None]:
    """Within the block, let only the first of some signals raise ``KeyboardInterrupt``.

    Within another such block, and outside the main thread, which gets no signals, it does nothing.
    """
    if _HANDLER.get() or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    borrowed = [n for n in ASKING if signal.getsignal(n) is signal.default_int_handler]
    try:
        try:
            _HANDLER.set(handler)
            sys.unraisablehook = handler.send_again
            for number in borrowed:
                signal.signal(number, _raise)
            yield
        finally:
            handler.held += 1  # or one that comes now would leave things as they are
    finally:
        sys.unraisablehook = handler.hook
        _HANDLER.set(None)
        for number in borrowed:  # last, for what is left here if a signal comes does no harm
            if signal.getsignal(number) is _raise:
                signal.signal(number, signal.default_int_handler)
        if handler.waiting is not None and not handler.has_raised:
            raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[None]:
    """Let no signal interrupt the block; one that comes within is raised at its end."""
    handler = _HANDLER.get()
    if handler is None:
        yield
        return
    handler.held += 1
    try:
        yield
    finally:
        handler.release()


@contextmanager
def raised_again() -> Iterator[None]:
    """Let one more signal raise within the block, though one has been raised before."""
    handler = _HANDLER.get()
    if handler is None:
        yield
        return
    handler.has_raised = False
    try:
        yield
    finally:
        handler.has_raised = True


def was_asked() -> bool:
    """Whether a signal has been raised in the block of :func:`raised_once`."""
    handler = _HANDLER.get()
    return handler is not None and handler.has_raised
