"""Builds parts of a run from its configuration without Lightning: data, objective, theory."""

import itertools
import math
from collections.abc import Sequence
from contextlib import chdir
from typing import TypeVar

import numpy as np
import torch
from omegaconf import DictConfig
from torch import nn

from deltaflow.config.arguments import as_typed
from deltaflow.config.instantiation import build_part, errors_name_part, part_factory
from deltaflow.config.options import starting_folder
from deltaflow.data import ReplicaData, Samples
from deltaflow.nn.activations import traits
from deltaflow.nn.initializers import Initializer, check_variances
from deltaflow.nn.objectives import Objective
from deltaflow.records import LAYERS, METRICS
from deltaflow.system.errors import UserError
from deltaflow.system.memory import require_memory
from deltaflow.theory import Array, Theory

_LAYER_BYTES = 5_000  # Python objects of a layer, at least
_VALUE_BYTES = 8  # a number in a table
_ENOUGH_ROWS = 10_000  # rows to estimate mean(x²)
_MAX_BATCH = 64  # samples; a larger batch has nearly the same statistics
SERVING = (  # keys of `data` that are arguments of ReplicaData, not of the source
    "batch_size", "split", "split_seed", "standardize", "train_rows", "label_noise", "folds",
    "split_seeds",
)  # fmt: skip
Data = TypeVar("Data", bound=ReplicaData)


def own_seeds(config: DictConfig) -> list[int]:
    """The seeds of a run without its folds: ``seed``, ``seed + 1``, …."""
    return list(range(config.seed, config.seed + config.n_seeds))


def n_folds(config: DictConfig) -> int:
    """Number of splits of the rows; each seed has a replica for each split."""
    by_folds, by_seeds = config.data.get("folds"), config.data.get("split_seeds")
    return (by_folds if isinstance(by_folds, int) else 1) * len(by_seeds or [None])


def seeds(config: DictConfig) -> list[int]:
    """The seed of each replica: the first seed for every fold, then the next seed."""
    n = n_folds(config)
    return [seed for seed in own_seeds(config) for _ in range(n)]


def folds(config: DictConfig) -> list[int]:
    """The fold of each replica, in the order of :func:`seeds`."""
    return list(range(n_folds(config))) * int(config.n_seeds)


def data(config: DictConfig, kind: type[Data], samples: Samples | None = None) -> Data:
    """Build the data: the samples, split and standardised.

    Args:
        config: the run's configuration.
        kind: the class to build.
        samples: samples in memory, which replace the source that ``data`` names.

    Raises:
        ValueError: if the source rejects its settings, or the data cannot be split as asked.
    """
    if removed := [key for key in SERVING if key not in config.data]:
        raise UserError(
            f"`data.{removed[0]}` must have a value. Found none. "
            f"Leave `~data.{removed[0]}` out of the command."
        )
    serving = {key: value for key, value in config.data.items() if key in SERVING}
    if samples is None:
        with errors_name_part(config, "data"), chdir(starting_folder()):
            samples = Samples.of(build_part(config, "data", object, without=SERVING))
    return kind(samples, own_seeds(config), **serving, dtype=dtype(config))


def check_size(config: DictConfig) -> None:
    """Refuse a network that does not fit into memory, before anything is allocated.

    The estimate counts three numbers per weight: weight, gradient and one moment of the
    optimizer. The data are not read yet, so one feature and one target are assumed.

    Raises:
        ValueError: if the estimate exceeds the memory that is available.
    """
    network, n_replicas = config.network, config.n_seeds * n_folds(config)
    width, depth, sizes = network.width, network.depth, network.hidden_sizes
    if sizes is not None:
        asked = f"`network.hidden_sizes=[{','.join(map(str, sizes))}]`"
        layers = [(*pair, 1) for pair in itertools.pairwise([1, *sizes, 1])]
    elif depth > 0:
        asked = f"`network.depth={depth}` and `network.width={width}`"
        layers = [(1, width, 1), (width, width, depth - 1), (width, 1, 1)]
    else:
        asked, layers = "`network.depth=0`", [(1, 1, 1)]
    parameters = sum((fan_in + 1) * fan_out * times for fan_in, fan_out, times in layers)
    require_memory(
        n_replicas * parameters * 3 * dtype(config).itemsize
        + _LAYER_BYTES * sum(times for *_, times in layers),
        "The network",
        f"{asked} with `n_seeds={config.n_seeds}`{_folds_in_words(config)}",
        "Make one of them smaller.",
    )


