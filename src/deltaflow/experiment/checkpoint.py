"""What a checkpoint holds: the network, and what it takes to use it, whoever wrote it.

What is built has a size that the file accounts for, and names that ship with PyTorch or this
package. A φ of the user's own is not built from a name in a file: whoever has it hands it over.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from deltaflow.data import Moments, Preprocessing
from deltaflow.experiment.checkpoints.archive import read_archive
from deltaflow.nn.activations import rebuild
from deltaflow.nn.head import Head
from deltaflow.nn.network import NORMALIZATIONS, OUTPUT_ACTIVATIONS, FullyConnected
from deltaflow.records import WrongFieldError, decode
from deltaflow.training.module import StackedModule

_LAYER_BYTES = 128  # that the file needs for a layer at least, however few its weights
_MOST = 1_000_000  # layers, or replicas
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Architecture:
    """What a network is made of, in a checkpoint."""

    sizes: Annotated[Sequence[int], _MOST]
    seeds: Annotated[Sequence[int], _MOST]
    output_activation: str | None
    dtype: Literal["float32", "float64"]
    normalization: str | None
    dropout: float


@dataclass(frozen=True)
class _Folds:
    """What the training part of each fold has taught."""

    folds: Annotated[Sequence[Moments], _MOST]


@dataclass(frozen=True)
class _Activation:
    """The class of φ, and its arguments, which may be anything if it is the user's own."""

    activation: Mapping[str, bool | str | float | None]


@dataclass(frozen=True)
class Kept:
    """What a run has kept of itself.

    Attributes:
        network: in evaluation mode; ``None`` if its φ is not one that PyTorch or deltaflow ships.
        activation: the name of the class of φ.
        preprocessings: what was done to the data, of each replica's fold in turn; empty in a file
            of an older version.
        head: what the outputs mean; ``None`` if only a loss of the user's own knows.
        diverged: of each replica, whether it has diverged.
    """

    network: FullyConnected | None
    activation: str
    preprocessings: Sequence[Preprocessing]
    head: Head | None
    diverged: Sequence[bool]

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What was done to the data in the first fold."""
        return self.preprocessings[0] if self.preprocessings else None


def read_checkpoint(directory: Path, activation: nn.Module | None = None) -> Kept | None:
    """What a run has kept of itself.

    Args:
        directory: the run directory.
        activation: φ, if it is the user's own.

    Returns:
        What was kept; ``None`` if nothing was.

    Raises:
        ValueError: if the checkpoint is none.
    """
    return read_archive(directory, partial(_kept, activation=activation))


def kept_by(module: StackedModule, preprocessings: Sequence[Preprocessing]) -> Kept:
    """What a run that has just trained keeps, its network as it is."""
    head = module.kept.get("head")
    return Kept(
        network=module.network.eval(),
        activation=str(module.kept["architecture"]["activation"]["_target_"]),
        preprocessings=preprocessings,
        head=None if head is None else Head(**head),
        diverged=module.diverged.tolist(),
    )


def _kept(checkpoint: Any, size: int, activation: nn.Module | None) -> Kept:
    """The content of a checkpoint of so many bytes.

    Raises:
        ValueError: if a part of it is not what it must be.
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
    return Kept(network, name, folded, head, _diverged(kept, len(own.seeds)))


def _activation(architecture: Any) -> tuple[str, nn.Module | None]:
    """The class of φ, and φ itself if PyTorch or deltaflow ships it."""
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
    """What was done to the data in each fold, of which the first is known."""
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
    """Refuse outputs that do not fit what they are to predict."""
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
    """The network of an architecture.

    Raises:
        ValueError: if a part of it is not what it must be.
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
    """The network's tensors by name.

    Raises:
        ValueError: if one is none, or of another type.
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
