"""One run under a Trainer that waits: an update is made when somebody asks for it.

The Trainer, the callbacks that record and all that they measure are those of a run. They work in
a thread of their own, which one more callback holds before each update; while it is held, and now
and then while it runs, the networks are looked at there, where nothing changes them meanwhile.
"""

import atexit
import math
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from omegaconf import DictConfig

from deltaflow.config.messages import explain
from deltaflow.experiment import assembly, builders
from deltaflow.experiment.stacked_training import recorders
from deltaflow.experiment.trainer import computed, make_trainer, quiet_lightning
from deltaflow.live_page.evaluation import Outcome, Watched, look
from deltaflow.live_page.history import Course, Metrics
from deltaflow.records import METRICS
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.datamodule import ReplicaDataModule

_SHARE = 0.15  # of the time, at most, that looking at networks takes while they train


class ClosedError(BaseException):
    """Nobody watches this training any more; no `Exception`, for Lightning to pass on."""


class Training:
    """A run that is trained update by update.

    Args:
        config: of the run.
        data: that it trains on, and nobody else.

    Attributes:
        seeds: of its replicas.
        course: what was measured so far.
        outcome: the last look; ``None`` before the first.
        error: the message of what broke the training off.
        has_ended: whether it has made its last update.
    """

    def __init__(self, config: DictConfig, data: ReplicaDataModule) -> None:
        self.config = config
        self.seeds = builders.seeds(config)
        self.course = Course(Metrics(METRICS.frame({})))
        self.outcome: Outcome | None = None
        self.error: str | None = None
        self.has_ended = False
        self.n_steps = 0
        self.epoch_steps = 1
        self._data = data
        self._turn = threading.Condition()
        self._upto: float = 0  # updates that may be made
        self._pause = 0.0  # seconds between two of them
        self._shown: int | None = None  # the replica that is looked at
        self._is_stale = False  # whether what is shown is not what was last looked at
        self._closed = False
        self._looked_at, self._look_took = -math.inf, 0.0
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)
        self._thread.start()
        atexit.register(self.close, wait=True)  # PyTorch does not bear to be left in the middle

    @property
    def is_playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._upto == math.inf and not self.has_ended and self.error is None

    def play(self, steps_per_second: float = math.inf) -> None:
        """Go on until it is paused, no faster than that."""
        self._pause = 1 / steps_per_second
        self._allow(math.inf)

    def pause(self) -> None:
        """Stop after the update that is being made."""
        self._allow(0)

    def step(self) -> None:
        """Make one update."""
        self._pause = 0.0
        self._allow(self.n_steps + 1)

    def epoch(self) -> None:
        """Make the updates that are left of the epoch, with its validation."""
        self._pause = 0.0
        self._allow((self.n_steps // self.epoch_steps + 1) * self.epoch_steps)

    def show(self, replica: int | None) -> None:
        """Look at one replica, or ``None`` for all."""
        with self._turn:
            self._shown, self._is_stale = replica, True
            self._turn.notify_all()

    def close(self, wait: bool = False) -> None:
        """Break off, and let go of the memory.

        Args:
            wait: until it has.
        """
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if wait:
            self._thread.join()

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until it has made what was asked for, and was looked at.

        Raises:
            TimeoutError: if it takes longer.
        """
        with self._turn:
            if not self._turn.wait_for(self._is_resting, seconds):
                raise TimeoutError(f"A step took longer than {seconds:g} s.")

    def _is_resting(self) -> bool:
        is_made = self.n_steps >= self._upto or self.has_ended
        return self.error is not None or (is_made and not self._is_stale)

    def _allow(self, n_steps: float) -> None:
        with self._turn:
            self._upto, self._is_stale = n_steps, True
            self._turn.notify_all()

    def _run(self) -> None:
        try:
            with quiet_lightning(), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the verdict says it
                self._train()
        except ClosedError:
            pass
        except Exception as error:  # whatever a setting leads to
            with self._turn:
                self.error = explain(error)
                self._turn.notify_all()
        finally:
            atexit.unregister(self.close)

    def _train(self) -> None:
        config, data = self.config, self._data
        module = assembly.module(config, data)
        theory = builders.theory(config, data, module.objective)
        destination = Destination(
            seeds=self.seeds,
            folds=builders.folds(config),
            layers=self.course.layers,
            metrics=self.course.metrics,
            theory=theory,
        )
        watched = Watched.of(config, data, module, theory)
        gate = Gate(self, watched)
        callbacks = [gate, *recorders(config, [destination], [], None), *assembly.callbacks(config)]
        trainer = make_trainer(config, data, Path(), callbacks, [])
        with computed(config, module, data):
            trainer.fit(module, datamodule=data)
            if data.has_test:
                trainer.test(module, datamodule=data, verbose=False)
        self.course.note(trainer.global_step, module.losses)
        with self._turn:
            self.has_ended = self._is_stale = True
        while True:
            self.hold(watched, trainer.global_step)

    def hold(self, watched: Watched, n_steps: int) -> None:
        """Wait, before an update or after the last, until the next one may be made.

        Raises:
            ClosedError: if there will be none.
        """
        with self._turn:
            self._is_stale |= n_steps != self.n_steps
            self.n_steps = n_steps
            if self._pause:
                self._turn.wait_for(lambda: self._closed or not self.is_playing, self._pause)
            while not self._closed:
                goes_on = n_steps < self._upto and not self.has_ended
                if self._is_time() if goes_on else self._is_stale:
                    self._look_at(watched)
                if goes_on:
                    return
                self._turn.notify_all()  # somebody may wait for this rest
                self._turn.wait_for(lambda: self._closed or self._is_stale)
        raise ClosedError

    def _is_time(self) -> bool:
        """Whether looking again takes no more than its share of the time."""
        return time.perf_counter() - self._looked_at > max(0.25, self._look_took / _SHARE)

    def _look_at(self, watched: Watched) -> None:
        shown, self._is_stale = self._shown, False
        self._turn.release()  # buttons work meanwhile
        try:
            began = time.perf_counter()
            if self.n_steps:
                self.outcome = look(self.course, watched, self.n_steps, shown)
            self._looked_at = time.perf_counter()
            self._look_took = self._looked_at - began
        finally:
            self._turn.acquire()


class Gate(pl.Callback):
    """Holds a training before each of its updates.

    Args:
        training: that says when one may be made.
        watched: what is looked at while it waits.
    """

    def __init__(self, training: Training, watched: Watched) -> None:
        self.training = training
        self.watched = watched

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Learn how many updates an epoch has."""
        self.training.epoch_steps = int(trainer.num_training_batches)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Wait; all that came of earlier updates is recorded."""
        self.training.course.note(trainer.global_step, getattr(pl_module, "losses", None))
        self.training.hold(self.watched, trainer.global_step)
