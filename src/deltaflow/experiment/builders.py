"""The network that a configuration describes, and what theory says of it, before it is made."""

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
from deltaflow.system.memory import require
from deltaflow.theory import Array, Theory

_LAYER_BYTES = 5_000  # of a layer's Python objects, however few its weights
_VALUE_BYTES = 8  # of a number in a table
_ENOUGH_ROWS = 10_000  # to know how large inputs are
_MOST_IN_A_BATCH = 64  # whose statistics stand for those of a larger one
SERVING = (  # of data: not the source's
    "batch_size", "split", "split_seed", "standardize", "train_rows", "label_noise", "folds",
    "split_seeds",
)  # fmt: skip
Data = TypeVar("Data", bound=ReplicaData)


def own_seeds(config: DictConfig) -> list[int]:
    """The seeds of a run: ``seed``, ``seed + 1`` …."""
    return list(range(config.seed, config.seed + config.n_seeds))


def n_folds(config: DictConfig) -> int:
    """Divisions of the rows, of each of which every seed has a replica."""
    by_folds, by_seeds = config.data.get("folds"), config.data.get("split_seeds")
    return (by_folds if isinstance(by_folds, int) else 1) * len(by_seeds or [None])


def seeds(config: DictConfig) -> list[int]:
    """The replicas' seeds: the first for each fold, then the next."""
    n = n_folds(config)
    return [seed for seed in own_seeds(config) for _ in range(n)]


def folds(config: DictConfig) -> list[int]:
    """The replicas' folds."""
    return list(range(n_folds(config))) * int(config.n_seeds)


def data(config: DictConfig, kind: type[Data], samples: Samples | None = None) -> Data:
    """The data, split and standardised.

    Args:
        config: of the run.
        kind: of object to make.
        samples: in place of what ``data`` names.

    Raises:
        ValueError: if the source refuses its settings, or the split its data.
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
    """Refuse a network that the machine cannot hold, before anything of its size is made.

    Counted are weights, gradients and one average per weight, as optimizers keep; the data's
    features and targets are not known yet and count as one each.

    Raises:
        ValueError: if that is more than there is.
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
    require(
        n_replicas * parameters * 3 * dtype(config).itemsize
        + _LAYER_BYTES * sum(times for *_, times in layers),
        "The network",
        f"{asked} with `n_seeds={config.n_seeds}`{_in_words(config)}",
        "Make one of them smaller.",
    )


def _in_words(config: DictConfig) -> str:
    n = n_folds(config)
    return f" on {n} folds" if n > 1 else ""


def check_records(config: DictConfig, data: ReplicaData) -> None:
    """Refuse a training whose records the machine could not read at its end.

    Raises:
        ValueError: if the tables take more memory than there is.
    """
    trainer, every = config.trainer, config.diagnostics.every_n_steps
    n_batches = min(-(-data.n_rows[0] // data.batch_size), trainer.max_batches or math.inf)
    n_steps = int(trainer.max_epochs * n_batches)
    n_layers = len(hidden_sizes(config)) + 1
    n_measured = 0 if every is None else n_steps // every + 2
    n_values = n_measured * n_layers * len(LAYERS.columns)
    n_values += 2 * trainer.max_epochs * len(METRICS.columns)
    require(
        n_values * config.n_seeds * n_folds(config) * _VALUE_BYTES,
        "The records of a run",
        f"`trainer.max_epochs={trainer.max_epochs}`, which is {n_steps:,} steps, "
        f"with `diagnostics.every_n_steps={as_typed(every)}`",
        "Use fewer epochs, or measure less often.",
    )


def hidden_sizes(config: DictConfig) -> list[int]:
    """Units of each hidden layer, input to output."""
    network = config.network
    if network.hidden_sizes is not None:
        return list(network.hidden_sizes)
    return [network.width] * network.depth


def objective(config: DictConfig, data: ReplicaData) -> Objective:
    """What the network is trained for.

    Raises:
        ValueError: if the loss cannot serve the data.
    """
    make = part_factory(config, "loss", Objective)
    made: Objective = make(data.task)
    if made.weights is not None and data.n_folds > 1:
        made.weights = torch.stack([make(task).weights for task in data.tasks])
    return made


def layer_sizes(config: DictConfig, data: ReplicaData, goal: Objective) -> list[int]:
    """Units of the input, of each hidden layer and of the output."""
    return [data.n_features, *hidden_sizes(config), goal.n_outputs]


def initializer(config: DictConfig, sizes: Sequence[int]) -> Initializer:
    """How the weights of a network start.

    Args:
        config: of the run.
        sizes: units of each of its layers, the input's first.

    Raises:
        ValueError: if the initializer refuses its settings, or gives no variances.
    """
    made: Initializer = build_part(config, "init", Initializer)
    with errors_name_part(config, "init"):
        check_variances(made, sizes)
    return made


def theory(config: DictConfig, data: ReplicaData, goal: Objective) -> Theory:
    """What to predict of the network as it is set up.

    Raises:
        ValueError: if the activation or the initializer refuses its settings, or cannot work
            in any network.
    """
    activation = build_part(config, "activation", nn.Module)
    traits(activation)
    sizes = layer_sizes(config, data, goal)
    normalization, batch = config.network.normalization, None
    if normalization == "batch":
        some = data.probe(min(data.batch_size, _MOST_IN_A_BATCH))[0].double().cpu().numpy()
        batch = some @ some.T / some.shape[-1]
    start, dropout = initializer(config, sizes), config.network.dropout
    return Theory(sizes, activation, start, dropout, normalization, batch)


def input_second_moment(data: ReplicaData) -> Array:
    """Mean(x²) over the features of each training sample, of many samples the first."""
    x = data.probe(_ENOUGH_ROWS)[0].double()
    return np.asarray(x.square().mean(-1).cpu().numpy())


def dtype(config: DictConfig) -> torch.dtype:
    """The precision of weights and data."""
    return torch.float64 if config.trainer.precision == "64-true" else torch.float32
