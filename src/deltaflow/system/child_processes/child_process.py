"""A Python process that answers questions of this one, through pipes."""

import atexit
import os
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any

from deltaflow.system.child_processes.daemon_thread import DaemonThread

_LENGTH = 8  # bytes of a message's length
_START = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"


class ChildProcess:
    """A process that runs the function ``serve`` of a module, until this process ends.

    Args:
        module: name of the module; its ``serve`` begins with :func:`pipes`.
        path: ``sys.path`` of the process.
        options: further arguments of ``subprocess.Popen``.

    Attributes:
        thread: exchanges questions and answers, one after another.

    Raises:
        OSError: if the process cannot be started.
    """

    def __init__(self, module: str, path: list[str], **options: Any) -> None:
        self.owner = os.getpid()
        start = [sys.executable, "-c", _START.format(path=path, module=module)]
        self.process = subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.thread = DaemonThread()
        atexit.register(self.end)

    @property
    def is_usable(self) -> bool:
        """Whether it is running and was started by this process."""
        return self.owner == os.getpid() and self.process.poll() is None

    def end(self) -> None:
        """Kill the process, if this one has started it; pending answers are cancelled or fail."""
        atexit.unregister(self.end)
        if self.owner != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        self.thread.end()
        for pipe in (self.questions, self.answers):
            with suppress(OSError):  # the rest of a question cannot be written
                pipe.close()


def pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The questions and answers of this child process; what it prints goes to standard error."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return questions, answers


def send(pipe: IO[bytes], content: bytes) -> None:
    """Write a message, which begins with its length."""
    pipe.write(len(content).to_bytes(_LENGTH, "little"))
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Read a message; ``EOFError`` if the pipe is closed before its end."""
    return _read(pipe, int.from_bytes(_read(pipe, _LENGTH), "little"))


def _read(pipe: IO[bytes], n_bytes: int) -> bytes:
    content = pipe.read(n_bytes)
    if len(content) < n_bytes:
        raise EOFError
    return content
