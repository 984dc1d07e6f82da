"""Functions called in another process, which what they read may end.

A bit that is flipped within a page of a Parquet file makes Polars ask for more memory than any
machine has, and Rust then ends the process. So files that somebody else may have written are read
by a process of their own: started when it is first needed, kept for the next file, replaced when
it has ended, and gone with the one that asks.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import polars as pl

from deltaflow.system.errors import UserError
from deltaflow.system.isolation_server import Answer, receive, send

_MOMENT = 0.1  # seconds
_PATIENCE = 50.0  # seconds that a busy machine may let it wait
_SECONDS = 8  # of processor time for a small file
_RATE = 10_000_000  # bytes that are read in a second, at least
_MEMORY = 4_000_000_000  # bytes of addresses for a small file, libraries included
_EXPANSION = 100  # bytes in memory for one of the file, at most
_START = (
    "import sys; sys.path[:] = {path!r}; "
    "from deltaflow.system.isolation_server import serve; serve()"
)
_lock = threading.Lock()


class UnavailableError(UserError):
    """No other process can be started, which is no fault of what it was to read."""


class FailedError(UserError):
    """What was called has failed there."""


class EndedError(FailedError):
    """What was called has ended its process, or took too long."""


def call(
    function: Callable[..., Any],
    *arguments: Any,
    n_bytes: int = 0,
    errors: Sequence[type[Exception]] = (),
) -> Any:
    """Call a function in another process.

    Args:
        function: of a module of deltaflow.
        *arguments: that JSON can hold.
        n_bytes: to be read, for which there is more time and memory.
        errors: that are raised here as they are there. Each takes a message.

    Returns:
        What it returns: a Polars frame, or what JSON can hold.

    Raises:
        UnavailableError: if there can be no other process.
        EndedError: if the process ends before it has returned.
        FailedError: for any other error there, with its message.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    with _lock:
        question = {"function": name, "arguments": arguments, "folder": _working_directory()}
        limits = {"seconds": _SECONDS + n_bytes // _RATE, "memory": _MEMORY + _EXPANSION * n_bytes}
        answer, content = _server().ask(question, limits)
    if "error" in answer:
        known = {kind.__name__: kind for kind in errors}
        raise known.get(answer["error"], FailedError)(answer["message"])
    return pl.read_ipc(content) if answer["frame"] else answer["value"]


def _unavailable(found: str) -> UnavailableError:
    return UnavailableError(
        "Files of others are read by a process of its own, which must start. Found "
        f"{found}. Check `sys.executable`, the free memory and the number of processes."
    )


def _working_directory() -> str | None:
    with contextlib.suppress(OSError):
        return os.getcwd()
    return None


class _Server:
    """The other process, as the one that asks sees it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "POLARS_MAX_THREADS": "1"},
                process_group=0 if os.name == "posix" else None,  # Ctrl-C is not meant for it
            )
        except OSError as error:
            raise _unavailable(str(error)) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.thread = ThreadPoolExecutor(1)
        atexit.register(self.end)
        try:
            self._wait(self.thread.submit(receive, self.answers), _PATIENCE)  # it is ready
        except EndedError:
            raise _unavailable(f"one that ended at once, with {self._how()}") from None

    @property
    def is_usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, question: dict[str, Any], limits: dict[str, int]) -> Answer:
        """Send a question, and wait for the answer.

        Args:
            question: arguments of what is to be called.
            limits: ``seconds`` of processor time, and bytes of ``memory``, that it may take.
        """
        answer = self.thread.submit(self._exchange, {"question": question, "limits": limits})
        return self._wait(answer, _PATIENCE + limits["seconds"])

    def _wait(self, answer: Future[Answer], seconds: float) -> Answer:
        deadline = time.monotonic() + seconds
        try:
            while not answer.done():
                # A signal that another thread takes does not cut a longer wait short.
                wait([answer], _MOMENT)
                if time.monotonic() > deadline:
                    self.process.kill()
            return answer.result()
        except (EOFError, OSError) as error:
            self.end()
            raise EndedError(f"reading it ended the process ({self._how()})") from error
        except BaseException:  # an answer may be on its way that nobody waits for any more
            self.end()
            raise

    def _exchange(self, asked: dict[str, Any]) -> Answer:
        send(self.questions, asked)
        return receive(self.answers)

    def _how(self) -> str:
        status = self.process.returncode
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
        return f"status {status}"

    def end(self) -> None:
        """End the process, if it is this one's."""
        atexit.unregister(self.end)
        if self.owner != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        self.thread.shutdown()
        with contextlib.suppress(OSError):  # what was not written any more
            self.questions.close()
        self.answers.close()


_servers: list[_Server] = []


def _server() -> _Server:
    if not (_servers and _servers[-1].is_usable):
        for old in _servers:
            old.end()
        _servers[:] = [_Server()]
    return _servers[-1]
