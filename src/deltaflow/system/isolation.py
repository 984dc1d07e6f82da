"""Functions called in another process, which what they read may end.

A bit that is flipped within a page of a Parquet file makes Polars ask for more memory than any
machine has, and Rust then ends the process. So files that somebody else may have written are read
by a process of their own: started when it is first needed, kept for the next file, replaced when
it has ended, and gone with the one that asks.
"""

import atexit
import contextlib
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import IO, Any

import polars as pl

from deltaflow.system.errors import UserError
from deltaflow.system.memory import installed

_MOMENT = 0.1  # seconds
_PATIENCE = 50.0  # seconds that a busy machine may let it wait
_SECONDS = 10  # of processor time for a small file
_RATE = 10_000_000  # bytes that are read in a second, at least
_START = "import sys; sys.path[:] = {path!r}; from deltaflow.system.isolation import serve; serve()"
_lock = threading.Lock()


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
        n_bytes: to be read, for which there is more time.
        errors: that are raised here as they are there. Each takes a message.

    Returns:
        What it returns: a Polars frame, or what JSON can hold.

    Raises:
        EndedError: if the process ends before it has returned.
        FailedError: for any other error there, with its message.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    with _lock:
        question = {"function": name, "arguments": arguments, "folder": _working_directory()}
        answer, content = _server().ask(question, _SECONDS + n_bytes // _RATE)
    if "error" in answer:
        known = {kind.__name__: kind for kind in errors}
        raise known.get(answer["error"], FailedError)(answer["message"])
    return pl.read_ipc(content) if answer["frame"] else answer["value"]


def _working_directory() -> str | None:
    with contextlib.suppress(OSError):
        return os.getcwd()
    return None


class _Server:
    """The other process, as the one that asks sees it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            process_group=0 if os.name == "posix" else None,  # Ctrl-C is not meant for it
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.thread = ThreadPoolExecutor(1)
        atexit.register(self.end)

    @property
    def is_usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, question: dict[str, Any], seconds: int) -> tuple[dict[str, Any], IO[bytes]]:
        """Send a question, and wait for the answer.

        Args:
            question: arguments of :func:`_answer`.
            seconds: of processor time that the answer may take.
        """
        deadline = time.monotonic() + _PATIENCE + seconds
        answer = self.thread.submit(self._exchange, {"question": question, "seconds": seconds})
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

    def _exchange(self, asked: dict[str, Any]) -> tuple[dict[str, Any], IO[bytes]]:
        _send(self.questions, asked)
        return _receive(self.answers)

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


def serve() -> None:
    """Answer what is asked on standard input, until it ends. This is the other process."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit_memory()
    while True:
        try:
            asked, _ = _receive(questions)
        except EOFError:
            return
        _limit_time(asked["seconds"])
        _send(answers, *_answer(**asked["question"]))


def _answer(
    function: str, arguments: Sequence[Any], folder: str | None
) -> tuple[dict[str, Any], bytes]:
    module, _, name = function.partition(":")
    try:
        if folder is not None:
            os.chdir(folder)  # paths are seen from there
        value = getattr(importlib.import_module(module), name)(*arguments)
        if isinstance(value, pl.DataFrame):
            content = io.BytesIO()
            value.write_ipc(content)
            return {"frame": True}, content.getvalue()
        return {"frame": False, "value": value}, b""
    except BaseException as error:  # Polars' panics are no Exception
        return {"error": type(error).__name__, "message": str(error) or type(error).__name__}, b""


def _limit_memory() -> None:
    """Take no more memory than the machine has."""
    most = installed()
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        if most is not None:
            resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time(seconds: int) -> None:
    """Let the system end this process if the next answer takes more processor time."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _send(pipe: IO[bytes], message: dict[str, Any], content: bytes = b"") -> None:
    pipe.write(json.dumps({**message, "n_bytes": len(content)}).encode() + b"\n")
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], IO[bytes]]:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    n_bytes = message.pop("n_bytes")
    content = pipe.read(n_bytes)
    if len(content) < n_bytes:
        raise EOFError
    return message, io.BytesIO(content)
