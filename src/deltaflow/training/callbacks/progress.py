"""One bar for the whole training, with the loss and how good the network is."""

from contextlib import suppress
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_HEADLINES = ("accuracy/validation", "r2/validation", "accuracy/train", "r2/train")


class Progress(pl.Callback):
    """A progress bar over all steps.

    Args:
        console: where it is drawn.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Bar | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the empty bar."""
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._bar.start()
        total = int(trainer.estimated_stepping_batches)
        self._bar.add_task("", total=total, epoch=1, epochs=trainer.max_epochs, state="")

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Move on by a step."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the state that the epoch led to."""
        if self._bar is None:
            return
        logged = trainer.callback_metrics
        headline = next((name for name in _HEADLINES if name in logged), None)
        names = ["loss/train"] * ("loss/train" in logged) + [headline] * (headline is not None)
        state = "  ".join(f"{name} {float(logged[name]):.3f}" for name in names if name)
        epoch = min(trainer.current_epoch + 2, trainer.max_epochs or 1)
        self._bar.update(self._bar.task_ids[0], epoch=epoch, state=state)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wipe the bar; what remains is the result."""
        self._stop()

    def on_exception(self, *_: Any) -> None:
        """Wipe the bar, so that the message stands alone."""
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            with suppress(OSError):  # a terminal that was closed meanwhile
                self._bar.stop()
            self._bar = None
