"""Facts about a run besides its records: its settings and its training data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deltaflow.data import ReplicaData
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.nn.task import Classification
from deltaflow.theory import Array

Counts = NDArray[np.integer[Any]]

ENOUGH_ROWS = 10_000
"""Number of training rows that are enough for a verdict."""


@dataclass(frozen=True)
class RunSettings:
    """Settings that may keep a network from learning.

    Attributes:
        lr: step size of the optimizer; ``None`` if it has none.
        scheduled: whether the step size changes with the epochs.
        weight_decay: weight decay of the optimizer.
        decoupled_decay: whether the decay is not added to the gradient, as in AdamW.
        clip_norm: norm that gradients are clipped to; ``None`` for no clipping.
        output_activation: name of the output activation; ``None`` if there is none.
        standardized: whether features and numeric targets were standardised.
        label_noise: share of the training labels that were replaced.
        rows_left_out: whether only some of the training rows are used.
        max_epochs: number of epochs.
        sizes_listed: whether ``hidden_sizes`` is set, so that depth and width have no effect.
    """

    lr: float | None = 0.1
    scheduled: bool = False
    weight_decay: float = 0.0
    decoupled_decay: bool = False
    clip_norm: float | None = None
    output_activation: str | None = None
    standardized: bool = True
    label_noise: float = 0.0
    rows_left_out: bool = False
    max_epochs: int = 100
    sizes_listed: bool = False


@dataclass(frozen=True)
class TrainingData:
    """Facts about the training data, and about the predictions on it at the end.

    Attributes:
        input_second_moment: mean(x²) over the features of each row, ``[n_rows]``.
        n_rows: number of rows in the training part.
        target_second_moment: mean(y²) of numeric targets; ``None`` for classes.
        class_counts: number of rows of each class, ``[k]``; ``None`` for numbers.
        predicted_counts: number of rows that each replica assigns to each class, ``[R, k]``;
            ``None`` for numbers.
        final_losses: loss of each replica, the mean over training rows, ``[R]``.
    """

    input_second_moment: Array
    n_rows: int
    target_second_moment: float | None = None
    class_counts: Counts | None = None
    predicted_counts: Counts | None = None
    final_losses: Array | None = None


def training_data(
    data: ReplicaData, network: FullyConnected, objective: Objective, inputs: Array
) -> TrainingData:
    """Collect facts about the training data, with the predictions of a trained network.

    Args:
        data: the run's data.
        network: the trained network, which is left in evaluation mode.
        objective: the objective, with the loss and the task.
        inputs: mean(x²) over the features of each row.
    """
    target = data.training_targets(ENOUGH_ROWS)
    with torch.no_grad():
        output = network.eval()(data.probe(ENOUGH_ROWS))
        predicted = objective.predict(output).cpu().numpy()
        loss = objective.sample_loss(output, data.probe_targets(ENOUGH_ROWS))  # may overwrite it
    losses = loss.double().mean(1).cpu().numpy()
    n_rows = data.n_rows[0]
    if not isinstance(objective.task, Classification):
        size = float(target.double().square().mean())
        return TrainingData(inputs, n_rows, target_second_moment=size, final_losses=losses)
    k = objective.task.n_classes
    return TrainingData(
        inputs,
        n_rows,
        class_counts=np.bincount(target.numpy(), minlength=k),
        predicted_counts=np.stack([np.bincount(row, minlength=k) for row in predicted]),
        final_losses=losses,
    )
