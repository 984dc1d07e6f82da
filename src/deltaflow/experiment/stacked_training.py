"""Trains runs as one stack, each with records and checkpoints of its own."""

from collections.abc import Sequence

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from deltaflow.experiment.active_run import ActiveRun
from deltaflow.experiment.building.trainer import configured_threads, make_trainer
from deltaflow.experiment.checkpoints.archive import CHECKPOINT, read_archive
from deltaflow.experiment.checkpoints.storage import (
    StackStorage,
    checkpoints,
    content_of,
    write_checkpoint,
)
from deltaflow.experiment.completion import complete_runs, picture_process
from deltaflow.experiment.planning.identity import settings_text
from deltaflow.system.errors import UserError
from deltaflow.training.callbacks import FlowRecorder, HistogramRecorder, MetricRecorder, Progress
from deltaflow.training.callbacks.checkpoints import set_progress
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import tensorboards
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.stack import Stack


def train_stack(runs: Sequence[ActiveRun], bar: Progress | None) -> None:
    """Train runs as one stack, and complete them.

    Args:
        runs: assembled runs with the same :func:`stack_key`.
        bar: the command's progress bar; ``None`` for none.

    Raises:
        Exception: any error that a part of one run raises while all are trained.
    """
    first, config = runs[0], runs[0].plan.config
    stack = Stack([run.module for run in runs], [_part_keys(run.plan.config) for run in runs])
    destinations = [
        run.destination(own.start, in_stack=True)
        for run, own in zip(runs, stack.slices, strict=True)
    ]
    data = ReplicaDataModule.joined([run.data for run in runs])
    callbacks = recorders(config, destinations, first.loggers, bar)
    storage = StackStorage([run.plan.directory for run in runs])
    callbacks.append(checkpoints(config, storage, callbacks, [run.flush for run in runs]))
    trainer = make_trainer(config, data, first.plan.directory, callbacks, [])
    if first.progress is not None:
        set_progress(trainer, first.progress)
        stack.resume(
            [read_archive(run.plan.directory, lambda kept, _: dict(kept)) or {} for run in runs]
        )
    names = [run.plan.directory.name for run in runs]
    for run in runs:
        run.begin_training(trainer.strategy.root_device, names)
    with picture_process(len(runs)) as drawer:
        with configured_threads(config, stack, data, first.progress):
            trainer.fit(stack, datamodule=data)
            require_complete_training(trainer)
            for index, run in enumerate(runs):
                with run.errors_contained():
                    run.flush()
                    content = content_of(stack.checkpoint(index))
                    write_checkpoint(run.plan.directory / CHECKPOINT, content)
            stack.copy_to_runs()
            if data.has_test:
                trainer.test(stack, datamodule=data, verbose=False)
                stack.copy_to_runs()
        steps = [stack.n_steps(own) for own in stack.slices]
        active = [pair for pair in zip(runs, steps, strict=True) if pair[0].is_active]
        complete_runs(active, drawer, bar)


def require_complete_training(trainer: pl.Trainer) -> None:
    """Check that a training has reached its end: Lightning swallows some exceptions.

    Raises:
        ValueError: if a part has ended the training by an exception.
    """
    if not trainer.fit_loop.done:
        raise UserError(
            "A training must go on to its last epoch, or to where a part asks it to stop. Found "
            f"that one broke it off after {trainer.global_step} updates, by an exception that "
            "Lightning takes for an end. Let it set `trainer.should_stop = True`."
        )


def recorders(
    config: DictConfig,
    destinations: Sequence[Destination],
    loggers: Sequence[Logger],
    bar: Progress | None,
) -> list[pl.Callback]:
    """The callbacks that record a training.

    Args:
        config: the configuration of any run of the training.
        destinations: the tables and loggers of each run.
        loggers: the loggers of any run of the training.
        bar: the command's progress bar; ``None`` for none.
    """
    made: list[pl.Callback] = [MetricRecorder(destinations)]
    stops = config.trainer.early_stopping.patience is not None
    diagnostics, may_end_early = config.diagnostics, bool(config.callbacks) or stops
    if (n := diagnostics.every_n_steps) is not None:
        rows, ranks = diagnostics.probe_rows, diagnostics.effective_rank
        made.append(FlowRecorder(destinations, n, rows, ranks, may_end_early))
    if (n := diagnostics.histogram_every_n_steps) is not None and tensorboards(loggers):
        made.append(HistogramRecorder(destinations, n, may_end_early))
    if bar is not None:
        made.append(bar)
    return made


def _part_keys(config: DictConfig) -> dict[str, str]:
    """A text for each part of a run, which is equal for runs that have the same part."""
    groups = {
        "activation": ["activation"],
        "loss": ["loss"],
        "optimizer": ["optimizer", "scheduler"],
    }
    keys = {
        part: settings_text([OmegaConf.to_container(config[name], resolve=True) for name in names])
        for part, names in groups.items()
    }
    if config.loss.get("class_weight") is not None:  # the weights depend on the labels
        keys["loss"] += f" {config.data.label_noise}"
    return keys
