"""Checks a model by one forward and backward pass, before any training."""

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
from deltaflow.watching.measuring.loss_graph import loss_facts
from deltaflow.watching.recorder import WatchedTraining


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        verdicts: the findings, most important first, or ``healthy``.
        layers: the layers table of the step.
        names: names of the layers, in the order of the table.
    """

    verdicts: tuple[VerdictRecord, ...]
    layers: pl.DataFrame
    names: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The result as a JSON object: the verdicts, and a row for each layer."""
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
    """Judge a model by one forward and backward pass, before any training.

    The pass uses a copy, so the model's weights, gradients and buffers do not change.

    Args:
        model: the model.
        batch: ``(inputs, targets)``; ``inputs`` may be a tuple of arguments.
        loss_fn: the loss as a function of outputs and targets, a mean over samples; ``None`` if
            the model returns its loss.

    Raises:
        ValueError: if the batch is no pair, or the model is compiled or has no layer that can be
            measured.
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
                training.end_forward()
                loss = loss_fn(outputs, targets) if loss_fn else outputs
                training.observations.loss = loss_facts(loss)
                loss.backward()
            training.end_step(loss)
            layers, _ = training.finish()
        except BaseException as error:
            training.abort(error)
            raise
    return Check(tuple(training.record.verdicts), layers, tuple(training.record.layers))


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with ``None`` instead of NaN and infinity, which JSON does not have."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
