"""What the first step says of a model, before any training."""

import copy
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from deltaflow.records import VerdictRecord
from deltaflow.system.errors import UserError
from deltaflow.watching.measuring.loss_graph import facts
from deltaflow.watching.recorder import WatchedTraining


@dataclass(frozen=True)
class Check:
    """What one step says of a model.

    Attributes:
        verdicts: findings, most important first, or ``healthy``.
        layers: the layers table of the step.
        names: of the layers, in the order of the table.
    """

    verdicts: tuple[VerdictRecord, ...]
    layers: pl.DataFrame
    names: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """All of it as JSON has it: verdicts, and a row for each layer."""
        rows = zip(self.names, self.layers.to_dicts(), strict=True)
        return {
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "layers": [{"name": name} | _finite(row) for name, row in rows],
        }

    def __str__(self) -> str:
        return "\n".join(verdict.words for verdict in self.verdicts)


def check(
    model: nn.Module, batch: Any, loss_fn: Callable[[Any, Any], Tensor] | None = None
) -> Check:
    """Say what one forward and backward pass tells of a model, before any training.

    The pass is made through a copy: weights, gradients and buffers of the model stay as they are.

    Args:
        model: to look at.
        batch: ``(inputs, targets)``; ``inputs`` may be a tuple of arguments.
        loss_fn: of the outputs and the targets, the mean over samples.

    Raises:
        ValueError: for a batch that is no pair; for a model without a layer to watch, or a
            compiled one.
    """
    if not (isinstance(batch, tuple | list) and len(batch) == 2):
        raise UserError(
            "A batch must be a pair of inputs and targets. Found "
            f"{type(batch).__name__}. Write `check(model, (x, y), loss_fn)`."
        )
    inputs, targets = batch
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        twin = copy.deepcopy(model).train()
        for parameter in twin.parameters():
            parameter.grad = None
        training = WatchedTraining(twin, Path(folder, "check"))
        try:
            with torch.enable_grad():
                training.begin_step()
                outputs = twin(*arguments)
                training.forward_is_over()
                loss = loss_fn(outputs, targets) if loss_fn else outputs
                training.observations.loss = facts(loss)
                loss.backward()
            training.end_step(loss)
            layers, _ = training.conclude()
        except BaseException as error:
            training.abort(error)
            raise
    return Check(tuple(training.record.verdicts), layers, tuple(training.record.layers))


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what JSON has no word for."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