def _folds_in_words(config: DictConfig) -> str:
    n = n_folds(config)
    return f" on {n} folds" if n > 1 else ""


def check_records(config: DictConfig, data: ReplicaData) -> None:
    """Refuse a training whose tables do not fit into memory; they are read at the end.

    Raises:
        ValueError: if the tables would exceed the memory that is available.
    """
    trainer, every = config.trainer, config.diagnostics.every_n_steps
    n_batches = min(-(-data.n_rows[0] // data.batch_size), trainer.max_batches or math.inf)
    n_steps = int(trainer.max_epochs * n_batches)
    n_layers = len(hidden_sizes(config)) + 1
    n_measured = 0 if every is None else n_steps // every + 2
    n_values = n_measured * n_layers * len(LAYERS.columns)
    n_values += 2 * trainer.max_epochs * len(METRICS.columns)
    require_memory(
        n_values * config.n_seeds * n_folds(config) * _VALUE_BYTES,
        "The records of a run",
        f"`trainer.max_epochs={trainer.max_epochs}`, which is {n_steps:,} steps, "
        f"with `diagnostics.every_n_steps={as_typed(every)}`",
        "Use fewer epochs, or measure less often.",
    )


def hidden_sizes(config: DictConfig) -> list[int]:
    """Number of units of each hidden layer, from input to output."""
    network = config.network
    if network.hidden_sizes is not None:
        return list(network.hidden_sizes)
    return [network.width] * network.depth


def objective(config: DictConfig, data: ReplicaData) -> Objective:
    """Build the objective.

    Raises:
        ValueError: if the loss does not fit the data.
    """
    make = part_factory(config, "loss", Objective)
    made: Objective = make(data.task)
    if made.weights is not None and data.n_folds > 1:
        made.weights = torch.stack([make(task).weights for task in data.tasks])
    return made


def layer_sizes(config: DictConfig, data: ReplicaData, objective: Objective) -> list[int]:
    """Number of features, of units of each hidden layer, and of outputs."""
    return [data.n_features, *hidden_sizes(config), objective.n_outputs]


def initializer(config: DictConfig, sizes: Sequence[int]) -> Initializer:
    """Build the initializer.

    Args:
        config: the run's configuration.
        sizes: number of features, then units of each layer.

    Raises:
        ValueError: if the initializer rejects its settings, or its variances are not valid.
    """
    made: Initializer = build_part(config, "init", Initializer)
    with errors_name_part(config, "init"):
        check_variances(made, sizes)
    return made


def theory(config: DictConfig, data: ReplicaData, objective: Objective) -> Theory:
    """Build the mean-field theory of the network at initialisation.

    Raises:
        ValueError: if the activation or the initializer rejects its settings or is not valid.
    """
    activation = build_part(config, "activation", nn.Module)
    traits(activation)
    sizes = layer_sizes(config, data, objective)
    normalization, batch = config.network.normalization, None
    if normalization == "batch":
        some = data.probe(min(data.batch_size, _MAX_BATCH))[0].double().cpu().numpy()
        batch = some @ some.T / some.shape[-1]
    start, dropout = initializer(config, sizes), config.network.dropout
    return Theory(sizes, activation, start, dropout, normalization, batch)


def input_second_moment(data: ReplicaData) -> Array:
    """Mean of x² over the features of each of the first training samples, ``[n_samples]``."""
    x = data.probe(_ENOUGH_ROWS)[0].double()
    return np.asarray(x.square().mean(-1).cpu().numpy())


def dtype(config: DictConfig) -> torch.dtype:
    """The floating type of weights and data."""
    return torch.float64 if config.trainer.precision == "64-true" else torch.float32
