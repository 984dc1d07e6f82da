"""A second process that calls functions, one after another, while this one goes on.

It is started when it is first needed, kept, and gone with the process that asks. Only what this
process hands over is called there, so questions and answers are pickled.
"""

import atexit
import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from deltaflow.system.environment import imported
from deltaflow.system.signals import raise_asking

Value = TypeVar("Value")
_MOMENT = 0.1  # seconds
_PATIENCE = 60.0  # seconds for an ending to be written
_END_WITH_PARENT = 1  # Linux's number of the request to be sent a signal then
_is_second: list[bool] = []  # whether this process is another one's second
_START = (
    "import sys; sys.path[:] = {path!r}; from deltaflow.system.second_process import serve; serve()"
)


class SecondProcess:
    """Calls functions in the order in which they are submitted.

    Attributes:
        place: the working directory, and where modules are found; as here when it began.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.place = _place()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=self.place[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.thread = ThreadPoolExecutor(1)
        atexit.register(self.end)

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and is this process's own."""
        return self.owner == os.getpid() and self.process.poll() is None

    def submit(self, function: Callable[..., Value], *arguments: Any) -> Future[Value]:
        """Have a function called.

        Args:
            function: of a module.
            *arguments: that can be pickled.

        Returns:
            What it will return. Whatever goes wrong is raised there: an error of the function, and
            one of the process, which may have ended.
        """
        return self.thread.submit(self._ask, function, arguments)

    def load(self, module: str) -> Future[None]:
        """Have a module imported."""
        return self.submit(_load, module)

    def interrupt(self, under_way: Future[Any]) -> None:
        """Interrupt what is called, and wait until it has brought itself to an end.

        Args:
            under_way: what :meth:`submit` returned of it. If it has not begun, the process ends.
        """
        if under_way.cancel():
            self.end()
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        wait([under_way], _PATIENCE)

    def end(self) -> None:
        """End the process, if it is this one's; what it has not done yet fails."""
        atexit.unregister(self.end)
        if self.owner != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        self.thread.shutdown(cancel_futures=True)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what was not written any more
                pipe.close()  # type: ignore[union-attr]

    def _ask(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self.process.stdin.write(pickle.dumps((function, arguments)))  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        value, error = pickle.load(self.process.stdout)  # type: ignore[arg-type]
        if error is not None:
            raise error
        return value


_kept: list[SecondProcess] = []


def second_process() -> SecondProcess:
    """The second process of this one, in the same working directory.

    Raises:
        OSError: if it cannot be started, or this one is another's second.
    """
    if _is_second:
        raise OSError("A second process has none of its own.")
    if (running := running_process()) is not None and running.place == _place():
        return running
    for old in _kept:
        old.end()
    _kept[:] = [SecondProcess()]
    return _kept[-1]


def running_process() -> SecondProcess | None:
    """The second process of this one, if it has been started."""
    return _kept[-1] if _kept and _kept[-1].is_usable else None


def _load(module: str) -> None:
    imported(module)


def _place() -> tuple[str, list[str]]:
    """The working directory, and where Python looks for modules: it passes over all but texts."""
    return os.getcwd(), [folder for folder in sys.path if isinstance(folder, str)]


def received(answer: Future[Value] | None) -> Value | None:
    """What was returned; ``None`` if it has not begun, or could not be."""
    if answer is None or answer.cancel():
        return None
    while not answer.done():
        wait([answer], _MOMENT)  # a signal that another thread takes does not end a longer one
    return None if answer.exception() else answer.result()


def serve() -> None:
    """Call what is asked for on standard input, until it ends. This is the second process.

    SIGTERM interrupts what is called; Ctrl-C is left to the other process, which sends that. Where
    Linux can, the process ends when its parent does, whatever it does then.
    """
    _is_second.append(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_asking()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):  # nobody asks any more
        while True:
            function, arguments = pickle.load(questions)
            try:
                answer = pickle.dumps((function(*arguments), None))
            except (Exception, KeyboardInterrupt) as error:
                answer = _failure(error)
            answers.write(answer)
            answers.flush()
    os._exit(0)  # an answer that is half written stays so


def _failure(error: BaseException) -> bytes:
    """An error as an answer; its words, where the error itself cannot be handed over."""
    try:
        answer = pickle.dumps((None, error))
        pickle.loads(answer)
    except Exception:
        answer = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer
