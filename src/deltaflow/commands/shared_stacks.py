"""Stacks of a sweep in two processes: this one takes the first that is left, the other the last."""

import io
import pickle
import queue
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from hydra.core.utils import JobReturn, setup_globals
from rich.console import Console
from rich.text import Text

from deltaflow.records import Fingerprint, trust_files, trusted_files
from deltaflow.sweep.progress import show_progress, stop_progress
from deltaflow.system.environment import import_without_gc
from deltaflow.system.errors import UserError
from deltaflow.system.second_process import SecondProcess, running_process, second_process
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

_MOMENT = 0.1  # seconds
_PATIENCE = 30.0  # seconds, for imports that began before this process's own


class LostProcessError(UserError):
    """The second process ended before what it trained."""


class Task(Protocol):
    """Trains one of several stacks, and can be pickled."""

    @property
    def stacks(self) -> Sequence[Sequence[Any]]:
        """The runs of each stack."""

    @property
    def directory(self) -> Path:
        """The sweep's."""

    def train(self, number: int, bar: Any = None) -> list[JobReturn]:
        """Train a stack."""


@dataclass(frozen=True)
class Trained:
    """What came of a stack in the other process.

    Attributes:
        jobs: what Hydra notes of each run, without its configuration.
        said: what the process had to say.
        warned: what it had to say of errors.
        written: marks of the files that it has written.
    """

    jobs: list[JobReturn]
    said: str
    warned: str
    written: set[Fingerprint]


def can_share(task: Task, imports: Future[Any]) -> bool:
    """Whether the second process can train stacks.

    Args:
        task: trains a stack.
        imports: their end there.
    """
    wait([imports], _PATIENCE)
    if not imports.done() or imports.exception() is not None:
        if (second := running_process()) is not None:
            second.end()
        return False
    try:
        pickle.dumps(task)
    except Exception:  # whatever is raised by what the user has added to Hydra
        return False
    return True


def train_shared(task: Task, out: Console, bar: Progress | None) -> list[list[JobReturn]]:
    """Train stacks here and in the second process.

    Args:
        task: trains a stack.
        out: where it is said what came of the runs.
        bar: of the sweep.

    Returns:
        What Hydra notes of each stack's runs.
    """
    before, n_stacks = torch.get_num_threads(), len(task.stacks)
    n_threads = max(1, before // 2)
    jobs: dict[int, list[JobReturn]] = {}
    is_waiting = False
    try:
        torch.set_num_threads(n_threads)
        second = running_process() or second_process()
        shared = SharedStacks(second, task, n_stacks, n_threads)
        try:
            while len(jobs) < n_stacks:
                if (number := shared.next()) is not None:
                    jobs[number] = task.train(number, bar)
                elif not is_waiting:
                    is_waiting = True
                    if out.is_terminal:
                        show_progress(task.directory, sum(map(len, task.stacks)))
                    import_without_gc("deltaflow.sweep.report")  # which comes next
                for there, found in shared.ended(wait=number is None).items():
                    jobs[there] = found.jobs
                    _tell(found, len(task.stacks[there]), out, bar)
        except BaseException:
            shared.interrupt()
            raise
    finally:
        stop_progress()
        torch.set_num_threads(before)
    return [jobs[number] for number in range(n_stacks)]


def _tell(found: Trained, n_runs: int, out: Console, bar: Progress | None) -> None:
    """Say what the other process had to say, and take over what it knows."""
    if bar is not None:
        bar.add(n_runs)
        bar.wipe()
    trust_files(found.written)
    for stream, text in ((out, found.said), (console(stderr=True), found.warned)):
        if text:
            stream.print(Text(text.rstrip("\n")), soft_wrap=True)


def train_there(task: Task, number: int, n_threads: int) -> Trained:
    """Train a stack in this process, for another one.

    Args:
        task: trains it.
        number: of the stack.
        n_threads: that PyTorch may use.
    """
    torch.set_num_threads(n_threads)
    setup_globals()
    said, warned = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(warned):
        jobs = task.train(number)
    for job in jobs:
        job.cfg = job.hydra_cfg = None  # nobody asks, and they take long to hand over
    return Trained(jobs, said.getvalue(), warned.getvalue(), trusted_files())


class SharedStacks:
    """Stacks of which this process takes the first that is left, and the second one the last.

    Args:
        second: the other process.
        task: trains a stack, and can be pickled.
        n_stacks: how many there are.
        n_threads: that PyTorch may use there.
    """

    def __init__(self, second: SecondProcess, task: Task, n_stacks: int, n_threads: int) -> None:
        self.second = second
        self._asking = task, n_threads
        self._left = deque(range(n_stacks))
        self._ended: queue.SimpleQueue[tuple[int, Future[Trained]]] = queue.SimpleQueue()
        self._under_way: Future[Trained] | None = None
        self._ask()

    def next(self) -> int | None:
        """The number of the stack that this process trains next; ``None`` if none is left."""
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def ended(self, wait: bool = False) -> dict[int, Trained]:
        """What has been trained there since the last time, by number.

        Args:
            wait: until something has.

        Raises:
            LostProcessError: if the second process has ended.
            Exception: what was raised there.
            KeyboardInterrupt: if it was asked to stop.
        """
        found: dict[int, Trained] = {}
        while True:
            try:
                number, future = self._ended.get(timeout=_MOMENT if wait and not found else 0)
            except queue.Empty:
                if found or not wait:
                    return found
                continue
            try:
                found[number] = future.result()
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                raise LostProcessError(
                    "The two processes of a sweep must live to its end. Found that the second has "
                    "ended. If memory ran out, use `trainer.threads=1`, which leaves all to one."
                ) from error

    def interrupt(self) -> None:
        """Begin no more there, and interrupt the stack that is trained there."""
        self._left.clear()
        if self._under_way is not None:
            self.second.interrupt(self._under_way)

    def _ask(self) -> None:
        """Have the second process train the last stack that is left."""
        try:
            number = self._left.pop()
        except IndexError:
            return
        task, n_threads = self._asking
        self._under_way = future = self.second.submit(train_there, task, number, n_threads)
        future.add_done_callback(lambda done: self._note(number, done))

    def _note(self, number: int, done: Future[Trained]) -> None:
        """Take an answer, in the thread that waits for it."""
        self._ended.put((number, done))
        if not done.cancelled() and done.exception() is None:
            self._ask()
