"""What happens to a process at a chosen moment: a signal, many of them, an error, a full disk."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

STORM = 50
_GAP = 0.001  # seconds between two signals of a storm
_CHANGES = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}  # audit events
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def at_call(dotted: str, moment: str, act: str) -> None:
    """Let something happen when a function is called for the first time.

    Args:
        dotted: where the function is looked up, such as
            ``deltaflow.experiment.active_run.summarize``.
        moment: ``before`` it or ``after`` it.
        act: a name of `_ACTS`, or of a signal.
    """
    owner, name = _owner(dotted)
    setattr(owner, name, _trapped(getattr(owner, name), lambda *_: True, moment, act))


def at_file(name: str, moment: str, act: str, n: int = 1) -> None:
    """Let something happen when a file appears, or is replaced, for the n-th time.

    Args:
        name: of the file; or the beginning of it.
        moment: ``before`` or ``after``.
        act: a name of `_ACTS`, or of a signal.
        n: from 1; of all files with such a name together.
    """
    left = [n]

    def is_it(_temporary: Path, path: Path) -> bool:
        left[0] -= path.name.startswith(name)
        return left[0] == 0

    Path.replace = _trapped(Path.replace, is_it, moment, act)  # type: ignore[method-assign]


def at_change(n: int, folder: str, act: Callable[[], None] | None = None, n_calls: int = 0) -> None:
    """Let something happen to the process at its n-th change of what is in a folder.

    Args:
        n: from 1. With fewer changes nothing happens.
        folder: where a file or folder is made, opened to be written, renamed, or removed.
        act: what happens; ``None``: the process is killed.
        n_calls: of Python functions between the moment before the change and what happens.
    """
    left, within = [n], folder + os.sep

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not (arguments[2] or 0) & _WRITING:
            return
        if event in _CHANGES and str(arguments[0]).startswith(within):
            left[0] -= 1
            if left[0] == 0:
                _after_calls(n_calls, act or partial(_send, "SIGKILL"))

    sys.addaudithook(count)


def _after_calls(n: int, act: Callable[[], None]) -> None:
    left = [n]

    def count(_frame: Any, event: str, _argument: Any) -> None:
        left[0] -= event == "call"
        if left[0] < 0:
            sys.setprofile(None)
            act()

    if n:
        sys.setprofile(count)
    else:
        act()


def _owner(dotted: str) -> tuple[Any, str]:
    parts = dotted.split(".")
    for n in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1]
    raise ValueError(dotted)


def _trapped(function: Callable, is_it: Callable[..., bool], moment: str, act: str) -> Callable:
    sprung = []

    @wraps(function)
    def trapped(*arguments, **named):
        if sprung or not is_it(*arguments):
            return function(*arguments, **named)
        sprung.append(True)
        if moment == "before":
            _ACTS.get(act, _send)(act)
        result = function(*arguments, **named)
        if moment == "after":
            _ACTS.get(act, _send)(act)
        return result

    return trapped


def _send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


def _send_twice(_: str) -> None:
    victim = os.getpid()
    os.kill(victim, signal.SIGTERM)
    os.kill(victim, signal.SIGINT)


def _storm(_: str) -> None:
    victim = os.getpid()
    (wait, go), (begun, begin) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.read(wait, 1)  # Python ignores what is raised in a process while it forks
        for n in range(STORM):
            try:
                os.kill(victim, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)[n % 3])
            except ProcessLookupError:
                break
            os.write(begin, b".")
            time.sleep(_GAP)
        os._exit(0)
    os.write(go, b".")
    os.read(begun, 1)  # on a busy machine all could be over before it begins
    time.sleep(10 * _GAP)


def _raise(_: str) -> None:
    raise LookupError("nothing of the kind")


def _panic(_: str) -> None:
    class PanicException(BaseException):
        pass

    raise PanicException("index out of bounds")


def _run_out(_: str) -> None:
    raise MemoryError


def _fill_disk(_: str) -> None:
    def full(path: Path, *_: Any) -> None:
        raise OSError(28, "No space left on device", str(path))

    Path.replace = full  # type: ignore[method-assign]
    raise OSError(28, "No space left on device")


_ACTS: dict[str, Callable[[str], None]] = {
    "twice": _send_twice, "storm": _storm, "error": _raise, "panic": _panic,
    "memory": _run_out, "disk": _fill_disk,
}  # fmt: skip
