"""The Trainer: on what, how precisely, how long, and with how many threads."""

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
from deltaflow.experiment.checkpoints.storage import Storage
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError
from deltaflow.training.module import StackedModule
from deltaflow.training.parts import number_of_parts
from deltaflow.training.stack import Stack

_LIBRARIES = r"(lightning|torch|tensorboard|mlflow)\b"
_TRIALS = 3  # passes, of which the fastest counts
_WORTH_IT = 0.8  # of the time with one thread
_ENOUGH = 2**21  # multiplications of a forward pass; with fewer, threads wait longer than they work


def make_trainer(
    config: DictConfig,
    data: ReplicaData,
    directory: Path,
    run_callbacks: Sequence[pl.Callback],
    run_loggers: Sequence[Logger],
    storage: Storage | None = None,
) -> pl.Trainer:
    """The Trainer: one device, checkpoints where a callback keeps them, no output of its own.

    Raises:
        ValueError: if the accelerator is not there, or cannot work in this precision.
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
        log_every_n_steps=1,  # what is logged is logged by epoch
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def computed(
    config: DictConfig, module: StackedModule, data: ReplicaData, threads: int | None = None
) -> Iterator[None]:
    """Let the cores of the processor share the work, and leave PyTorch as it was.

    The parts of a large stack go to threads of ours, which meet once a step. Within one part
    PyTorch's own threads meet in every product: whether that helps is tried, unless
    ``trainer.threads`` says how many there are. A training that goes on takes as many as it began
    with: others would add up in another order.

    Args:
        config: of the run, or of one of a stack.
        module: that is trained.
        data: that it is trained on.
        threads: of the training that goes on; ``None`` if one begins.
    """
    before = torch.get_num_threads()
    number = config.trainer.threads or before
    network = module.network
    in_parts = number_of_parts(network, data.batch_size) > 1
    if not in_parts and config.trainer.threads is None:
        if threads is not None:
            number = max(1, min(threads, os.cpu_count() or 1))
        elif not _helps(network, data, number):
            number = 1
    for one in module.runs if isinstance(module, Stack) else [module]:
        one.kept["threads"] = number
    torch.set_num_threads(1 if in_parts else number)
    try:
        with module.workers.at_work(number if in_parts else 1):
            yield
    finally:
        torch.set_num_threads(before)


def _helps(network: FullyConnected, data: ReplicaData, number: int) -> bool:
    """Whether a forward and backward pass takes less time with so many threads than with one.

    Small networks are not tried, so that chance decides nothing: their records are the same again.
    """
    n_products = network.n_replicas * network.n_parameters * data.batch_size
    if number < 2 or n_products < _ENOUGH:
        return False
    seconds: dict[int, float] = {}
    trial = copy.deepcopy(network)
    x = torch.zeros(network.n_replicas, data.batch_size, data.n_features).to(trial.layers[0].weight)
    try:
        for n in (1, number) * _TRIALS:
            torch.set_num_threads(n)
            started = time.perf_counter()
            trial(x).sum().backward()
            seconds[n] = min(seconds.get(n, math.inf), time.perf_counter() - started)
    except Exception:  # of the user's own code, which will say so in training
        return False
    return seconds[number] < _WORTH_IT * seconds[1]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's remarks on devices and epochs out of the way; warnings still come."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # All schedules go by epoch here, the one-cycle too; Lightning would rather have steps.
            for category in (DeprecationWarning, FutureWarning):  # of libraries among themselves
                warnings.filterwarnings("ignore", category=category, module=_LIBRARIES)
            warnings.filterwarnings("ignore", message=r".* scheduler is using 'interval': 'epoch'")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def device_name(device: torch.device) -> str:
    """What a device is called in the records."""
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
