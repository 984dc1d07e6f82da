"""Records loss and metrics of every replica, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from deltaflow.flow.measurement import exact
from deltaflow.records import METRICS, TableWriter

SHOWN_SEEDS = 8  # with more, a chart of single seeds is a tangle


class MetricRecorder(pl.Callback):
    """Collects what each batch predicted and writes the metrics table.

    The mean over the replicas that have not diverged is logged under ``<metric>/<split>``,
    where Lightning's own callbacks find it, for the test part if it is finite; the courses of
    single seeds under ``seeds/<metric>/<split>/seed_<n>``.

    Args:
        table: where rows go.
        seeds: of the replicas.
    """

    def __init__(self, table: TableWriter, seeds: Sequence[int]) -> None:
        self.table = table
        self.seeds = seeds
        self._batches: dict[str, list[dict[str, Tensor]]] = {}

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Keep what a training batch gave."""
        self._keep("train", outputs)

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Keep what a validation batch gave."""
        self._keep("validation", outputs)

    def on_test_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Keep what a test batch gave."""
        self._keep("test", outputs)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the epoch's training row of each replica."""
        self._write("train", trainer, pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the epoch's validation row of each replica."""
        self._write("validation", trainer, pl_module)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the test row of each replica."""
        self._write("test", trainer, pl_module)

    def _keep(self, split: str, outputs: dict[str, Tensor]) -> None:
        kept = {name: outputs[name].detach() for name in ("sample_loss", "prediction", "target")}
        self._batches.setdefault(split, []).append(kept)

    def _write(self, split: str, trainer: pl.Trainer, pl_module: Any) -> None:
        batches = self._batches.pop(split, [])
        if not batches:
            return
        loss, prediction, target = (
            torch.cat([batch[name] for batch in batches], dim=1) for name in batches[0]
        )
        metrics = {"loss": loss.mean(1)} | pl_module.objective.metrics(prediction, target)
        finite = loss.isfinite().all(1).cpu()
        values = {
            name: torch.where(finite, exact(value).cpu(), torch.nan)
            for name, value in metrics.items()
        }
        epoch = trainer.current_epoch if split != "test" else max(trainer.current_epoch - 1, 0)
        n = len(self.seeds)
        self.table.append(
            METRICS.frame(
                {
                    "seed": list(self.seeds),
                    "epoch": [epoch] * n,
                    "split": [split] * n,
                    **{name: value.numpy() for name, value in values.items()},
                }
            )
        )
        self._log(split, values, trainer, pl_module)

    def _log(
        self,
        split: str,
        values: dict[str, Tensor],
        trainer: pl.Trainer,
        pl_module: Any,
    ) -> None:
        going = ~pl_module.diverged.cpu()
        means = {
            f"{name}/{split}": value[going].nanmean().float() for name, value in values.items()
        }
        if split == "test":  # no number is worse than any, and none can be put in order
            means = {tag: mean for tag, mean in means.items() if mean.isfinite()}
        pl_module.log_dict(means, on_step=False, on_epoch=True, batch_size=1)
        if 1 < len(self.seeds) <= SHOWN_SEEDS and split != "test":
            single = {
                f"seeds/{name}/{split}/seed_{seed}": float(value[r])
                for name, value in values.items()
                for r, seed in enumerate(self.seeds)
            }
            for logger in trainer.loggers:
                logger.log_metrics(single, step=trainer.global_step)
