"""The file of a checkpoint, whoever wrote it.

PyTorch reads tensors and primitives alone (``weights_only=True``). Before it does, the file is
looked at: what is in it must not be larger than the file, and nothing may be called but what
makes a tensor.
"""

import os
import pickletools
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import torch
from torch import Tensor

from deltaflow.records import decode as decoded
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal
from deltaflow.system.files import UnusableFileError, open_file
from deltaflow.system.memory import require

CHECKPOINT = "checkpoints/last.ckpt"
_LARGEST = 2**40  # bytes of a file
_LARGEST_LIST = 2**26  # bytes of the list of its parts
_LARGEST_PICKLE = 2**24  # bytes of all that is no tensor
_LONGEST_REASON = 200  # characters

Read = TypeVar("Read")

_CALLED = re.compile(
    r"torch\._utils _rebuild_(tensor_v2|parameter)|collections OrderedDict|__builtin__ complex|"
    r"torch(\.storage)? [A-Za-z0-9]+Storage|torch (bool|b?float[0-9]+|u?int[0-9]+|complex[0-9]+)"
)
"""What a pickle may name: tensors and their types. None of it allocates what is not in the file."""
_COPIES = "collections OrderedDict"  # unless it is given nothing


def read_archive(directory: Path, decode: Callable[[Any, int], Read]) -> Read | None:
    """What a run has kept of itself.

    Args:
        directory: the run directory.
        decode: makes it of what PyTorch has read, and of the bytes that the file has.

    Returns:
        What was decoded; ``None`` if there is no checkpoint.

    Raises:
        ValueError: if the checkpoint is none.
    """
    try:
        with open_file(directory, CHECKPOINT, _LARGEST) as file:
            size = os.fstat(file.fileno()).st_size
            require(size, "A checkpoint", "one", "Leave the run out")
            _check_content(file, size)
            file.seek(0)
            return decode(torch.load(file, map_location="cpu", weights_only=True), size)
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


@dataclass(frozen=True)
class Progress:
    """How far a checkpoint has come.

    Attributes:
        epoch: those that are done.
        global_step: updates that are made.
        has_ended: whether every replica has diverged or stopped, so that no epoch comes any more.
        threads: that PyTorch had; ``None`` if that was not kept.
    """

    epoch: int
    global_step: int
    has_ended: bool = False
    threads: int | None = None


def read_progress(directory: Path) -> Progress | None:
    """How far a run has come by its checkpoint; ``None`` if there is none.

    Raises:
        ValueError: if the checkpoint is none that a training can go on from.
    """
    return read_archive(directory, lambda content, _: _progress(content))


def _progress(content: Any) -> Progress:
    needed = ("state_dict", "optimizer_states", "lr_schedulers")
    if missing := [name for name in needed if name not in content]:
        raise ValueError(f"it has no `{missing[0]}`, and can only be looked at")
    found = [content["state_dict"].get(name) for name in ("diverged_at", "ended_at")]
    ended = [step >= 0 for step in found if isinstance(step, Tensor)]
    has_ended = len(ended) == len(found) and bool((ended[0] | ended[1]).all())
    return replace(decoded(Progress, content), has_ended=has_ended)


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
