"""Builds what a training needs from its configuration: data, module, loggers and callbacks."""

import inspect
import warnings
from dataclasses import asdict
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from deltaflow.config.instantiation import build_part, part_factory
from deltaflow.data import Samples, folds_of
from deltaflow.experiment.building import builders
from deltaflow.nn.network import OUTPUT_ACTIVATIONS, FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.system.errors import UserError
from deltaflow.training.contracts import without_stop_iteration
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.early_stopping import Patience
from deltaflow.training.module import StackedModule


def datamodule(config: DictConfig, samples: Samples | None = None) -> ReplicaDataModule:
    """Build the data module; arguments and errors as for :func:`builders.data`."""
    return builders.data(config, ReplicaDataModule, samples)


def module(config: DictConfig, data: ReplicaDataModule) -> StackedModule:
    """Build the LightningModule, with the network initialised.

    Raises:
        ValueError: if the loss does not fit the data, or a part rejects its settings.
    """
    objective = builders.objective(config, data)
    activation = build_part(config, "activation", nn.Module)
    optimizer = part_factory(config, "optimizer", Optimizer)
    scheduler = part_factory(config, "scheduler", LRScheduler)
    sizes = builders.layer_sizes(config, data, objective)
    _check_batches(config, data)
    builders.check_records(config, data)
    dtype, normalization = builders.dtype(config), config.network.normalization
    network = FullyConnected(
        sizes,
        activation,
        n_replicas=len(builders.seeds(config)),
        output_activation=_output_activation(config, objective),
        dtype=dtype,
        normalization=normalization,
        dropout=config.network.dropout,
    )
    network.initialize(builders.initializer(config, sizes), builders.seeds(config))
    architecture = {
        "sizes": sizes,
        "seeds": builders.seeds(config),
        "activation": OmegaConf.to_container(config.activation, resolve=True),
        "output_activation": config.network.output_activation,
        "dtype": str(dtype).removeprefix("torch."),
        "normalization": normalization,
        "dropout": config.network.dropout,
    }
    own_prediction = type(objective).predict is not Objective.predict
    checkpoint_entries = {
        "architecture": architecture,
        "preprocessing": data.preprocessing.to_primitives(),
        "folds": folds_of(data.preprocessings),
        "head": None if own_prediction else asdict(objective.head),
    }
    clip_norm = config.trainer.gradient_clip_norm
    patience = _patience(config, data, objective)
    return StackedModule(
        network, objective, optimizer, scheduler, clip_norm, checkpoint_entries, patience
    )


def loggers(config: DictConfig) -> list[Logger]:
    """Build the loggers that the configuration names.

    Raises:
        ValueError: if an object is not a Lightning logger.
    """
    return _by_name(config, "logger", Logger)


def callbacks(config: DictConfig) -> list[pl.Callback]:
    """Build the callbacks that the user added to the configuration.

    Raises:
        ValueError: if an object is not a Lightning callback, or if it is ``EarlyStopping`` and
            there are several replicas, which would all stop at once.
    """
    own = _by_name(config, "callbacks", pl.Callback)
    n_replicas = len(builders.seeds(config))
    if n_replicas > 1 and any(isinstance(callback, EarlyStopping) for callback in own):
        raise UserError(
            f"Lightning's EarlyStopping must judge one network. Found it with {n_replicas}, of "
            "seeds or of folds, where one would stop the others. Use "
            "`trainer.early_stopping.patience=10`, which stops each by itself, or `n_seeds=1`."
        )
    return own


def _output_activation(config: DictConfig, objective: Objective) -> nn.Module | None:
    name = config.network.output_activation
    if name is None:
        return None
    if name not in OUTPUT_ACTIVATIONS:
        raise UserError(
            f"`network.output_activation` must be one of {', '.join(OUTPUT_ACTIVATIONS)}, or "
            f"null. Found {name}. Use null: the losses take logits."
        )
    if objective.link is not None:
        warnings.warn(
            f"The loss has its {objective.link} inside, and `network.output_activation={name}` is "
            "applied before it: the gradient is attenuated twice. Use it to see that.",
            stacklevel=2,
        )
    return OUTPUT_ACTIVATIONS[name]


def _patience(config: DictConfig, data: ReplicaDataModule, objective: Objective) -> Patience | None:
    """The criterion of early stopping; ``None`` if early stopping is off.

    Raises:
        ValueError: if there is no validation part, or the loss does not have the metric.
    """
    settings = config.trainer.early_stopping
    if settings.patience is None:
        return None
    if not data.has_validation:
        raise UserError(
            "`trainer.early_stopping` watches the validation part. Found none. "
            "Use `data.split=[0.6,0.2,0.2]`, or `trainer.early_stopping.patience=null`."
        )
    known = ["loss", *objective.metric_names]
    if settings.metric not in known:
        raise UserError(
            f"`trainer.early_stopping.metric` must be one of {', '.join(known)}. Found "
            f"{settings.metric}. Use `trainer.early_stopping.metric=loss`."
        )
    return Patience(settings.patience, settings.metric, settings.min_delta)


def _check_batches(config: DictConfig, data: ReplicaDataModule) -> None:
    last = data.n_rows[0] % data.batch_size or data.batch_size
    if config.network.normalization == "batch" and last == 1:
        raise UserError(
            "`network.normalization=batch` needs at least 2 samples in each batch. Found 1 in the "
            f"last, with {data.n_rows[0]} rows and `data.batch_size={data.batch_size}`. Use "
            "another `data.batch_size`, or `network.normalization=layer`."
        )


def _by_name(config: DictConfig, group: str, kind: type) -> list[Any]:
    made = [build_part(config, f"{group}.{name}", kind) for name in config[group]]
    hooks = [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"]
    for part in made:
        for hook in hooks:
            setattr(part, hook, without_stop_iteration(getattr(part, hook)))
    return made
