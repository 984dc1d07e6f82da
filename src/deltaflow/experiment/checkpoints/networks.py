"""Builds a network from a checkpoint, with what a prediction needs; the file is not trusted.

The network may not be larger than the file, and only activations of PyTorch and of this package
are built by name. An activation that the user wrote must be passed as an argument.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from deltaflow.data import FoldStatistics, Preprocessing
from deltaflow.experiment.checkpoints.archive import read_archive
from deltaflow.nn.activations import rebuild
from deltaflow.nn.head import Head
from deltaflow.nn.network import NORMALIZATIONS, OUTPUT_ACTIVATIONS, FullyConnected
from deltaflow.records import WrongFieldError, decode
from deltaflow.training.module import StackedModule

_LAYER_BYTES = 128  # smallest size of a layer in the file
_MAX_ITEMS = 1_000_000  # layers, or replicas
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Architecture:
    """The architecture of a network, as a checkpoint stores it."""

    sizes: Annotated[Sequence[int], _MAX_ITEMS]
    seeds: Annotated[Sequence[int], _MAX_ITEMS]
    output_activation: str | None
    dtype: Literal["float32", "float64"]
    normalization: str | None
    dropout: float


@dataclass(frozen=True)
class _Folds:
    """The moments of each fold's training part, as a checkpoint stores them."""

    folds: Annotated[Sequence[FoldStatistics], _MAX_ITEMS]


@dataclass(frozen=True)
class _Activation:
    """The activation, as a checkpoint stores it: ``_target_`` and the arguments of the class."""

    activation: Mapping[str, bool | str | float | None]


@dataclass(frozen=True)
class TrainedNetworks:
    """The trained networks of a run, with what a prediction needs.

    Attributes:
        network: the network in evaluation mode; ``None`` if its activation is a class of the
            user.
        activation: name of the activation's class.
        preprocessings: the preprocessing of each fold; empty if an older version wrote the file.
        head: how outputs become predictions; ``None`` if a loss of the user defines it.
        diverged: whether each replica has diverged.
    """

    network: FullyConnected | None
    activation: str
    preprocessings: Sequence[Preprocessing]
    head: Head | None
    diverged: Sequence[bool]

    @property
    def preprocessing(self) -> Preprocessing | None:
        """The preprocessing of the first fold; ``None`` if it was not stored."""
        return self.preprocessings[0] if self.preprocessings else None


def read_checkpoint(directory: Path, activation: nn.Module | None = None) -> TrainedNetworks | None:
    """Read the checkpoint of a run.

    Args:
        directory: the run directory.
        activation: the activation, if it is a class of the user.

    Returns:
        The networks; ``None`` if the run has no checkpoint.

    Raises:
        ValueError: if the file is not a valid checkpoint.
    """
    return read_archive(directory, partial(_decoded, activation=activation))


def trained_networks(
    module: StackedModule, preprocessings: Sequence[Preprocessing]
) -> TrainedNetworks:
    """The networks of a run that has just been trained, without reading its checkpoint."""
    head = module.checkpoint_entries.get("head")
    return TrainedNetworks(
        network=module.network.eval(),
        activation=str(module.checkpoint_entries["architecture"]["activation"]["_target_"]),
        preprocessings=preprocessings,
        head=None if head is None else Head(**head),
        diverged=module.diverged.tolist(),
    )


def _decoded(checkpoint: Any, size: int, activation: nn.Module | None) -> TrainedNetworks:
    """Decode the content of a checkpoint.

    Args:
        checkpoint: the content that PyTorch has read.
        size: bytes of the file.
        activation: the activation, if it is a class of the user.

    Raises:
        ValueError: if a part is missing or not valid.
    """
    kept = checkpoint if isinstance(checkpoint, dict) else {}
    own = decode(Architecture, kept.get("architecture"), "architecture")
    name, built = _activation(kept["architecture"])
    built = activation or built
    network = None if built is None else _network(own, built, kept.get("state_dict"), size)
    preprocessing = head = None
    if kept.get("preprocessing") is not None:
        preprocessing = decode(Preprocessing, kept["preprocessing"], "preprocessing")
        preprocessing.check(own.sizes[0])
    if preprocessing is not None and kept.get("head") is not None:
        head = decode(Head, kept["head"], "head")
        _check_head(head, preprocessing, own.sizes[-1])
    folded = _by_fold(preprocessing, kept.get("folds"), own)
    return TrainedNetworks(network, name, folded, head, _diverged(kept, len(own.seeds)))


