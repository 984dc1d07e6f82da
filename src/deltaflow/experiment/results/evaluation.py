"""Evaluates a trained network on rows with known targets, if possible on rows it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deltaflow.data import ReplicaData
from deltaflow.figures.run.class_panels import Array, ClassPredictions, Decisions, Part
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.nn.task import Classification, Regression
from deltaflow.records import Confusion, Fit, TargetFit

_MAX_CLASSES = 20
_CELLS = 64  # grid points per side of the decision map
_MAX_SEEDS = 32  # replicas that vote in the decision map
_MARGIN = 0.08  # around the rows, as a share of their range
_MAX_POINTS = 300  # rows in the scatter plot


def evaluate_network(
    data: ReplicaData, network: FullyConnected, objective: Objective, replicas: Sequence[int]
) -> ClassPredictions | NumberPredictions | None:
    """Evaluate a network on the test part, else the validation part, else the training part.

    Args:
        data: the run's data.
        network: the trained network; it is left in evaluation mode.
        objective: the objective, which turns outputs into predictions.
        replicas: indices of the replicas that did not diverge.

    Returns:
        For classes, the confusion matrix summed over replicas, and the decision map for two
        features. For numbers, R² and RMSE for each target, averaged over replicas, and some points.
        ``None`` if every replica diverged, there are more than 20 classes, or there are folds and
        the targets are numbers or there is only a training part.
    """
    network.eval()
    if not replicas:
        return None
    task = objective.task
    if isinstance(task, Classification):
        return _evaluate_classes(data, network, objective, task, replicas)
    if data.n_folds > 1:  # each fold has its own rows and units
        return None
    return _evaluate_numbers(data, network, objective, task, replicas)


def summary_field(predictions: ClassPredictions | NumberPredictions | None) -> dict[str, Any]:
    """The field ``confusion`` or ``fit`` of the summary, by name; no field without predictions."""
    match predictions:
        case ClassPredictions(part, classes, confusion):
            return {"confusion": asdict(Confusion(part, classes, confusion.tolist()))}
        case NumberPredictions(part, names, r2, rmse):
            scores = zip(names, r2.tolist(), rmse.tolist(), strict=True)
            return {"fit": asdict(Fit(part, [TargetFit(*one) for one in scores]))}
    return {}


def decide(
    network: FullyConnected,
    objective: Objective,
    points: Array,
    targets: Array,
    replicas: Sequence[int],
    n_cells: int,
    margin: float,
) -> Decisions:
    """The classes that networks predict in the plane of two inputs.

    Args:
        network: the network in evaluation mode.
        objective: an objective for classes.
        points: some rows, ``[n, 2]``, float64.
        targets: class indices of these rows, ``[n]``.
        replicas: indices of the replicas that vote.
        n_cells: number of places along each side of the plane.
        margin: margin around the rows, relative to their range.
    """
    assert isinstance(objective.task, Classification)
    low, high = points.min(0), points.max(0)
    around = margin * (high - low) + 1e-9
    x, y = (np.linspace(a, b, n_cells) for a, b in zip(low - around, high + around, strict=True))
    plane = torch.from_numpy(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
    taken = predict_at(network, objective, plane, replicas)
    votes = torch.nn.functional.one_hot(taken.long(), objective.task.n_classes).sum(0).max(-1)
    chosen, n_votes = (one.cpu().numpy().reshape(n_cells, n_cells) for one in (votes[1], votes[0]))
    edges = x[0], x[-1], y[0], y[-1]
    return Decisions(edges, chosen, n_votes / len(replicas), points, targets)


@torch.no_grad()
def predict_at(
    network: FullyConnected, objective: Objective, inputs: Tensor, replicas: Sequence[int]
) -> Tensor:
    """The predictions of some replicas for the same inputs ``[n, n_features]``, ``[R, n, …]``."""
    inputs = inputs.to(next(network.parameters()))
    if len(replicas) == 1:  # without the work for all others
        return objective.predict(network.replica(replicas[0])(inputs)[None])
    return objective.predict(network(inputs.expand(network.n_replicas, -1, -1)))[list(replicas)]


def _evaluate_classes(
    data: ReplicaData,
    network: FullyConnected,
    objective: Objective,
    task: Classification,
    replicas: Sequence[int],
) -> ClassPredictions | None:
    k, part = task.n_classes, _part(data)
    if k > _MAX_CLASSES or (part == "training" and data.n_folds > 1):
        return None
    counts = np.zeros((k, k), dtype=int)
    n_own_rows = None if part == "training" else data.n_own_rows(part)
    features, targets, seen = [], [], 0
    with torch.no_grad():
        for x, y in _batches(data, part):
            taken = objective.predict(network(x))[list(replicas)].cpu().numpy()
            true, place = y[list(replicas)].cpu().numpy(), seen + np.arange(y.shape[1])
            limits = np.array(n_own_rows or [len(place) + seen] * len(y))[list(replicas), None]
            counted = place < limits
            np.add.at(counts, (true[counted], taken[counted]), 1)
            seen += y.shape[1]
            features.append(x[0].cpu().numpy())
            targets.append(y[0].cpu().numpy())
        decisions = None
        if data.n_features == 2 and data.n_folds == 1:  # folds standardise the plane differently
            rows = np.concatenate(features).astype(float), np.concatenate(targets)
            decisions = decide(network, objective, *rows, replicas[:_MAX_SEEDS], _CELLS, _MARGIN)
    return ClassPredictions(part, task.classes, counts, decisions)


def _evaluate_numbers(
    data: ReplicaData,
    network: FullyConnected,
    objective: Objective,
    task: Regression,
    replicas: Sequence[int],
) -> NumberPredictions:
    part = _part(data)
    errors = torch.zeros(len(replicas), task.n_targets, dtype=torch.float64)
    targets, means = [], []
    with torch.no_grad():
        for x, y in _batches(data, part):
            predicted = objective.predict(network(x))[list(replicas)].double().cpu()
            targets.append(y[0].double().cpu())
            means.append(predicted[:, :_MAX_POINTS].mean(0))
            errors += (predicted - targets[-1]).square().sum(1)
    wanted, scale = torch.cat(targets), torch.tensor(task.scale, dtype=torch.float64)
    about_mean = (wanted - wanted.mean(0)).square().sum(0)
    r2 = torch.where(about_mean > 0, 1 - errors / about_mean, torch.nan).mean(0)
    rmse = (errors / len(wanted)).sqrt().mean(0) * scale
    points = wanted[:_MAX_POINTS], means[0][:_MAX_POINTS]
    return NumberPredictions(part, task.targets, *(one.numpy() for one in (r2, rmse, *points)))


def _part(data: ReplicaData) -> Part:
    if data.has_test:
        return "test"
    return "validation" if data.has_validation else "training"


def _batches(data: ReplicaData, part: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of a part: features ``[R, n, n_features]``, and targets ``[R, n, …]``."""
    if part == "training":
        x, shape = data.probe(10_000), data.training_targets(10_000).shape
        return iter([(x, data.training_targets(10_000).expand(len(x), *shape))])
    return iter(data.test_dataloader() if part == "test" else data.val_dataloader())
