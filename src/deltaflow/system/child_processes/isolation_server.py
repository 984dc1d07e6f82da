"""The server process of :mod:`deltaflow.system.isolation`, and the protocol between the two.

A message is JSON, followed by the bytes of a table, which may be none.
"""

import contextlib
import importlib
import io
import json
import os
from collections.abc import Sequence
from typing import IO, Any

import polars as pl

from deltaflow.system.child_processes import child_process
from deltaflow.system.memory import installed_memory

Answer = tuple[dict[str, Any], IO[bytes]]


def serve() -> None:
    """Answer questions from standard input until it is closed."""
    questions, answers = child_process.pipes()
    send(answers, {"ready": True})
    while True:
        try:
            asked, _ = receive(questions)
        except EOFError:
            return
        _limit(**asked["limits"])
        send(answers, *_answer(**asked["question"]))
        os.chdir(os.path.abspath(os.sep))  # Windows would not let the client remove its folder


def _answer(
    function: str, arguments: Sequence[Any], folder: str | None
) -> tuple[dict[str, Any], bytes]:
    module, _, name = function.partition(":")
    try:
        if folder is not None:
            os.chdir(folder)  # paths are relative to it
        value = getattr(importlib.import_module(module), name)(*arguments)
        if isinstance(value, pl.DataFrame):
            content = io.BytesIO()
            value.write_ipc(content)
            return {"frame": True}, content.getvalue()
        return {"frame": False, "value": value}, b""
    except BaseException as error:  # a panic of polars is not an Exception
        return {"error": type(error).__name__, "message": str(error) or type(error).__name__}, b""


def _limit(seconds: int, memory: int) -> None:
    """Limit the processor time and the memory of the next answer; beyond, the process is killed.

    Args:
        seconds: processor time.
        memory: address space in bytes, cut to the memory of the machine.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core dump of an expected crash
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [memory, installed_memory() or memory, memory if hard < 0 else hard]
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))


def send(pipe: IO[bytes], message: dict[str, Any], content: bytes = b"") -> None:
    """Write a message and its bytes."""
    child_process.send(pipe, json.dumps(message).encode())
    child_process.send(pipe, content)


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], IO[bytes]]:
    """Read a message and its bytes; ``EOFError`` if the pipe is closed before their end."""
    message = json.loads(child_process.receive(pipe))
    return message, io.BytesIO(child_process.receive(pipe))
