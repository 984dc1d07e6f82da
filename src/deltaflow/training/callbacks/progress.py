"""The progress bar of a run or a sweep."""

import time
from contextlib import suppress
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

_HEADLINES = ("accuracy/validation", "r2/validation", "accuracy/train", "r2/train")
_TRAINING = 0.5  # training's share of the work on a run of a sweep; the rest is writing results


class Progress(pl.Callback):
    """One progress bar for a training, or for all trainings of a sweep one after another.

    Args:
        console: where the bar is drawn.
        n_runs: number of runs in the sweep; 1 for a single run.
    """

    def __init__(self, console: Console, n_runs: int = 1) -> None:
        self.console = console
        self.n_runs = n_runs
        self._n_before = 0  # runs of earlier trainings
        self._n_together = 0  # runs of the current training
        self._n_ended = 0  # runs of the current training that have ended
        self._began = time.monotonic()
        self._bar: Bar | None = None

    def begin(self, n_runs: int) -> None:
        """Begin a training of ``n_runs`` runs in one stack."""
        self._n_before += self._n_together
        self._n_together, self._n_ended = n_runs, 0

    def add(self, n_runs: int) -> None:
        """Count runs that another process has trained."""
        self._n_before += n_runs

    def end(self, label: str) -> None:
        """Count a run of the current training as ended."""
        self._n_ended += 1
        self._show(1.0, f"{self._n_before + self._n_ended}/{self.n_runs} · {label}")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the bar."""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
            expand=True,
        )
        self._bar.add_task("", total=self.n_runs, left="")
        self._show_epoch(trainer)
        self._bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Advance the bar by a step."""
        self._show(_trained_share(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the loss and the metric of the epoch."""
        self._show_epoch(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar of a single run."""
        if self.n_runs == 1:
            self.wipe()

    def on_exception(self, *_: Any) -> None:
        """Remove the bar, so that the error message stands alone."""
        self.wipe()

    def wipe(self) -> None:
        """Remove the bar, so that something else can be printed."""
        if self._bar is not None:
            with suppress(OSError):  # the terminal may have been closed
                self._bar.stop()
            self._bar = None

    def _show_epoch(self, trainer: pl.Trainer) -> None:
        first, last = self._n_before + 1, self._n_before + self._n_together
        runs = f"{first}–{last}/{self.n_runs} · " if self.n_runs > 1 else ""
        logged = trainer.callback_metrics
        headline = next((name for name in _HEADLINES if name in logged), None)
        names = ["loss/train"] * ("loss/train" in logged) + [headline] * (headline is not None)
        state = "".join(f" · {name} {float(logged[name]):.3f}" for name in names if name)
        epoch = min(trainer.current_epoch + 1 + bool(logged), trainer.max_epochs or 1)
        self._show(_trained_share(trainer), f"{runs}epoch {epoch}/{trainer.max_epochs}{state}")

    def _show(self, trained: float, description: str | None = None) -> None:
        """Show the share of work done, and the time left at the average pace so far."""
        if self._bar is None:
            return
        weight = _TRAINING if self.n_runs > 1 else 1.0
        done = weight * trained * self._n_together + (1 - weight) * self._n_ended
        done += self._n_before
        seconds = (time.monotonic() - self._began) * (self.n_runs - done) / max(done, 1e-9)
        left = f"{seconds // 60:.0f}:{seconds % 60:02.0f} left" if done else ""
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=done, left=left, description=description)


def _trained_share(trainer: pl.Trainer) -> float:
    """Share of a training's steps that are done, from 0 to 1."""
    return trainer.global_step / max(1.0, float(trainer.estimated_stepping_batches))
