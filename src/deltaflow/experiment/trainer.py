"""The Trainer: on what, how precisely, how long, and with how many threads."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, SimpleProfiler
from omegaconf import DictConfig

from deltaflow.data import ReplicaData
from deltaflow.experiment.archive import Storage
from deltaflow.system.errors import UserError
from deltaflow.training.module import StackedModule

_LIBRARIES = r"(lightning|torch|tensorboard)\b"
_WORTH_THREADS = 2**26  # multiplications of one layer in one step: some milliseconds


def make_trainer(
    config: DictConfig,
    data: ReplicaData,
    directory: Path,
    run_callbacks: Sequence[pl.Callback],
    run_loggers: Sequence[Logger],
    storage: Storage | None = None,
) -> pl.Trainer:
    """The Trainer: one device, checkpoints where there is a storage for them, no output of its own.

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
        enable_checkpointing=storage is not None,
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


def threads(config: DictConfig, module: StackedModule, data: ReplicaData) -> int:
    """How many threads PyTorch computes with on the processor.

    Small layers are done before threads have met, and on cores that others use as well,
    waiting for each other can cost ten times the computation. So a small stack gets one.
    """
    if config.trainer.threads is not None:
        return int(config.trainer.threads)
    network = module.network
    products = max(layer.fan_in * layer.fan_out for layer in network.layers)
    small = products * network.n_replicas * data.batch_size < _WORTH_THREADS
    return 1 if small else torch.get_num_threads()


@contextmanager
def computed_by(number: int) -> Iterator[None]:
    """Let PyTorch compute with so many threads, and leave it as it was.

    Args:
        number: of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
