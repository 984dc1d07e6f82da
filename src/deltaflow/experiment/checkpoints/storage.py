"""Holds and writes checkpoints, of a single run or of the runs of a stack."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import zip_longest
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from omegaconf import DictConfig
from torch import Tensor

from deltaflow.experiment.checkpoints.archive import CHECKPOINT, read_archive
from deltaflow.system.files import make_folder, replace_file
from deltaflow.system.signals import interrupts_deferred
from deltaflow.training.callbacks import Checkpoints, FlowRecorder, MetricRecorder
from deltaflow.training.stack import Stack


class Storage(TorchCheckpointIO):
    """Lightning's checkpoint IO for a single run, with atomic writes.

    A new checkpoint is written beside the old one and then renamed. Lightning would write it into
    the system's temporary folder and move it, which is a copy, and not atomic, if the folder is
    on another disk.

    Args:
        directory: the run directory; ``None`` if no state will be held.
    """

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__()
        self.path = None if directory is None else directory / CHECKPOINT
        self._is_holding = False
        self._held = _Copy()

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint to disk; inside :meth:`hold`, keep it in memory instead."""
        if self._is_holding:
            self._held.take(checkpoint)
            return
        if self.path == Path(path):
            self._held = _Copy()  # before the content takes as much memory
        write_checkpoint(Path(path), content_of(checkpoint))

    def hold(self, trainer: Any, module: Any) -> None:
        """Copy the state of a training into memory."""
        self._is_holding = True
        try:
            trainer.save_checkpoint(self.path)
        finally:
            self._is_holding = False

    def write(self) -> None:
        """Write the held state, unless it was written already."""
        if self._held.content is not None and self.path is not None:
            write_checkpoint(self.path, content_of(self._held.content))
            self._held = _Copy()

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """Read the checkpoint of a run directory with :func:`read_archive`.

        The state of Lightning's loops is removed: saved at the start of an epoch, it would mark
        the epoch before as unfinished.
        """
        found = dict(read_archive(Path(path).parents[1], lambda content, _: content) or {})
        found.pop("loops", None)
        return found


class StackStorage:
    """Holds the states of a stack's runs, and writes each into the directory of its run."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self.paths = [directory / CHECKPOINT for directory in directories]
        self._held = [_Copy() for _ in directories]

    def hold(self, trainer: Any, module: Stack) -> None:
        """Copy the state of each run into memory."""
        with interrupts_deferred():  # all states must be of the same step
            for index, held in enumerate(self._held):
                held.take(module.checkpoint(index))

    def write(self) -> None:
        """Write the held states. All are serialised before the first is written."""
        contents = [
            (path, content_of(held.content))
            for path, held in zip(self.paths, self._held, strict=True)
            if held.content is not None
        ]
        for path, content in contents:
            write_checkpoint(path, content)
        self._held = [_Copy() for _ in self.paths]


class _Copy:
    """A copy of a checkpoint in memory, which the next checkpoint overwrites.

    Attributes:
        content: the copied checkpoint; ``None`` if there is none.
    """

    def __init__(self) -> None:
        self.content: dict[str, Any] | None = None
        self._tensors: list[Tensor] = []

    def take(self, checkpoint: dict[str, Any]) -> None:
        """Copy a checkpoint, in the memory of the last copy where tensors have the same shape."""
        with interrupts_deferred():
            before, self._tensors, self.content = self._tensors, [], None
            found = list(_tensors(checkpoint))
            for tensor, old in zip_longest(found, before[: len(found)]):
                fits = old is not None and (old.shape, old.dtype) == (tensor.shape, tensor.dtype)
                own = old if fits else torch.empty_like(tensor, device="cpu")
                self._tensors.append(own.copy_(tensor.detach()))
            known = {id(tensor): own for tensor, own in zip(found, self._tensors, strict=True)}
            self.content = deepcopy(checkpoint, known)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested dictionaries and sequences."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(one)


def checkpoints(
    config: DictConfig,
    storage: Storage | StackStorage,
    recorders: Sequence[pl.Callback],
    flushes: Sequence[Callable[[], None]],
) -> Checkpoints:
    """Build the callback that writes checkpoints.

    Args:
        config: the configuration of any run of the training.
        storage: holds and writes the state.
        recorders: the training's callbacks; recorders among them write their pending rows first.
        flushes: functions that write the tables of each run to disk.
    """

    def flush(module: Any) -> None:
        for recorder in recorders:
            if isinstance(recorder, FlowRecorder | MetricRecorder):
                recorder.write(module)
        for write in flushes:
            write()

    return Checkpoints(storage, config.trainer.checkpoint_every, flush)


def content_of(checkpoint: dict[str, Any]) -> bytes:
    """The bytes that ``torch.save`` writes."""
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return content.getvalue()


def write_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint whole or not at all."""
    make_folder(path.parent)
    replace_file(path, content)
