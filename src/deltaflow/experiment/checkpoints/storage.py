"""Where checkpoints go: those of a run that trains alone, and of the runs of a stack."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from omegaconf import DictConfig

from deltaflow.experiment.checkpoints.archive import CHECKPOINT, read_archive
from deltaflow.system.files import make_folder, replace_file
from deltaflow.training.callbacks import Checkpoints, FlowRecorder, MetricRecorder
from deltaflow.training.stack import Stack


class Storage(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all, and beside the one that it replaces.

    Lightning would write it into the system's temporary folder first; from there it is copied
    where that is another disk, and a copy can be cut short.

    Args:
        directory: of the run whose state may be held; ``None`` for none.
    """

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__()
        self.path = None if directory is None else directory / CHECKPOINT
        self._is_holding = False
        self._held: bytes | None = None

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint, or hold it, if it is the run's own and only to be held.

        Args:
            checkpoint: what ``torch.save`` takes.
            path: of the file.
            storage_options: there are none.
        """
        if self._is_holding:
            self._held = content_of(checkpoint)
            return
        if self.path == Path(path):
            self._held = None
        write_checkpoint(Path(path), content_of(checkpoint))

    def hold(self, trainer: Any, module: Any) -> None:
        """Hold the state of a training."""
        self._is_holding = True
        try:
            trainer.save_checkpoint(self.path)
        finally:
            self._is_holding = False

    def write(self) -> None:
        """Write what is held, if that is not done yet."""
        if self._held is not None and self.path is not None:
            write_checkpoint(self.path, self._held)
            self._held = None

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> dict[str, Any]:
        """The checkpoint of a run directory, as :func:`read_archive` reads it.

        Lightning's loops are left out: at the start of an epoch, they would take the one before
        it for unfinished.
        """
        found = dict(read_archive(Path(path).parents[1], lambda content, _: content) or {})
        found.pop("loops", None)
        return found


class StackStorage:
    """Holds the states of runs, and writes each where the run's own Trainer would."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self.paths = [directory / CHECKPOINT for directory in directories]
        self._held: list[dict[str, Any]] = []

    def hold(self, trainer: Any, module: Stack) -> None:
        """Hold the state of each run."""
        self._held = [module.checkpoint(index) for index in range(len(self.paths))]

    def write(self) -> None:
        """Write what is held, all of it in one moment."""
        contents = [content_of(kept) for kept in self._held]
        for path, content in zip(self.paths, contents, strict=False):  # there may be none
            write_checkpoint(path, content)
        self._held = []


def checkpoints(
    config: DictConfig,
    storage: Storage | StackStorage,
    recorders: Sequence[pl.Callback],
    flushes: Sequence[Callable[[], None]],
) -> Checkpoints:
    """The callback that keeps the state of a training.

    Args:
        config: of one of the runs.
        storage: of the state.
        recorders: the callbacks that record the training.
        flushes: write what is recorded of each run.
    """

    def flush(module: Any) -> None:
        for recorder in recorders:
            if isinstance(recorder, FlowRecorder | MetricRecorder):
                recorder.write(module)
        for write in flushes:
            write()

    return Checkpoints(storage, config.trainer.checkpoint_every, flush)


def content_of(checkpoint: dict[str, Any]) -> bytes:
    """A checkpoint as the content of its file."""
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return content.getvalue()


def write_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint whole or not at all."""
    make_folder(path.parent)
    replace_file(path, content)
