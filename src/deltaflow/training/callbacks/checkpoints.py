"""Saves the state of a training at the start of an epoch, so that it can be resumed exactly.

Random numbers are a function of a seed and a step, so no generator state is saved.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from deltaflow.system.signals import interrupts_deferred

_MIN_INTERVAL = 1.0  # seconds between two held states, at least
_INTERVAL_FACTOR = 50  # the same, as a multiple of the time that it takes to hold a state


class Storage(Protocol):
    """Holds a checkpoint in memory, and writes it to disk."""

    def hold(self, trainer: Any, module: Any) -> None:
        """Copy the state of a training into memory."""

    def write(self) -> None:
        """Write the held state, whole or not at all, unless it was written already."""


class Checkpoints(Checkpoint):
    """Holds the state about once a second, and writes it regularly and on an interruption.

    An interruption loses the epochs since the last held state, the current one included. A large
    state is held less often, so that holding takes at most 2 % of the time.

    Args:
        storage: holds and writes the state.
        every_seconds: seconds between two checkpoints that are written; ``None`` to write only
            on an interruption.
        flush: writes the records to disk. It is called before each checkpoint is written, because
            a checkpoint refers to the rows recorded so far.
    """

    def __init__(
        self,
        storage: Storage,
        every_seconds: float | None,
        flush: Callable[[Any], None],
    ) -> None:
        self.storage = storage
        self.every_seconds = every_seconds
        self.flush = flush
        self._held_at = self._written_at = monotonic()
        self._interval = _MIN_INTERVAL

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Hold the state, and write it, if each is due."""
        now, every = monotonic(), self.every_seconds
        is_due = every is not None and now - self._written_at >= every
        if not trainer.global_step or not (is_due or now - self._held_at >= self._interval):
            return
        self.storage.hold(trainer, pl_module)
        self._held_at = monotonic()
        self._interval = max(_MIN_INTERVAL, _INTERVAL_FACTOR * (self._held_at - now))
        if is_due:
            self.flush(pl_module)
            self.storage.write()
            self._written_at = now

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write the held state, if the exception is a ``KeyboardInterrupt``."""
        if isinstance(exception, KeyboardInterrupt):
            with (
                interrupts_deferred(),
                suppress(OSError),
            ):  # if the disk is full, an older one remains
                self.flush(pl_module)
                self.storage.write()


class TrainingProgress(Protocol):
    """The progress of a training that a checkpoint holds."""

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def global_step(self) -> int: ...  # noqa: D102
    @property
    def has_ended(self) -> bool: ...  # noqa: D102


def set_progress(trainer: pl.Trainer, progress: TrainingProgress) -> None:
    """Set the counters of a Trainer to the progress of a checkpoint."""
    n_epochs, n_steps = progress.epoch, progress.global_step
    if progress.has_ended:
        trainer.fit_loop.max_epochs = n_epochs
    epochs: Any = trainer.fit_loop.epoch_progress
    loop = trainer.fit_loop.epoch_loop
    steps = loop.automatic_optimization.optim_progress.optimizer.step
    for epoch in (epochs.current, epochs.total):
        epoch.ready = epoch.started = epoch.processed = epoch.completed = n_epochs
    steps.total.ready = steps.total.completed = n_steps
    loop._batches_that_stepped = n_steps  # the step that loggers get
