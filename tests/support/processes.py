"""Commands in processes of their own that need not import torch and Lightning again.

A server imports them once and forks for each command, which keeps what a process has of its own:
exit status, signals, streams, working directory. The pictures that they draw are blank.
"""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from running import blank_pictures, compose_once

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["preloaded"])


@dataclass(frozen=True)
class Command:
    """A command that was started.

    Attributes:
        process: that runs it.
        directory: where it runs, and where what it says goes.
    """

    process: BaseProcess
    directory: Path

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def runs(self, seconds: float = 0) -> bool:
        """Whether it still runs after so many seconds."""
        self.process.join(seconds)
        return self.process.exitcode is None

    def wait(self) -> int:
        """Its exit status, once it has ended; that of one killed by a signal is negative."""
        self.process.join()
        return int(self.process.exitcode or 0)

    @property
    def out(self) -> str:
        """What it has written to standard output."""
        return (self.directory / "stdout").read_text()

    @property
    def err(self) -> str:
        """What it has written to standard error."""
        return (self.directory / "stderr").read_text()


def start(
    arguments: Sequence[str],
    directory: Path,
    prepare: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Start ``python train.py`` with some arguments.

    Args:
        arguments: of the command.
        directory: where to run it.
        prepare: called in its process, before it begins; a function of an importable module, or a
            `functools.partial` of one.
        environment: variables that it has besides this process's own.
    """
    named = {"arguments": list(arguments), "directory": directory, "prepare": prepare,
             "environment": {**os.environ, **(environment or {})}}  # fmt: skip
    directory.mkdir(exist_ok=True)
    return Command(fork(_run, **named), directory)


def fork(function: Callable[..., None], **named: object) -> BaseProcess:
    """Call a function of an importable module in a process that forks from the server."""
    process = _CONTEXT.Process(target=function, kwargs=named)
    with pytest.MonkeyPatch.context() as patch:  # so that the server finds what it is to import
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process.start()
    return process


def sit_at(terminal: str) -> None:
    """Let a command that begins be what a terminal runs, and reads from."""
    os.setsid()  # so that the terminal that is opened next is its own
    os.dup2(os.open(terminal, os.O_RDWR), 0)


def write_to_nobody() -> None:
    """Let a command that begins have a standard output that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    sys.stdout = os.fdopen(1, "w", closefd=False)


def _run(
    arguments: list[str],
    directory: Path,
    prepare: Callable[[], None] | None,
    environment: dict[str, str],
) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for name, number in (("stdout", 1), ("stderr", 2)):
        file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        setattr(sys, name, os.fdopen(number, "w", closefd=False))
    sys.argv = ["train.py", *arguments]
    blank_pictures(pytest.MonkeyPatch())
    compose_once(pytest.MonkeyPatch())
    if prepare is not None:
        prepare()
    from deltaflow.__main__ import main

    try:
        main()
    finally:
        # As Python itself ends: joblib's workers are not waited for until they have idled.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
