"""The process that :mod:`deltaflow.system.isolation` starts, and the messages between the two.

A message is a line of JSON and the bytes that it announces.
"""

import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import IO, Any

import polars as pl

from deltaflow.system.memory import installed

Answer = tuple[dict[str, Any], IO[bytes]]


def serve() -> None:
    """Answer what is asked on standard input, until it ends. This is the other process."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    send(answers, {"ready": True})
    while True:
        try:
            asked, _ = receive(questions)
        except EOFError:
            return
        _limit(**asked["limits"])
        send(answers, *_answer(**asked["question"]))
        os.chdir(os.path.abspath(os.sep))  # or the asker's folder could not be removed everywhere


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


def _limit(seconds: int, memory: int) -> None:
    """Let the system end this process if the next answer takes more of the processor or memory.

    Args:
        seconds: of processor time.
        memory: in bytes; never more than the machine has.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its end is expected
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [memory, installed() or memory, memory if hard < 0 else hard]
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))


def send(pipe: IO[bytes], message: dict[str, Any], content: bytes = b"") -> None:
    """Write a message, and bytes that belong to it."""
    pipe.write(json.dumps({**message, "n_bytes": len(content)}).encode() + b"\n")
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], IO[bytes]]:
    """Read a message; ``EOFError`` if the other side ends before all of it is there."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    n_bytes = message.pop("n_bytes")
    content = pipe.read(n_bytes)
    if len(content) < n_bytes:
        raise EOFError
    return message, io.BytesIO(content)
