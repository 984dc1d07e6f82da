"""Threads that do the same for several parts of a stack, or several layers, at the same time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Calls a function for each item, in several threads if they were started."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._n_others = 0  # threads beside the caller's

    @contextmanager
    def threads(self, number: int) -> Iterator[None]:
        """Use ``number`` threads in this context, of which the caller's is one."""
        if number < 2:
            yield
            return
        self._n_others = number - 1
        with ThreadPoolExecutor(self._n_others) as self._pool:
            try:
                yield
            finally:
                self._pool = None

    def each(self, items: Sequence[Item], do: Callable[[Item], Result]) -> list[Result]:
        """Call a function for each item; gradients are enabled as they are in the caller.

        If it raises errors, that of the first item among them is raised when all threads are done.
        """
        if self._pool is None or len(items) == 1:
            return [do(item) for item in items]
        with_gradients = torch.is_grad_enabled()
        results: dict[int, Result] = {}
        errors: dict[int, BaseException] = {}
        remaining = iter(range(len(items)))  # each thread takes the next

        def work() -> None:
            with torch.set_grad_enabled(with_gradients):
                for index in remaining:
                    try:
                        results[index] = do(items[index])
                    except BaseException as error:
                        errors[index] = error

        others = [self._pool.submit(work) for _ in range(self._n_others)]
        work()
        wait(others)
        if errors:
            raise errors[min(errors)]
        return [results[index] for index in range(len(items))]
