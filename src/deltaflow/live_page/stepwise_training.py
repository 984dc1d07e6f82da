"""A run that makes its updates on demand.

The Trainer and the callbacks that record are those of an ordinary run. They work in a thread of
their own, and one more callback blocks it before each update until the update is allowed. The
networks are evaluated in the same thread, so no update changes them meanwhile.
"""

import atexit
import math
import threading
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from omegaconf import DictConfig

from deltaflow.config.messages import explain
from deltaflow.experiment.building import assembly, builders
from deltaflow.experiment.building.trainer import configured_threads, make_trainer
from deltaflow.experiment.stacked_training import recorders
from deltaflow.live_page.evaluation import Evaluation, TrainingSetup, evaluate
from deltaflow.live_page.history import History
from deltaflow.live_page.silence import SILENCE
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.verdicts import copied_layers

_SHARE = 0.15  # largest share of the time that evaluations take during training


class ClosedError(BaseException):
    """Ends a training that was closed; no `Exception`, so that Lightning does not handle it."""


class Training:
    """A run that is trained update by update.

    Args:
        config: the run's configuration.
        data: the data to train on, which nothing else may use meanwhile.

    Attributes:
        seeds: seeds of the replicas.
        history: the records so far.
        evaluation: the last evaluation; ``None`` before the first.
        error: the message of the error that ended the training; ``None`` if there was none.
        has_ended: whether the last update has been made.
        n_steps: number of updates so far.
        epoch_steps: number of updates per epoch.
    """

    def __init__(self, config: DictConfig, data: ReplicaDataModule) -> None:
        self.config = config
        self.seeds = builders.seeds(config)
        self.history = History()
        self.evaluation: Evaluation | None = None
        self.error: str | None = None
        self.has_ended = False
        self.n_steps = 0
        self.epoch_steps = 1
        self._data = data
        self._condition = threading.Condition()
        self._allowed: float = 0  # number of updates that may be made
        self._pause = 0.0  # seconds between two updates
        self._shown_replica: int | None = None
        self._is_stale = False  # whether a new evaluation is needed
        self._closed = False
        self._evaluated_at, self._evaluation_seconds = -math.inf, 0.0
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)
        self._thread.start()
        atexit.register(self.close, wait=True)  # PyTorch crashes if Python ends during an update

    @property
    def is_playing(self) -> bool:
        """Whether updates are made without further requests."""
        return self._allowed == math.inf and not self.has_ended and self.error is None

    def play(self, steps_per_second: float = math.inf) -> None:
        """Make updates until paused, at most ``steps_per_second``."""
        self._pause = 1 / steps_per_second
        self._allow(math.inf)

    def pause(self) -> None:
        """Stop after the present update."""
        self._allow(0)

    def step(self) -> None:
        """Make one update."""
        self._pause = 0.0
        self._allow(self.n_steps + 1)

    def epoch(self) -> None:
        """Make the remaining updates of the epoch, with its validation."""
        self._pause = 0.0
        self._allow((self.n_steps // self.epoch_steps + 1) * self.epoch_steps)

    def show(self, replica: int | None) -> None:
        """Show the predictions of one replica; ``None`` for all."""
        with self._condition:
            self._shown_replica, self._is_stale = replica, True
            self._condition.notify_all()

    def close(self, wait: bool = False) -> None:
        """End the training and free its memory.

        Args:
            wait: whether to wait until the training has ended.
        """
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if wait:
            self._thread.join()

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the requested updates are made and evaluated.

        Raises:
            TimeoutError: if that takes longer than ``seconds``.
        """
        with self._condition:
            if not self._condition.wait_for(self._is_resting, seconds):
                raise TimeoutError(f"A step took longer than {seconds:g} s.")

    def _is_resting(self) -> bool:
        is_made = self.n_steps >= self._allowed or self.has_ended
        return self.error is not None or (is_made and not self._is_stale)

    def _allow(self, n_steps: float) -> None:
        with self._condition:
            self._allowed, self._is_stale = n_steps, True
            self._condition.notify_all()

    def _run(self) -> None:
        try:
            with SILENCE:
                self._train()
        except ClosedError:
            pass
        except Exception as error:  # a user's class may raise anything
            with self._condition:
                self.error = explain(error)
                self._condition.notify_all()
        finally:
            atexit.unregister(self.close)

    def _train(self) -> None:
        config, data = self.config, self._data
        module = assembly.module(config, data)
        theory = builders.theory(config, data, module.objective)
        destination = Destination(
            seeds=self.seeds,
            folds=builders.folds(config),
            layers=self.history.layers,
            metrics=self.history.metrics,
            theory=theory,
        )
        setup = TrainingSetup(config, data, module, theory, copied_layers(module.network))
        gate = Gate(self, setup)
        callbacks = [gate, *recorders(config, [destination], [], None), *assembly.callbacks(config)]
        trainer = make_trainer(config, data, Path(), callbacks, [])
        with configured_threads(config, module, data):
            trainer.fit(module, datamodule=data)
            if data.has_test:
                trainer.test(module, datamodule=data, verbose=False)
        self.history.add_loss(trainer.global_step, module.losses)
        with self._condition:
            self.has_ended = self._is_stale = True
        while True:
            self.hold(setup, trainer.global_step)

    def hold(self, setup: TrainingSetup, n_steps: int) -> None:
        """Wait, before an update or after the last, until the next update is allowed.

        Raises:
            ClosedError: if the training was closed.
        """
        with self._condition:
            self._is_stale |= n_steps != self.n_steps
            self.n_steps = n_steps
            if self._pause:
                self._condition.wait_for(lambda: self._closed or not self.is_playing, self._pause)
            while not self._closed:
                goes_on = n_steps < self._allowed and not self.has_ended
                if self._is_evaluation_due() if goes_on else self._is_stale:
                    self._evaluate(setup)
                if goes_on:
                    return
                self._condition.notify_all()  # for `wait`
                self._condition.wait_for(lambda: self._closed or self._is_stale)
        raise ClosedError

    def _is_evaluation_due(self) -> bool:
        """Whether another evaluation keeps to its share of the time."""
        passed = time.perf_counter() - self._evaluated_at
        return passed > max(0.25, self._evaluation_seconds / _SHARE)

    def _evaluate(self, setup: TrainingSetup) -> None:
        replica, self._is_stale = self._shown_replica, False
        self._condition.release()  # so that buttons respond meanwhile
        try:
            began = time.perf_counter()
            if self.n_steps:
                self.evaluation = evaluate(self.history, setup, self.n_steps, replica)
            self._evaluated_at = time.perf_counter()
            self._evaluation_seconds = self._evaluated_at - began
        finally:
            self._condition.acquire()


class Gate(pl.Callback):
    """Blocks a training before each update.

    Args:
        training: decides when an update may be made.
        setup: what the training works with.
    """

    def __init__(self, training: Training, setup: TrainingSetup) -> None:
        self.training = training
        self.training_setup = setup

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Note the number of updates per epoch."""
        self.training.epoch_steps = int(trainer.num_training_batches)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Record the loss of the previous update, and wait until this one is allowed."""
        self.training.history.add_loss(trainer.global_step, getattr(pl_module, "losses", None))
        self.training.hold(self.training_setup, trainer.global_step)
