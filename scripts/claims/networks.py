"""What networks of a claim's runs do with their data, where the records do not say it.

Networks are rebuilt from checkpoints, data and first weights from the overrides of the run, all
of it by what trained them.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from deltaflow.comparison.configuration import Configuration
from deltaflow.config.composition import compose_run
from deltaflow.data import ReplicaData
from deltaflow.experiment import assembly
from deltaflow.experiment.result import load_run
from deltaflow.experiment.trainer import quiet_lightning
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError


def trained(one: Configuration) -> FullyConnected:
    """The networks of a configuration after training.

    Raises:
        ValueError: if they were not kept.
    """
    network = load_run(one.first.directory).network
    if network is None:
        raise UserError(
            f"A claim needs the networks of its runs. Found none in {one.first.directory}. "
            "Run it again."
        )
    return network


def untrained(one: Configuration) -> FullyConnected:
    """The networks of a configuration before training."""
    config = _config(one)
    with quiet_lightning():
        return assembly.module(config, assembly.datamodule(config)).network.eval()


def data(one: Configuration) -> ReplicaData:
    """The data of a configuration, split and standardised."""
    return assembly.datamodule(_config(one))


def test_rows(one: Configuration) -> tuple[Tensor, Tensor]:
    """The test part: features ``[R, rows, features]`` and targets."""
    x, y = next(iter(data(one).test_dataloader()))
    return x, y


def training_rows(one: Configuration) -> Tensor:
    """Features of the training part, ``[R, rows, features]``."""
    served = data(one)
    rows: Tensor = served.probe(served.n_rows[0])
    return rows


def hidden_layers(network: FullyConnected, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Z and h of each hidden layer of a network without normalisation.

    Args:
        network: R replicas.
        x: ``[R, rows, features]``.

    Yields:
        Pre-activations and activations, ``[R, rows, units]`` each.
    """
    h = x
    with torch.no_grad():
        for linear, activation in zip(network.layers, network.activations, strict=False):
            z = linear(h)
            h = activation(z)
            yield z, h


def by_seed(one: Configuration, values: Tensor) -> dict[int, float]:
    """A number of each replica, ``[R]``, by seed; those that diverged left out."""
    going = {s for s, own in one.replicas.items() if not own.has_diverged}
    return {
        seed: float(value)
        for seed, value in zip(sorted(one.replicas), values, strict=True)
        if seed in going and torch.isfinite(value)
    }


def _config(one: Configuration) -> DictConfig:
    with tempfile.TemporaryDirectory() as folder:
        overrides = list(one.first.summary.overrides)
        return compose_run(overrides, Path(folder))[0]
