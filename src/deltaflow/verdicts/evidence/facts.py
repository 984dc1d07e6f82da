"""What is known of a run besides its records: how it was set up, and on which data."""

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
"""Training rows that tell what there is to know of all."""


@dataclass(frozen=True)
class Settings:
    """Settings that may keep a network from learning.

    Attributes:
        lr: the optimizer's step size, if it has one.
        scheduled: whether it changes with the epochs.
        weight_decay: the optimizer's.
        decoupled_decay: whether the decay is no part of the gradient.
        clip_norm: what gradients are cut to; ``None`` leaves them.
        output_activation: the name of what stands on the output layer, if anything.
        standardized: whether features and numeric targets were standardised.
        label_noise: share of the training labels that were replaced.
        rows_left_out: whether only some of the training rows are used.
        max_epochs: for how long it was to train.
        sizes_listed: whether hidden sizes are listed one by one, so that depth and width alone
            change nothing.
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
    """What the network was trained on, and what it made of it.

    Attributes:
        input_second_moment: mean(x²) over the features of each row.
        n_rows: of the training part.
        target_second_moment: mean(y²) of numeric targets; ``None`` for classes.
        class_counts: rows of each class; ``None`` for numbers.
        predicted_counts: rows that each replica takes for each class at the end, ``[R, k]``.
        final_losses: of each replica at the end, ``[R]``, mean over the training rows.
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
    """Look at the training rows, and at what a trained network makes of them.

    Args:
        data: of the run.
        network: as trained; left in evaluation mode.
        objective: that turns outputs into predictions.
        inputs: mean(x²) over the features of each row.
    """
    target = data.training_targets(ENOUGH_ROWS)
    with torch.no_grad():
        output = network.eval()(data.probe(ENOUGH_ROWS))
        predicted = objective.predict(output).cpu().numpy()
        loss = objective.sample_loss(output, data.probe_targets(ENOUGH_ROWS))  # may write into it
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
