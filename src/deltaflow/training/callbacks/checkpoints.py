"""Keeps what it takes to go on with a training, exactly, as it was at the start of an epoch.

Whatever is drawn is a function of a seed and a step, so no state of a generator is needed; and at
the start of an epoch nothing is half done.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from deltaflow.system.signals import held_back

_MOMENT = 1.0  # seconds: what an interruption loses, but for the epoch that it comes in
_RARELY = 50  # times as long as holding the state takes, where that is more


class Storage(Protocol):
    """Where a checkpoint is held, and written whole or not at all."""

    def hold(self, trainer: Any, module: Any) -> None:
        """Hold the state of a training."""

    def write(self) -> None:
        """Write what is held, if that is not done yet."""


class Checkpoints(Checkpoint):
    """Holds the state every second, and writes it at a cadence and when it is interrupted.

    A large state is held less often, so that a fiftieth of the time goes into it at most.

    Args:
        storage: that holds the state and writes it.
        every_seconds: between two that are written; ``None`` for none but at an interruption.
        flush: writes all that was recorded, before a checkpoint says that it was.
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
        self._pause = _MOMENT

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Hold the state, and write it, if that is due."""
        now, every = monotonic(), self.every_seconds
        is_due = every is not None and now - self._written_at >= every
        if not trainer.global_step or not (is_due or now - self._held_at >= self._pause):
            return
        self.storage.hold(trainer, pl_module)
        self._held_at = monotonic()
        self._pause = max(_MOMENT, _RARELY * (self._held_at - now))
        if is_due:
            self.flush(pl_module)
            self.storage.write()
            self._written_at = now

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write the state that is held, if somebody asked the training to stop."""
        if isinstance(exception, KeyboardInterrupt):
            with held_back(), suppress(OSError):  # the disk may be full: there is an older one
                self.flush(pl_module)
                self.storage.write()


class Done(Protocol):
    """What of a training is done: its epochs and updates, or all of it."""

    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def global_step(self) -> int: ...  # noqa: D102
    @property
    def has_ended(self) -> bool: ...  # noqa: D102


def start_from(trainer: pl.Trainer, done: Done) -> None:
    """Let a Trainer count on from what is done."""
    n_epochs, n_steps = done.epoch, done.global_step
    if done.has_ended:
        trainer.fit_loop.max_epochs = n_epochs
    epochs: Any = trainer.fit_loop.epoch_progress
    loop = trainer.fit_loop.epoch_loop
    steps = loop.automatic_optimization.optim_progress.optimizer.step
    for epoch in (epochs.current, epochs.total):
        epoch.ready = epoch.started = epoch.processed = epoch.completed = n_epochs
    steps.total.ready = steps.total.completed = n_steps
    loop._batches_that_stepped = n_steps  # by which loggers count
