"""Trains the stacks of a sweep in two processes, from the first and from the last on."""

import io
import pickle
import queue
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
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
from deltaflow.system.child_processes.second_process import (
    SecondProcess,
    running_process,
    second_process,
    wait_for,
)
from deltaflow.system.environment import import_without_gc
from deltaflow.system.errors import UserError
from deltaflow.terminal.screen import console
from deltaflow.training.callbacks import Progress

_MOMENT = 0.1  # seconds
_PATIENCE = 30.0  # seconds, for imports that began before this process's own


class LostProcessError(UserError):
    """The second process ended before what it trained."""


class Task(Protocol):
    """A task that can train any of several stacks, and can be pickled."""

    @property
    def stacks(self) -> Sequence[Sequence[Any]]:
        """The runs of each stack."""

    @property
    def directory(self) -> Path:
        """The sweep's directory."""

    def train(self, number: int, bar: Any = None) -> list[JobReturn]:
        """Train a stack."""


@dataclass(frozen=True)
class TrainedStack:
    """The result of a stack that the second process has trained.

    Attributes:
        jobs: Hydra's result of each run, without its configuration.
        output: text that the process printed to standard output.
        errors: text that it printed to standard error.
        written: fingerprints of the files that it has written.
    """

    jobs: list[JobReturn]
    output: str
    errors: str
    written: set[Fingerprint]


def can_share(task: Task, imports: Future[Any]) -> bool:
    """Whether the second process can train stacks.

    Args:
        task: the task, which must be picklable.
        imports: the future end of the imports in the second process.
    """
    wait_for(imports, _PATIENCE)
    if not imports.done() or imports.exception() is not None:
        if (second := running_process()) is not None:
            second.end()
        return False
    try:
        pickle.dumps(task)
    except Exception:  # from an extension that the user has added to Hydra
        return False
    return True


def train_shared(task: Task, out: Console, bar: Progress | None) -> list[list[JobReturn]]:
    """Train stacks in this process and in the second one.

    Args:
        task: the task that trains a stack.
        out: console for the results of runs.
        bar: the sweep's progress bar; ``None`` for none.

    Returns:
        Hydra's results of the runs of each stack.
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
                    import_without_gc("deltaflow.sweep.report")  # it is needed next
                for there, found in shared.results(wait=number is None).items():
                    jobs[there] = found.jobs
                    _take_over(found, len(task.stacks[there]), out, bar)
        except BaseException:
            shared.interrupt()
            raise
    finally:
        stop_progress()
        torch.set_num_threads(before)
    return [jobs[number] for number in range(n_stacks)]


def _take_over(found: TrainedStack, n_runs: int, out: Console, bar: Progress | None) -> None:
    """Print the output of the second process, and trust the files that it has written."""
    if bar is not None:
        bar.add(n_runs)
        bar.wipe()
    trust_files(found.written)
    for stream, text in ((out, found.output), (console(stderr=True), found.errors)):
        if text:
            stream.print(Text(text.rstrip("\n")), soft_wrap=True)


def train_in_second_process(task: Task, number: int, n_threads: int) -> TrainedStack:
    """Train a stack; this runs in the second process.

    Args:
        task: the task that trains the stack.
        number: index of the stack.
        n_threads: number of PyTorch's threads.
    """
    torch.set_num_threads(n_threads)
    setup_globals()
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        jobs = task.train(number)
    for job in jobs:
        job.cfg = job.hydra_cfg = None  # not needed, and slow to pickle
    return TrainedStack(jobs, output.getvalue(), errors.getvalue(), trusted_files())


class SharedStacks:
    """A queue of stacks: this process takes the first, the second process the last.

    Args:
        second: the second process.
        task: the task that trains a stack.
        n_stacks: number of stacks.
        n_threads: number of PyTorch's threads in the second process.
    """

    def __init__(self, second: SecondProcess, task: Task, n_stacks: int, n_threads: int) -> None:
        self.second = second
        self._request = task, n_threads
        self._remaining = deque(range(n_stacks))
        self._ended: queue.SimpleQueue[tuple[int, Future[TrainedStack]]] = queue.SimpleQueue()
        self._current: Future[TrainedStack] | None = None
        self._ask()

    def next(self) -> int | None:
        """The index of the next stack for this process; ``None`` if none is left."""
        try:
            return self._remaining.popleft()
        except IndexError:
            return None

    def results(self, wait: bool) -> dict[int, TrainedStack]:
        """New results of the second process, by index of the stack.

        Args:
            wait: whether to wait for a result if there is none.

        Raises:
            LostProcessError: if the second process has ended.
            Exception: any error that was raised in the second process.
            KeyboardInterrupt: if the second process was interrupted.
        """
        found: dict[int, TrainedStack] = {}
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
        """Interrupt the second process, and give it no more stacks."""
        self._remaining.clear()
        if self._current is not None:
            self.second.interrupt(self._current)

    def _ask(self) -> None:
        """Submit the last remaining stack to the second process."""
        try:
            number = self._remaining.pop()
        except IndexError:
            return
        task, n_threads = self._request
        self._current = future = self.second.submit(
            train_in_second_process, task, number, n_threads
        )
        future.add_done_callback(lambda done: self._note(number, done))

    def _note(self, number: int, done: Future[TrainedStack]) -> None:
        """Store a result and submit the next stack; called in the thread of the second process."""
        self._ended.put((number, done))
        if not done.cancelled() and done.exception() is None:
            self._ask()
