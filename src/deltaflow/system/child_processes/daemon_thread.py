"""A thread that calls functions one after another and never delays the end of Python."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Value = TypeVar("Value")
_Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class DaemonThread:
    """Calls functions in the order in which they are submitted.

    Python waits at its end for the threads of a ``ThreadPoolExecutor``, before any exit handler can
    end what such a thread waits for. It does not wait for this one.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Value], *arguments: Any) -> Future[Value]:
        """Submit a function; the future holds its result or its error."""
        future: Future[Value] = Future()
        self._calls.put((future, function, arguments))
        return future

    def end(self) -> None:
        """Cancel what has not begun, and wait for the function that has."""
        while not self._calls.empty():
            if (call := self._calls.get()) is not None:
                call[0].cancel()
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function, arguments = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                value = function(*arguments)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)
