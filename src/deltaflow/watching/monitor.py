"""Watches a training under Lightning."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from torch import Tensor

from deltaflow.experiment.results.result import Run
from deltaflow.records import METRICS
from deltaflow.watching.measuring.cadence import Cadence
from deltaflow.watching.measuring.loss_graph import loss_facts
from deltaflow.watching.recorder import WatchedTraining
from deltaflow.watching.verdicts.fail_on import check_kinds, raise_for_findings

_NAMES = {"acc": "accuracy", "f1": "macro_f1"}


class FlowMonitor(pl.Callback):
    """Watches how gradients flow through any LightningModule.

    It works with automatic and manual optimization, several optimizers, accumulation, clipping and
    mixed precision, on one device. It writes a run directory, and charts to the Trainer's
    TensorBoard logger.

    Args:
        directory: directory of the records; ``None`` for ``deltaflow`` in the Trainer's log
            directory.
        every_n_steps: n, to measure steps 0, n, 2n, …; ``None`` for growing distances, as in
            `watch`. With automatic optimization the last step is measured too.
        seed: the seed, which distinguishes repetitions in a report; ``None`` for that of
            ``seed_everything``, or 0.
        settings: settings by name that a report compares; ``None`` for the module's ``hparams``.
        fail_on: kinds of findings that raise an error at the end.

    Attributes:
        run: the run; ``None`` before the training has ended.
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        every_n_steps: int | None = None,
        seed: int | None = None,
        settings: Mapping[str, str | float | None] | None = None,
        fail_on: Sequence[str] = (),
    ) -> None:
        check_kinds(fail_on)
        self.directory = directory
        self.every_n_steps = every_n_steps
        self.seed = seed
        self.settings = settings
        self.fail_on = fail_on
        self.run: Run | None = None
        self._training: WatchedTraining | None = None
        self._updates = 0
        self._loss: Tensor | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Create the records."""
        seed = int(os.environ.get("PL_GLOBAL_SEED", 0)) if self.seed is None else self.seed
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        parts = trainer.accumulate_grad_batches

        def scale() -> float:
            whole = 1.0 if scaler is None else float(scaler.get_scale())
            return whole / float(parts)

        directory = self.directory or Path(trainer.log_dir or trainer.default_root_dir, "deltaflow")
        settings = _settings(pl_module.hparams) if self.settings is None else self.settings
        planned, last = trainer.estimated_stepping_batches, None
        if isinstance(planned, int) and pl_module.automatic_optimization:
            last = planned - 1
        cadence = Cadence(self.every_n_steps, last)
        self._training = WatchedTraining(
            pl_module, directory, cadence, seed, settings, scale, trainer.loggers, True
        )

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Attach hooks to the model if the step is to be measured."""
        assert self._training is not None
        self._updates = trainer.global_step
        self._training.begin_step()

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """End the measurement of the forward pass."""
        assert self._training is not None
        self._training.end_forward()
        if self._training.step == 0:
            self._training.observations.loss = loss_facts(loss)
        self._loss = loss.detach() * trainer.accumulate_grad_batches

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure the update if there was one; with accumulation, some batches have none."""
        assert self._training is not None
        if trainer.global_step > self._updates:
            self._training.end_step(self._loss)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Record the metrics of the epoch."""
        assert self._training is not None
        self._training.end_epoch(_validation(trainer.callback_metrics))

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the records, with verdicts and the picture."""
        assert self._training is not None
        self.run = self._training.complete()
        self._training = None
        raise_for_findings(self.run, self.fail_on)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write what was measured so far."""
        if self._training is not None:
            self._training.abort(exception)
            self._training = None


def _settings(hparams: Mapping[str, Any]) -> dict[str, str | float | None]:
    """The hyperparameters that are numbers or texts."""
    return {
        str(name): value
        for name, value in hparams.items()
        if value is None or isinstance(value, str | int | float)
    }


def _validation(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The validation metrics among a Trainer's metrics, by their names in the metrics table."""
    found = {}
    for key, value in metrics.items():
        part, _, name = key.replace("/", "_").partition("_")
        name = _NAMES.get(name, name)
        if part in ("val", "valid", "validation") and name in METRICS.quantities:
            found[name] = float(value)
    return found
