"""The network of a checkpoint, whoever wrote it.

PyTorch reads tensors and primitives alone (``weights_only=True``). Before it does, the file is
looked at: what is in it must not be larger than the file, and nothing may be called but what
makes a tensor. What is built has a size that the file accounts for, and names that ship with
PyTorch or this package.
"""

import itertools
import os
import pickletools
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import torch
from torch import Tensor

from deltaflow.nn.activations import rebuild
from deltaflow.nn.network import NORMALIZATIONS, OUTPUT_ACTIVATIONS, FullyConnected
from deltaflow.records.decoding import WrongFieldError, decode
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal
from deltaflow.system.files import UnusableFileError, open_file
from deltaflow.system.memory import require

CHECKPOINT = "checkpoints/last.ckpt"
_LARGEST = 2**40  # bytes of a file
_LARGEST_LIST = 2**26  # bytes of the list of its parts
_LARGEST_PICKLE = 2**24  # bytes of all that is no tensor
_LAYER_BYTES = 128  # that the file needs for a layer at least, however few its weights
_MOST = 1_000_000  # layers, or replicas
_LONGEST_REASON = 200  # characters

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_CALLED = re.compile(
    r"torch\._utils _rebuild_(tensor_v2|parameter)|collections OrderedDict|__builtin__ complex|"
    r"torch(\.storage)? [A-Za-z0-9]+Storage|torch (bool|b?float[0-9]+|u?int[0-9]+|complex[0-9]+)"
)
"""What a pickle may name: tensors and their types. None of it allocates what is not in the file."""
_COPIES = "collections OrderedDict"  # unless it is given nothing


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
class _Activation:
    """The class of φ, and its arguments, which may be anything if it is the user's own."""

    activation: Mapping[str, bool | str | float | None]


def read_network(directory: Path) -> FullyConnected | None:
    """The network that a run has kept.

    Args:
        directory: the run directory.

    Returns:
        The network, in evaluation mode; ``None`` if it was not kept, or its activation is not
        one that PyTorch or deltaflow ships.

    Raises:
        ValueError: if the checkpoint is none.
    """
    try:
        with open_file(directory, CHECKPOINT, _LARGEST) as file:
            size = os.fstat(file.fileno()).st_size
            require(size, "A checkpoint", "one", "Leave the run out")
            _check_content(file, size)
            file.seek(0)
            return _rebuilt(torch.load(file, map_location="cpu", weights_only=True), size)
    except FileNotFoundError:
        return None
    except UnusableFileError:
        raise
    except Exception as error:  # PyTorch has many for a file that is none of its own
        said = literal(" ".join(str(error).split()))[:_LONGEST_REASON].rstrip(".")
        raise UserError(
            f"{literal(str(directory / CHECKPOINT))} must be the checkpoint of a run. Found one "
            f"that cannot be read: {said or type(error).__name__}. Delete it, or run again."
        ) from error


def _check_content(file: BinaryIO, size: int) -> None:
    """Refuse an archive that PyTorch would unpack into more than it holds.

    Raises:
        ValueError: if it is none, or would be more.
    """
    _check_end(file)
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if any(p.compress_type or p.compress_size != p.file_size for p in parts):
            raise ValueError("its parts are compressed")
        if sum(part.file_size for part in parts) > size:
            raise ValueError("its parts are larger than the file")
        if len({part.filename for part in parts}) < len(parts):
            raise ValueError("two of its parts have the same name")
        (pickled,) = [part for part in parts if part.filename.endswith("data.pkl")]
        if pickled.file_size > _LARGEST_PICKLE:
            raise ValueError(f"its `data.pkl` has {pickled.file_size:,} bytes")
        _check_pickle(archive.read(pickled))


def _check_end(file: BinaryIO) -> None:
    """Refuse a list of parts that would fill the memory; where it is, the last bytes say."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 98))
    end = file.read()
    lists = [int.from_bytes(end[-10:-6], "little")]
    if end[-42:-38] == b"PK\x06\x07":  # of an archive with 64 bits
        lists = [int.from_bytes(end[40:48], "little")]
    if end[-22:-18] != b"PK\x05\x06" or max(lists) > _LARGEST_LIST:
        raise ValueError("its end is not that of a checkpoint")


def _check_pickle(pickled: bytes) -> None:
    """Refuse calls of anything but what makes tensors, of which none copies what it is given.

    Raises:
        ValueError: for the first one.
    """
    copies: set[Any] = set()  # where the pickle's memory has what would
    expected = None  # the operation that must follow, so that it is given nothing
    for operation, argument, _ in pickletools.genops(pickled):
        name = operation.name
        if name == "GLOBAL" and not _CALLED.fullmatch(str(argument)):
            raise ValueError(f"its `data.pkl` names {brief(str(argument))}")
        if expected == "EMPTY_TUPLE" and name in ("BINPUT", "LONG_BINPUT"):
            copies.add(argument)
            continue
        if expected not in (None, name):
            raise ValueError("its `data.pkl` fills dictionaries as no run does")
        if (name == "GLOBAL" and argument == _COPIES) or (
            name.endswith("GET") and argument in copies
        ):
            expected = "EMPTY_TUPLE"
        else:
            expected = "REDUCE" if expected == "EMPTY_TUPLE" else None


def _rebuilt(checkpoint: Any, size: int) -> FullyConnected | None:
    """The network of a checkpoint of so many bytes; ``None`` if its activation is the user's own.

    Raises:
        ValueError: if a part of it is not what it must be.
    """
    kept = checkpoint if isinstance(checkpoint, dict) else {}
    own = decode(Architecture, kept.get("architecture"), "architecture")
    try:
        arguments = dict(decode(_Activation, kept["architecture"]).activation)
        activation = rebuild(str(arguments.pop("_target_", "")), arguments)
    except ValueError:
        return None
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
    network.load_state_dict(_state(kept.get("state_dict"), dtype))
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
