"""Which runs of a sweep can be trained as one stack, and how they are."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch.optim import Optimizer

from deltaflow.config import limits
from deltaflow.config.instantiation import part_factory
from deltaflow.experiment import builders
from deltaflow.experiment.active_run import RunUnderWay
from deltaflow.experiment.checkpoints.archive import CHECKPOINT, read_archive
from deltaflow.experiment.checkpoints.storage import (
    StackStorage,
    checkpoints,
    content_of,
    write_checkpoint,
)
from deltaflow.experiment.completion import conclude, drawing_beside
from deltaflow.experiment.trainer import computed, make_trainer
from deltaflow.system.errors import UserError
from deltaflow.system.memory import available_memory
from deltaflow.training.callbacks import FlowRecorder, HistogramRecorder, MetricRecorder, Progress
from deltaflow.training.callbacks.checkpoints import start_from
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.tensorboard import tensorboards
from deltaflow.training.coupling import shares_a_pass
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.stack import Stack

_OWN = ("activation", "init", "loss", "optimizer", "scheduler", "seed", "n_seeds", "sweep")
_OWN_KEYS = (("network", "dropout"), ("trainer", "gradient_clip_norm"), ("data", "label_noise"))
"""Settings in which the runs of a stack may differ: they act on a replica alone."""

_USUAL_STEP = 0.01
_UNKNOWN = 2**32  # bytes of memory, where the system does not tell
_SHARE = 4  # of the memory: a stack takes a quarter of what is free
_COPIES = (
    6  # of a weight, and of what passes through a layer: gradients, averages, what is measured
)
_ROWS = 1000  # that a network trains on, where only the data itself would tell
_MINUTES = 10 * 60 * 2**32  # multiplications in ten minutes: what a killed stack costs at most


def shape(config: DictConfig) -> str | None:
    """What two runs must have in common to be trained as one stack.

    Args:
        config: of a run.

    Returns:
        A text that is equal for such runs; ``None`` for a run that must be trained alone: it has
        callbacks, a profiler, or an optimizer that mixes replicas or asks for the loss several
        times a step.
    """
    try:
        names = sorted(map(str, config.logger))  # each run has its own, which write elsewhere
        kept = [str(key) for key in config if key not in ("logger", "hydra")]
        tree: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, kept), resolve=True)
        tree["logger"] = names
        alone = tree["callbacks"] or tree["trainer"]["profiler"]
        if alone or not _shares_a_pass(_text(_with_usual_step(tree["optimizer"]))):
            return None
        for key in _OWN:
            del tree[key]
        for group, key in _OWN_KEYS:
            del tree[group][key]
    except Exception:  # settings that no run can have: the run itself will say so
        return None
    return _text(tree)


def most_networks(config: DictConfig, n_processes: int = 1) -> int:
    """How many networks may be trained as one stack.

    What ``sweep.max_networks`` says; or, if that is ``null``, what fits into a quarter of the
    memory that is free, and trains in about ten minutes, which is what a kill costs.

    Args:
        config: of one of the runs.
        n_processes: which share the memory.
    """
    if (asked := config.sweep.max_networks) is not None:
        return int(asked)
    try:
        limits.check_values(config)
    except ValueError:  # each of the runs will say so
        return 1
    sizes = builders.hidden_sizes(config)
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise([1, *sizes, 1]))
    rows = config.data.batch_size or config.diagnostics.probe_rows
    n_bytes = _COPIES * (parameters + rows * (sum(sizes) + 2)) * builders.dtype(config).itemsize
    there = (available_memory() or _UNKNOWN) // _SHARE // n_processes
    samples = config.data.train_rows or config.data.get("n_samples") or _ROWS
    products = 3 * parameters * samples * config.trainer.max_epochs  # forward, and twice back
    return int(max(1, min(there // n_bytes, _MINUTES // products)))


def train_together(runs: Sequence[RunUnderWay], bar: Progress | None) -> None:
    """Train runs as one stack, and bring them to their ends.

    Args:
        runs: assembled, of one shape.
        bar: of the whole command; ``None`` for none.

    Raises:
        Exception: whatever one of them raised while all trained.
    """
    first, config = runs[0], runs[0].plan.config
    stack = Stack([run.module for run in runs], [_kinds(run.plan.config) for run in runs])
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
        start_from(trainer, first.progress)
        stack.resume(
            [read_archive(run.plan.directory, lambda kept, _: dict(kept)) or {} for run in runs]
        )
    names = [run.plan.directory.name for run in runs]
    for run in runs:
        run.begin_training(trainer.strategy.root_device, names)
    with drawing_beside(len(runs)) as artist:
        threads = None if first.progress is None else first.progress.threads
        with computed(config, stack, data, threads):
            trainer.fit(stack, datamodule=data)
            require_end(trainer)
            for index, run in enumerate(runs):
                with run.step():
                    run.flush()
                    content = content_of(stack.checkpoint(index))
                    write_checkpoint(run.plan.directory / CHECKPOINT, content)
            stack.hand_back()
            if data.has_test:
                trainer.test(stack, datamodule=data, verbose=False)
                stack.hand_back()
        steps = [stack.n_steps(own) for own in stack.slices]
        going = [pair for pair in zip(runs, steps, strict=True) if pair[0].is_going]
        conclude(going, artist, bar)


def require_end(trainer: pl.Trainer) -> None:
    """Refuse a training that a part broke off: Lightning takes some exceptions for an end.

    Raises:
        ValueError: if one did.
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
        config: of one of the runs.
        destinations: the runs.
        loggers: of one of the runs.
        bar: of the whole command; ``None`` for none.
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


def _kinds(config: DictConfig) -> dict[str, str]:
    """What tells a run's parts from those of others, by part."""
    groups = {
        "activation": ["activation"],
        "loss": ["loss"],
        "optimizer": ["optimizer", "scheduler"],
    }
    kinds = {
        part: _text([OmegaConf.to_container(config[group], resolve=True) for group in names])
        for part, names in groups.items()
    }
    if config.loss.get("class_weight") is not None:  # by the labels that a run trains on
        kinds["loss"] += f" {config.data.label_noise}"
    return kinds


def _with_usual_step(optimizer: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's settings but for its step size: what it mixes does not depend on that."""
    lr = optimizer.get("lr")
    return optimizer | {"lr": _USUAL_STEP} if isinstance(lr, float) and lr > 0 else optimizer


@cache
def _shares_a_pass(optimizer: str) -> bool:
    """Whether an optimizer moves a slice of replicas after one forward and backward pass."""
    config = OmegaConf.create({"optimizer": json.loads(optimizer)})
    return shares_a_pass(part_factory(config, "optimizer", Optimizer))


def _text(tree: Any) -> str:
    return json.dumps(tree, sort_keys=True, default=str)
