"""Early stopping, replica by replica: one stops, keeps its weights, and the others go on."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_SMALL = ("loss", "rmse")  # of these, less is better


@dataclass(frozen=True)
class Patience:
    """When a replica has trained long enough (Prechelt 1998).

    Attributes:
        epochs: without a better value, after which it stops.
        metric: of the validation part, the loss or a metric.
        min_delta: by how much a value must be better to count.
    """

    epochs: int
    metric: str = "loss"
    min_delta: float = 0.0


class Waiting(nn.Module):
    """How long each replica has waited for a better value; kept in checkpoints.

    Args:
        patience: of all replicas.
        n_replicas: R.

    Attributes:
        best: ``[R]``, the best value so far, the sign turned where more is better.
        waited: ``[R]``, epochs since then.
    """

    best: Tensor
    waited: Tensor

    def __init__(self, patience: Patience, n_replicas: int) -> None:
        super().__init__()
        self.patience = patience
        self.register_buffer("best", torch.full((n_replicas,), torch.inf, dtype=torch.float64))
        self.register_buffer("waited", torch.zeros(n_replicas, dtype=torch.int64))

    def judge(self, values: Tensor) -> Tensor:
        """Which replicas have waited long enough.

        Args:
            values: of an epoch, ``[R]``; NaN is no better than anything.

        Returns:
            ``[R]``, bool.
        """
        values = values.to(self.best) * (1 if self.patience.metric in _SMALL else -1)
        better = values < self.best - self.patience.min_delta
        self.best.copy_(torch.where(better, values, self.best))
        self.waited.copy_(torch.where(better, 0, self.waited + 1))
        return self.waited >= self.patience.epochs
