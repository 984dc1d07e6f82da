"""Calls functions in a server process, which a damaged file may crash.

A flipped bit in a page of a Parquet file makes polars ask for more memory than any machine has,
and Rust then aborts the process. So files that are not trusted are read by a separate process. It
is started when it is first needed, kept for the next file, replaced if it has crashed, and killed
when this process ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

import polars as pl

from deltaflow.system.child_processes.child_process import ChildProcess
from deltaflow.system.child_processes.isolation_server import Answer, receive, send
from deltaflow.system.errors import UserError

_MOMENT = 0.1  # seconds
_PATIENCE = 50.0  # seconds that an answer may be late on a busy machine
_SECONDS = 8  # processor time for a small file
_RATE = 10_000_000  # bytes per second, the slowest reading
_MEMORY = 4_000_000_000  # bytes of address space for a small file, libraries included
_EXPANSION = 100  # bytes of memory per byte of the file, at most
_lock = threading.Lock()


class UnavailableError(UserError):
    """The server process cannot be started; the file is not to blame."""


class FailedError(UserError):
    """The function raised an error in the server process."""


class EndedError(FailedError):
    """The function crashed the server process, or exceeded its time."""


def call(
    function: Callable[..., Any],
    *arguments: Any,
    n_bytes: int = 0,
    errors: Sequence[type[Exception]] = (),
) -> Any:
    """Call a function in the server process.

    Args:
        function: a function of a module of deltaflow.
        *arguments: its arguments, which JSON can hold.
        n_bytes: number of bytes to read; the limits of time and memory grow with it.
        errors: error types that are raised here as they are there; each takes a message.

    Returns:
        The function's result: a polars frame, or a value that JSON can hold.

    Raises:
        UnavailableError: if the server process cannot be started.
        EndedError: if the process ends before the function returns.
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


class _Server(ChildProcess):
    """The server process."""

    def __init__(self) -> None:
        try:
            super().__init__(
                "deltaflow.system.child_processes.isolation_server",
                sys.path,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "POLARS_MAX_THREADS": "1"},
                process_group=0 if os.name == "posix" else None,  # Ctrl-C does not reach it
            )
        except OSError as error:
            raise _unavailable(str(error)) from error
        try:
            self._wait(self.thread.submit(receive, self.answers), _PATIENCE)  # it is ready
        except EndedError:
            raise _unavailable(f"one that ended at once, with {self._exit_reason()}") from None

    def ask(self, question: dict[str, Any], limits: dict[str, int]) -> Answer:
        """Send a question, and wait for the answer.

        Args:
            question: the function, its arguments and the working directory.
            limits: processor time in ``seconds`` and ``memory`` in bytes for the call.
        """
        answer = self.thread.submit(self._exchange, {"question": question, "limits": limits})
        return self._wait(answer, _PATIENCE + limits["seconds"])

    def _wait(self, answer: Future[Answer], seconds: float) -> Answer:
        deadline = time.monotonic() + seconds
        try:
            while not answer.done():
                # Short waits: a signal that another thread receives does not interrupt a wait.
                wait([answer], _MOMENT)
                if time.monotonic() > deadline:
                    self.process.kill()
            return answer.result()
        except (EOFError, OSError) as error:
            self.end()
            raise EndedError(f"reading it ended the process ({self._exit_reason()})") from error
        except BaseException:  # the pipe may still deliver the answer to this question
            self.end()
            raise

    def _exchange(self, asked: dict[str, Any]) -> Answer:
        send(self.questions, asked)
        return receive(self.answers)

    def _exit_reason(self) -> str:
        status = self.process.returncode
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
        return f"status {status}"


_servers: list[_Server] = []


def _server() -> _Server:
    if not (_servers and _servers[-1].is_usable):
        for old in _servers:
            old.end()
        _servers[:] = [_Server()]
    return _servers[-1]
