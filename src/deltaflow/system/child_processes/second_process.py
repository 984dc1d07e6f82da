"""A second process that calls functions, one after another, while this process continues.

It is started when it is first needed, and kept until this process ends. Only this process submits
functions, so they and their results can be pickled.
"""

import contextlib
import ctypes
import math
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from deltaflow.system.child_processes.child_process import ChildProcess, pipes, receive, send
from deltaflow.system.environment import import_without_gc
from deltaflow.system.signals import raise_on_stop_signals

Value = TypeVar("Value")
_MOMENT = 0.1  # seconds
_PATIENCE = 60.0  # seconds to record an interruption
_PR_SET_PDEATHSIG = 1  # Linux: send a signal to this process when its parent dies
_is_second: list[bool] = []  # not empty in a second process


class SecondProcess(ChildProcess):
    """Calls functions in the order in which they are submitted.

    Attributes:
        place: the working directory and ``sys.path`` that it was started with.

    Raises:
        OSError: if the process cannot be started.
    """

    def __init__(self) -> None:
        self.place = _place()
        super().__init__("deltaflow.system.child_processes.second_process", self.place[1])

    def submit(self, function: Callable[..., Value], *arguments: Any) -> Future[Value]:
        """Submit a function.

        Args:
            function: a function of a module.
            *arguments: its arguments, which can be pickled.

        Returns:
            The future result. It holds the error if the function raises one or the process ends.
        """
        return self.thread.submit(self._ask, function, arguments)

    def load(self, module: str) -> Future[None]:
        """Import a module in the process."""
        return self.submit(_load, module)

    def interrupt(self, answer: Future[Any]) -> None:
        """Interrupt a function, and wait until it has returned.

        Args:
            answer: the result of :meth:`submit`. If the function has not begun, or has not returned
                after a minute, the process is killed.
        """
        if not answer.cancel():
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            wait_for(answer, _PATIENCE)
        if answer.cancelled() or not answer.done():
            self.end()

    def _ask(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        send(self.questions, pickle.dumps((function, arguments)))
        value, error = pickle.loads(receive(self.answers))
        if error is not None:
            raise error
        return value


_started: list[SecondProcess] = []


def second_process() -> SecondProcess:
    """The second process; it is started, or restarted if the working directory has changed.

    Raises:
        OSError: if it cannot be started, or this process is a second process itself.
    """
    if _is_second:
        raise OSError("A second process has none of its own.")
    if (running := running_process()) is not None and running.place == _place():
        return running
    for old in _started:
        old.end()
    _started[:] = [SecondProcess()]
    return _started[-1]


def running_process() -> SecondProcess | None:
    """The second process; ``None`` if it is not running."""
    return _started[-1] if _started and _started[-1].is_usable else None


def _load(module: str) -> None:
    import_without_gc(module)


def _place() -> tuple[str, list[str]]:
    """The working directory, and the texts in ``sys.path``; Python ignores other entries."""
    return os.getcwd(), [folder for folder in sys.path if isinstance(folder, str)]


def wait_for(answer: Future[Any], patience: float = math.inf) -> None:
    """Wait for a result, so that signals are noticed.

    A signal that another thread receives does not interrupt a long wait of this one.

    Args:
        answer: the result.
        patience: seconds after which the wait ends, whether or not there is a result.
    """
    end = time.monotonic() + patience
    while not answer.done() and time.monotonic() < end:
        wait([answer], _MOMENT)


def result_or_none(answer: Future[Value] | None) -> Value | None:
    """Wait for a result; ``None`` if the function has not begun, which is cancelled, or failed."""
    if answer is None or answer.cancel():
        return None
    wait_for(answer)
    return None if answer.exception() else answer.result()


def serve() -> None:
    """Call functions from standard input until it is closed. This runs in the second process.

    SIGTERM interrupts the function. Ctrl-C is ignored: the first process handles it and sends
    SIGTERM. On Linux the process is killed when its parent dies.
    """
    _is_second.append(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_on_stop_signals()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    questions, answers = pipes()
    with contextlib.suppress(
        EOFError, KeyboardInterrupt, BrokenPipeError
    ):  # the first process has ended
        while True:
            question = receive(questions)
            try:
                function, arguments = pickle.loads(question)
                answer = pickle.dumps((function(*arguments), None))
            except (Exception, KeyboardInterrupt) as error:
                answer = _failure(error)
            send(answers, answer)
    os._exit(0)  # without flushing an answer that is half written


def _failure(error: BaseException) -> bytes:
    """The answer for an error; if it cannot be pickled, a ``RuntimeError`` with its message."""
    try:
        answer = pickle.dumps((None, error))
        pickle.loads(answer)
    except Exception:
        answer = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer
