"""Early stopping of single replicas: one stops and keeps its weights while the others train on."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deltaflow.records import MINIMIZED


@dataclass(frozen=True)
class Patience:
    """The criterion of early stopping (Prechelt 1998).

    Attributes:
        epochs: a replica stops after this many epochs without a better value.
        metric: the quantity of the validation part that is watched: ``loss`` or a metric.
        min_delta: a value counts as better if it improves on the best by more than this.
    """

    epochs: int
    metric: str = "loss"
    min_delta: float = 0.0


class Waiting(nn.Module):
    """Counts the epochs since each replica's best value. Its buffers are saved in checkpoints.

    Args:
        patience: the criterion, the same for all replicas.
        n_replicas: R.

    Attributes:
        best: ``[R]``, the best value so far, negated for metrics where larger is better.
        waited: ``[R]``, epochs since the best value.
    """

    best: Tensor
    waited: Tensor

    def __init__(self, patience: Patience, n_replicas: int) -> None:
        super().__init__()
        self.patience = patience
        self.register_buffer("best", torch.full((n_replicas,), torch.inf, dtype=torch.float64))
        self.register_buffer("waited", torch.zeros(n_replicas, dtype=torch.int64))

    def update(self, values: Tensor) -> Tensor:
        """Update the counts with the values of an epoch, and find the replicas that stop.

        Args:
            values: the watched quantity, ``[R]``; NaN never counts as better.

        Returns:
            ``[R]``, bool: whether the replica's patience is used up.
        """
        values = values.to(self.best) * (1 if self.patience.metric in MINIMIZED else -1)
        better = values < self.best - self.patience.min_delta
        self.best.copy_(torch.where(better, values, self.best))
        self.waited.copy_(torch.where(better, 0, self.waited + 1))
        return self.waited >= self.patience.epochs