def _activation(architecture: Any) -> tuple[str, nn.Module | None]:
    """The name of the activation's class, and the activation if PyTorch or deltaflow has it."""
    name = ""
    try:
        arguments = dict(decode(_Activation, architecture).activation)
        name = str(arguments.pop("_target_", ""))
        return name, rebuild(name, arguments)
    except ValueError:
        return name, None


def _by_fold(
    preprocessing: Preprocessing | None, folds: Any, own: Architecture
) -> list[Preprocessing]:
    """The preprocessing of each fold.

    Args:
        preprocessing: the preprocessing of the first fold.
        folds: statistics of every fold, as the checkpoint stores them; ``None`` without folds.
        own: the architecture.
    """
    if preprocessing is None or folds is None:
        return [] if preprocessing is None else [preprocessing]
    moments = decode(_Folds, {"folds": folds}).folds
    found = [replace(preprocessing, **vars(one)) for one in moments]
    if not found or len(own.seeds) % len(found):
        raise WrongFieldError("folds", "as many for each seed", len(found))
    for one in found:
        one.check(own.sizes[0])
    return found


def _check_head(head: Head, preprocessing: Preprocessing, n_outputs: int) -> None:
    """Refuse outputs whose number does not fit the classes or the targets (``ValueError``)."""
    n_classes, n_targets = len(preprocessing.classes), len(preprocessing.targets)
    if head.n_classes != n_classes:
        raise WrongFieldError(
            "head.n_classes", f"{n_classes}, the number of classes", head.n_classes
        )
    several = n_outputs == (n_classes or n_targets)
    if not several and not (n_outputs == 1 and n_classes):
        raise WrongFieldError(
            "architecture.sizes", "of as many outputs as there are classes", n_outputs
        )


def _diverged(kept: Mapping[str, Any], n_replicas: int) -> list[bool]:
    state = kept.get("state_dict")
    found = state.get("diverged_at") if isinstance(state, dict) else None
    if not isinstance(found, Tensor) or found.shape != (n_replicas,):
        return [False] * n_replicas
    return [bool(step >= 0) for step in found]


def _network(own: Architecture, activation: nn.Module, state: Any, size: int) -> FullyConnected:
    """Build a network and load its weights.

    Args:
        own: the architecture.
        activation: the activation.
        state: the checkpoint's ``state_dict``.
        size: bytes of the file, which the weights may not exceed.

    Raises:
        ValueError: if a part is missing or not valid.
    """
    for name, value, known in (
        ("output_activation", own.output_activation, OUTPUT_ACTIVATIONS),
        ("normalization", own.normalization, NORMALIZATIONS),
    ):
        if value is not None and value not in known:
            raise WrongFieldError(f"architecture.{name}", f"one of {', '.join(known)}", value)
    if not 0 <= own.dropout < 1:
        raise WrongFieldError("architecture.dropout", "at least 0 and below 1", own.dropout)
    sizes, dtype, n_replicas = own.sizes, _DTYPES[own.dtype], len(own.seeds)
    n_parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(sizes))
    if n_replicas * n_parameters * dtype.itemsize + _LAYER_BYTES * len(sizes) > size:
        raise ValueError("its network is larger than the file")
    network = FullyConnected(
        sizes,
        activation,
        n_replicas=n_replicas,
        output_activation=OUTPUT_ACTIVATIONS.get(own.output_activation or ""),
        dtype=dtype,
        normalization=own.normalization,
        dropout=own.dropout,
    )
    network.seeds = tuple(own.seeds)
    network.load_state_dict(_state(state, dtype))
    return network.eval()


def _state(found: Any, dtype: torch.dtype) -> dict[str, Tensor]:
    """The network's entries of the module's ``state_dict``, by their names in the network.

    Raises:
        ValueError: if a value is not a strided CPU tensor of type ``dtype``.
    """
    prefix, state = "network.", {}
    for name, value in (found if isinstance(found, dict) else {}).items():
        if isinstance(name, str) and name.startswith(prefix):
            if not isinstance(value, Tensor) or (value.dtype, value.layout, value.device.type) != (
                dtype, torch.strided, "cpu"
            ):  # fmt: skip
                raise WrongFieldError(f"state_dict.{name}", f"a tensor of {dtype}", value)
            state[name.removeprefix(prefix)] = value
    return state
