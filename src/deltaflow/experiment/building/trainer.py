"""Builds Lightning's Trainer, and sets the number of threads."""

import copy
import logging
import math
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, SimpleProfiler
from omegaconf import DictConfig

from deltaflow.data import ReplicaData
from deltaflow.experiment.checkpoints.archive import CheckpointProgress
from deltaflow.experiment.checkpoints.storage import Storage
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError
from deltaflow.training.module import StackedModule
from deltaflow.training.parts import number_of_parts
from deltaflow.training.stack import Stack

_LIBRARIES = r"(lightning|torch|tensorboard|mlflow)\b"
_N_TIMED = 3  # passes that are timed; the fastest counts
_WORTH_IT = 0.8  # share of the time with one thread that several threads may take
_ENOUGH = 2**21  # multiplications of a forward pass; with fewer, threads wait longer than they work


def make_trainer(
    config: DictConfig,
    data: ReplicaData,
    directory: Path,
    run_callbacks: Sequence[pl.Callback],
    run_loggers: Sequence[Logger],
    storage: Storage | None = None,
) -> pl.Trainer:
    """Build a Trainer with one device, without output of its own.

    It writes checkpoints, by ``storage``, if one of the callbacks is a ``Checkpoint``.

    Raises:
        ValueError: if the accelerator is missing, or does not support the precision.
    """
    accelerator = _accelerator(config)
    limit = config.trainer.max_batches
    return pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=config.trainer.precision,
        max_epochs=config.trainer.max_epochs,
        callbacks=list(run_callbacks),
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in run_callbacks),
        logger=list(run_loggers),
        default_root_dir=directory,
        plugins=[
            LightningEnvironment(),  # a run is one process, also inside a SLURM job
            storage or Storage(),
        ],
        num_sanity_val_steps=0,
        limit_train_batches=limit,
        limit_val_batches=limit if data.has_validation else 0,
        limit_test_batches=limit,
        profiler=_profiler(config, directory),
        log_every_n_steps=1,  # values are logged once per epoch
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def configured_threads(
    config: DictConfig,
    module: StackedModule,
    data: ReplicaData,
    progress: CheckpointProgress | None = None,
) -> Iterator[None]:
    """Set the number of threads for a training, and restore PyTorch's number at the end.

    The parts of a large stack are computed by this package's own threads, which synchronise once
    per step. Otherwise PyTorch's threads synchronise in every product; whether that helps is
    measured, unless ``trainer.threads`` gives their number. A resumed training uses the same
    number as before, because sums are rounded differently with another number.

    Args:
        config: the configuration of any run of the training.
        module: the module to train.
        data: the training data.
        progress: the progress of the resumed training; ``None`` for a new training.
    """
    before = torch.get_num_threads()
    number = config.trainer.threads or before
    network = module.network
    in_parts = number_of_parts(network, data.batch_size) > 1
    if not in_parts and config.trainer.threads is None:
        if progress is not None and progress.threads is not None:
            number = max(1, min(progress.threads, os.cpu_count() or 1))
        elif not _threads_help(network, data, number):
            number = 1
    for one in module.runs if isinstance(module, Stack) else [module]:
        one.checkpoint_entries["threads"] = number
    torch.set_num_threads(1 if in_parts else number)
    try:
        with module.workers.threads(number if in_parts else 1):
            yield
    finally:
        torch.set_num_threads(before)


def _threads_help(network: FullyConnected, data: ReplicaData, number: int) -> bool:
    """Whether a forward and backward pass is faster with ``number`` threads than with one.

    Small networks always use one thread, without a measurement, so their records are reproducible.
    """
    n_products = network.n_replicas * network.n_parameters * data.batch_size
    if number < 2 or n_products < _ENOUGH:
        return False
    seconds: dict[int, float] = {}
    timed = copy.deepcopy(network)
    x = torch.zeros(network.n_replicas, data.batch_size, data.n_features).to(timed.layers[0].weight)
    try:
        for n in (1, number) * _N_TIMED:
            torch.set_num_threads(n)
            started = time.perf_counter()
            timed(x).sum().backward()
            seconds[n] = min(seconds.get(n, math.inf), time.perf_counter() - started)
    except Exception:  # from the user's own code; training will report it
        return False
    return seconds[number] < _WORTH_IT * seconds[1]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's messages, and its warnings for authors of libraries."""
    with quiet_loggers(), warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", category=category, module=_LIBRARIES)
        # Lightning expects one-cycle schedules by step, but here all schedules go by epoch.
        warnings.filterwarnings("ignore", message=r".* scheduler is using 'interval': 'epoch'")
        yield


@contextmanager
def quiet_loggers() -> Iterator[None]:
    """Silence Lightning's messages on devices and epochs."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def device_name(device: torch.device) -> str:
    """The name of a device in the records."""
    if device.type == "cuda":
        return f"{device.type} ({torch.cuda.get_device_name(device)})"
    return device.type


def _accelerator(config: DictConfig) -> str:
    wanted = config.trainer.accelerator
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted not in ("cpu", "gpu", "auto", *found):
        raise UserError(
            f"`trainer.accelerator` must be cpu, gpu or auto. Found {wanted}. "
            "Use `accelerator=auto`."
        )
    usable = next((name for name, there in found.items() if there), "cpu")
    if (wanted == "gpu" and usable == "cpu") or not found.get(wanted, True):
        raise UserError(
            f"`accelerator={wanted}` needs a graphics card that PyTorch can use. Found none. "
            "Use `accelerator=cpu`, or `accelerator=auto` to take what there is."
        )
    chosen = usable if wanted in ("gpu", "auto") else wanted
    if chosen == "mps" and config.trainer.precision == "64-true":
        raise UserError(
            "`trainer.precision=64-true` needs float64. Found MPS, which has none. "
            "Use `accelerator=cpu`, or `trainer.precision=32-true`."
        )
    return cast(str, chosen)


def _profiler(config: DictConfig, directory: Path) -> Profiler | None:
    kinds = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    name = config.trainer.profiler
    return None if name is None else kinds[name](directory, filename="profile")
