"""What a trained network makes of rows that have classes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from deltaflow.data import ReplicaData
from deltaflow.figures.class_panels import Array, Classified, Decisions, Part
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import Objective
from deltaflow.nn.task import Classification

_MOST_CLASSES = 20
_CELLS = 64  # of the plane, on a side
_MOST_SEEDS = 32  # whose decisions are asked for
_MARGIN = 0.08  # around the rows, of their extent


def classified(
    data: ReplicaData, network: FullyConnected, objective: Objective, going: Sequence[int]
) -> Classified | None:
    """Let a network judge the rows that it has not trained on, if there are any.

    Args:
        data: of the run.
        network: as trained; left in evaluation mode.
        objective: that turns outputs into predictions.
        going: indices of the replicas that did not diverge.

    Returns:
        ``None`` if there are no classes, too many, or no replica that has not diverged.
    """
    task = objective.task
    if not isinstance(task, Classification) or task.n_classes > _MOST_CLASSES or not going:
        return None
    network.eval()
    k, part = task.n_classes, _part(data)
    counts = np.zeros((k, k), dtype=int)
    features, targets = [], []
    with torch.no_grad():
        for x, y in _batches(data, part):
            taken = objective.predict(network(x))[list(going)].cpu().numpy()
            true = np.broadcast_to(y[0].cpu().numpy(), taken.shape)
            np.add.at(counts, (true, taken), 1)
            features.append(x[0].cpu().numpy())
            targets.append(y[0].cpu().numpy())
        decisions = None
        if data.n_features == 2:
            rows = np.concatenate(features).astype(float), np.concatenate(targets)
            decisions = _decisions(network, objective, *rows, going[:_MOST_SEEDS])
    return Classified(part, task.classes, counts, decisions)


def _decisions(
    network: FullyConnected,
    objective: Objective,
    points: Array,
    targets: Array,
    going: Sequence[int],
) -> Decisions:
    low, high = points.min(0), points.max(0)
    margin = _MARGIN * (high - low) + 1e-9
    x, y = (np.linspace(a, b, _CELLS) for a, b in zip(low - margin, high + margin, strict=True))
    plane = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    like = next(network.parameters())
    asked = torch.as_tensor(plane, dtype=like.dtype, device=like.device)
    taken = objective.predict(network(asked.expand(network.n_replicas, -1, -1)))
    votes = torch.nn.functional.one_hot(taken[list(going)].long()).sum(0).argmax(-1)
    chosen = votes.cpu().numpy().reshape(_CELLS, _CELLS)
    return Decisions((x[0], x[-1], y[0], y[-1]), chosen, points, targets)


def _part(data: ReplicaData) -> Part:
    if data.has_test:
        return "test"
    return "validation" if data.has_validation else "training"


def _batches(data: ReplicaData, part: str) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of a part, ``[R, n, n_features]``, and their classes, ``[R, n]``."""
    if part == "training":
        x = data.probe(10_000)
        return iter([(x, data.training_targets(10_000).expand(len(x), -1))])
    return iter(data.test_dataloader() if part == "test" else data.val_dataloader())
