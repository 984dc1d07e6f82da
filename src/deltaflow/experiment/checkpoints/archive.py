"""Reads the file of a checkpoint, which is not trusted.

PyTorch reads only tensors and primitives (``weights_only=True``). Before that, the file is
checked: its parts may not be larger than the file, and its pickle may only call functions that
make tensors.
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
from deltaflow.system.memory import require_memory

CHECKPOINT = "checkpoints/last.ckpt"
_LARGEST = 2**40  # bytes of a file
_LARGEST_LIST = 2**26  # bytes of the archive's directory
_LARGEST_PICKLE = 2**24  # bytes of `data.pkl`, which holds all but the tensors' values
_LONGEST_REASON = 200  # characters

Read = TypeVar("Read")

_CALLED = re.compile(
    r"torch\._utils _rebuild_(tensor_v2|parameter)|collections OrderedDict|__builtin__ complex|"
    r"torch(\.storage)? [A-Za-z0-9]+Storage|torch (bool|b?float[0-9]+|u?int[0-9]+|complex[0-9]+)"
)
"""Globals that a pickle may name. None of them allocates more memory than the file has bytes."""
_OTHER_GLOBALS = ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")  # of other protocols
_COPIES = "collections OrderedDict"  # copies its argument, so it may only be called without one


def read_archive(directory: Path, decode: Callable[[Any, int], Read]) -> Read | None:
    """Read and decode the checkpoint of a run.

    Args:
        directory: the run directory.
        decode: decodes the content; it gets what PyTorch has read, and the file's size in bytes.

    Returns:
        What ``decode`` returns; ``None`` if there is no checkpoint.

    Raises:
        ValueError: if the file is not a valid checkpoint.
    """
    try:
        with open_file(directory, CHECKPOINT, _LARGEST) as file:
            size = os.fstat(file.fileno()).st_size
            require_memory(size, "A checkpoint", "one", "Leave the run out")
            _check_content(file, size)
            file.seek(0)
            return decode(torch.load(file, map_location="cpu", weights_only=True), size)
    except FileNotFoundError:
        return None
    except UnusableFileError:
        raise
    except Exception as error:  # PyTorch raises errors of many types for a file that is not its
        said = literal(" ".join(str(error).split()))[:_LONGEST_REASON].rstrip(".")
        raise UserError(
            f"{literal(str(directory / CHECKPOINT))} must be the checkpoint of a run. Found one "
            f"that cannot be read: {said or type(error).__name__}. Delete it, or run again."
        ) from error


@dataclass(frozen=True)
class CheckpointProgress:
    """How far the training of a checkpoint has come.

    Attributes:
        epoch: number of completed epochs.
        global_step: number of updates.
        has_ended: whether every replica has diverged or stopped early.
        threads: number of PyTorch's threads in the training; ``None`` if it was not stored.
    """

    epoch: int
    global_step: int
    has_ended: bool = False
    threads: int | None = None


def read_progress(directory: Path) -> CheckpointProgress | None:
    """Read how far a run has come; ``None`` if it has no checkpoint.

    Raises:
        ValueError: if the file is not a checkpoint from which a training can be resumed.
    """
    return read_archive(directory, lambda content, _: _progress(content))


def _progress(content: Any) -> CheckpointProgress:
    needed = ("state_dict", "optimizer_states", "lr_schedulers")
    if missing := [name for name in needed if name not in content]:
        raise ValueError(f"it has no `{missing[0]}`, and can only be looked at")
    found = [content["state_dict"].get(name) for name in ("diverged_at", "ended_at")]
    ended = [step >= 0 for step in found if isinstance(step, Tensor)]
    has_ended = len(ended) == len(found) and bool((ended[0] | ended[1]).all())
    return replace(decoded(CheckpointProgress, content), has_ended=has_ended)


def _check_content(file: BinaryIO, size: int) -> None:
    """Refuse an archive that unpacks to more bytes than the file has.

    Raises:
        ValueError: if it does, or if the file is not a zip archive.
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
    """Refuse a zip archive whose directory is too large to be read (``ValueError``).

    The size of the directory is in the end record, the last bytes of the file.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 98))
    end = file.read()
    lists = [int.from_bytes(end[-10:-6], "little")]
    if end[-42:-38] == b"PK\x06\x07":  # a zip64 archive
        lists = [int.from_bytes(end[40:48], "little")]
    if end[-22:-18] != b"PK\x05\x06" or max(lists) > _LARGEST_LIST:
        raise ValueError("its end is not that of a checkpoint")


def _check_pickle(pickled: bytes) -> None:
    """Refuse a pickle that names other globals, or passes an argument to ``OrderedDict``.

    Raises:
        ValueError: if the pickle does.
    """
    copies: set[Any] = set()  # places in the pickle's memo that hold OrderedDict
    expected = None  # the operation that must follow: OrderedDict is called with ()
    for operation, argument, _ in pickletools.genops(pickled):
        name = operation.name
        if name == "GLOBAL" and not _CALLED.fullmatch(str(argument)):
            raise ValueError(f"its `data.pkl` names {brief(str(argument))}")
        if name in _OTHER_GLOBALS:
            raise ValueError("its `data.pkl` is none that PyTorch has written")
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
