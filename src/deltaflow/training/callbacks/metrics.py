"""Records the loss and the metrics of every replica after each epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from deltaflow.flow.measurement import exact
from deltaflow.nn.objectives import Objective
from deltaflow.records import METRICS
from deltaflow.training.callbacks.destination import Destination

SHOWN_SEEDS = 8  # a chart of more seeds is not readable


@dataclass(frozen=True)
class _Epoch:
    """The loss and the metrics of one split after one epoch.

    Attributes:
        epochs: ``[R]``, the epoch of each replica.
        split: the name of the split.
        values: ``[R]`` for each quantity.
        has_rows: ``[R]``, which replicas get a row.
    """

    epochs: np.typing.NDArray[np.int64]
    split: str
    values: Mapping[str, np.typing.NDArray[np.float64]]
    has_rows: np.typing.NDArray[np.bool_]


class MetricRecorder(pl.Callback):
    """Collects the outputs of each batch and writes the metrics table of each run.

    The mean over a run's replicas that have not diverged is logged as ``<metric>/<split>``, where
    Lightning's own callbacks find it; for the test part only if it is finite. Single seeds are
    logged as ``seeds/<metric>/<split>/seed_<n>``. TensorBoard would draw a card for a single point,
    so it gets the test metrics among the results of the run.

    Args:
        destinations: the runs of the stack.
    """

    def __init__(self, destinations: Sequence[Destination]) -> None:
        self.destinations = destinations
        self._batches: dict[str, list[dict[str, Tensor]]] = {}
        self._unwritten: list[list[_Epoch]] = [[] for _ in destinations]

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Collect the outputs of a training batch."""
        self._collect("train", outputs)

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Collect the outputs of a validation batch."""
        self._collect("validation", outputs)

    def on_test_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Collect the outputs of a test batch."""
        self._collect("test", outputs)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Add the epoch's training row of each replica."""
        self._add_epoch("train", trainer, pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Add the epoch's validation row of each replica."""
        self._add_epoch("validation", trainer, pl_module)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the test row of each replica."""
        self._add_epoch("test", trainer, pl_module)
        self.write(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the rows that are not yet written."""
        self.write(pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write the rows that are not yet written."""
        self.write(pl_module)

    def _collect(self, split: str, outputs: dict[str, Tensor]) -> None:
        tensors = {name: outputs[name].detach() for name in ("sample_loss", "prediction", "target")}
        self._batches.setdefault(split, []).append(tensors)

    def _add_epoch(self, split: str, trainer: pl.Trainer, pl_module: Any) -> None:
        batches = self._batches.pop(split, [])
        if not batches:
            return
        loss, prediction, target = (
            torch.cat([batch[name] for batch in batches], dim=1) for name in batches[0]
        )
        counts = trainer.datamodule.n_own_rows(split)  # type: ignore[attr-defined]
        metrics = _loss_and_metrics(pl_module.objective, loss, prediction, target, counts)
        finite = loss.isfinite().all(1).cpu()
        values = {
            name: torch.where(finite, value, torch.nan).numpy() for name, value in metrics.items()
        }
        if split == "validation":
            pl_module.validated = {name: torch.from_numpy(value) for name, value in values.items()}
        not_diverged = ~pl_module.diverged.cpu().numpy()
        ended = pl_module.ended.cpu().numpy()
        for run, unwritten in zip(self.destinations, self._unwritten, strict=True):
            if split != "test" and ended[run.replicas].all():
                continue
            own = {name: value[run.replicas] for name, value in values.items()}
            epochs, has_rows = np.full(len(run.seeds), trainer.current_epoch), ~ended[run.replicas]
            if split == "test":
                first = run.replicas.start
                epochs = np.array(
                    [
                        max(pl_module.n_epochs(slice(r, r + 1)) - 1, 0)
                        for r in range(first, first + len(run.seeds))
                    ]
                )
                has_rows = np.full(len(run.seeds), True)
            unwritten.append(_Epoch(epochs, split, own, has_rows))
            self._log(run, split, own, not_diverged[run.replicas], trainer, pl_module)
        if any(run.metrics.is_due for run in self.destinations):
            self.write(pl_module)

    def write(self, pl_module: Any) -> None:
        """Append the rows to the tables."""
        for run, unwritten in zip(self.destinations, self._unwritten, strict=True):
            if unwritten:
                run.metrics.append(_rows(unwritten, run.seeds, run.folds))
                unwritten.clear()

    def _log(
        self,
        run: Destination,
        split: str,
        values: Mapping[str, np.typing.NDArray[np.float64]],
        not_diverged: np.typing.NDArray[np.bool_],
        trainer: pl.Trainer,
        pl_module: Any,
    ) -> None:
        means = {f"{name}/{split}": _mean(value[not_diverged]) for name, value in values.items()}
        if split == "test":  # loggers could not rank runs by a value that is not finite
            means = {tag: mean for tag, mean in means.items() if np.isfinite(mean)}
        single: dict[str, float] = {}
        if 1 < len(run.seeds) <= SHOWN_SEEDS and split != "test":
            several = any(run.folds)
            replicas = [
                f"seed_{seed}_fold_{fold}" if several else f"seed_{seed}"
                for seed, fold in zip(run.seeds, run.folds, strict=True)
            ]
            single = {
                f"seeds/{name}/{split}/{replica}": float(value[r])
                for name, value in values.items()
                for r, replica in enumerate(replicas)
            }
        is_test = split == "test"
        if len(self.destinations) == 1:
            logged = False if is_test else None  # the Trainer's loggers get the test metrics below
            pl_module.log_dict(means, on_step=False, on_epoch=True, batch_size=1, logger=logged)
        epoch, step = trainer.current_epoch, trainer.global_step - 1
        loggers = run.loggers
        if is_test:
            epoch, step = pl_module.n_epochs(run.replicas), pl_module.n_steps(run.replicas)
            every = [*trainer.loggers, *run.loggers]
            loggers = [logger for logger in every if not isinstance(logger, TensorBoardLogger)]
        for logger in loggers if means else ():
            logger.log_metrics(means | {"epoch": epoch}, step)
        if single:
            for logger in [*trainer.loggers, *run.loggers]:
                logger.log_metrics(single, step=trainer.global_step)


def _loss_and_metrics(
    objective: Objective,
    loss: Tensor,
    prediction: Tensor,
    target: Tensor,
    counts: Sequence[int] | None,
) -> dict[str, Tensor]:
    """Loss and metrics, ``[R]`` each, over the first ``counts[r]`` rows of replica r."""
    found: dict[str, Tensor] = {}
    of_replica = torch.tensor([loss.shape[1]] * len(loss) if counts is None else counts)
    for n in of_replica.unique().tolist():
        metrics = objective.metrics(prediction[:, :n], target[:, :n])
        for name, value in ({"loss": loss[:, :n].mean(1)} | metrics).items():
            value = exact(value).cpu()
            found[name] = torch.where(of_replica == n, value, found.get(name, value))
    return found


def _rows(epochs: Sequence[_Epoch], seeds: Sequence[int], folds: Sequence[int]) -> Any:
    """Rows of the metrics table, one per epoch, split and replica."""
    has_rows = np.concatenate([one.has_rows for one in epochs])
    columns = {
        "seed": np.tile(seeds, len(epochs)),
        "fold": np.tile(folds, len(epochs)),
        "epoch": np.concatenate([one.epochs for one in epochs]),
        "split": np.repeat([one.split for one in epochs], len(seeds)),
        **{name: np.concatenate([one.values[name] for one in epochs]) for name in epochs[0].values},
    }
    return METRICS.frame({name: values[has_rows] for name, values in columns.items()})


def _mean(values: np.typing.NDArray[np.float64]) -> float:
    """The mean of the values that are not NaN; NaN if there are none."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")
