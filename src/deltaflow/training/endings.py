"""Replicas that end while others of the stack train on: those diverged are marked, others stop."""

from itertools import chain
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from deltaflow.nn.network import FullyConnected
from deltaflow.training.early_stopping import Patience, Waiting


class EndingReplicas(pl.LightningModule):
    """A stack whose replicas end one by one, and keep the weights that they have then.

    Args:
        network: R networks.
        patience: after which a replica stops; ``None`` for never.

    Attributes:
        diverged_at: ``[R]``, the step whose loss was not finite, −1 for none.
        ended_at: ``[R]``, the updates after which a replica keeps its weights, −1 for none.
        ended_after: ``[R]``, the epochs that these updates were, −1 for none.
    """

    def __init__(self, network: FullyConnected, patience: Patience | None) -> None:
        super().__init__()
        self.network = network
        self.diverged_at: Tensor
        self.ended_at: Tensor
        self.ended_after: Tensor
        for name in ("diverged_at", "ended_at", "ended_after"):
            self.register_buffer(name, torch.full((network.n_replicas,), -1))
        self.waiting = None if patience is None else Waiting(patience, network.n_replicas)
        self._ended = torch.empty(0, dtype=torch.int64)  # replicas that keep their weights
        self._weights: list[Tensor] = []  # theirs, and what goes with these

    @property
    def diverged(self) -> Tensor:
        """Which replicas have diverged, ``[R]``, bool."""
        return self.diverged_at >= 0

    @property
    def ended(self) -> Tensor:
        """Which replicas are over while others train on, ``[R]``, bool."""
        return self.ended_at >= 0

    @property
    def stopped_at(self) -> Tensor:
        """The updates after which each replica stopped without having diverged, −1 for none."""
        return torch.where(self.diverged, -1, self.ended_at)

    def n_steps(self, own: slice = slice(None)) -> int:
        """How many updates some replicas have made, the longest of them."""
        ended = self.ended_at[own]
        return int(ended.max()) if bool((ended >= 0).all()) else self.trainer.global_step

    def n_epochs(self, own: slice = slice(None)) -> int:
        """How many epochs some replicas have trained, the longest of them."""
        if bool(self.ended[own].all()):
            return int(self.ended_after[own].max())
        return self.trainer.current_epoch

    def on_train_start(self) -> None:
        """Know the replicas that had ended before, if the training goes on."""
        self._keep_weights()

    def on_train_batch_end(self, *_: Any) -> None:
        """Give replicas that have ended the weights back that they keep."""
        if self._weights:
            for tensor, kept in zip(self._tensors().values(), self._weights, strict=True):
                tensor[self._ended] = kept

    def _mark(self, broken: Tensor) -> None:
        """Note the step of replicas, ``[R]``, that are not finite for the first time."""
        self.diverged_at.masked_fill_(broken & ~self.diverged, self.global_step)

    def _finite(self) -> Tensor:
        """Whether all weights of a replica are finite, ``[R]``."""
        extremes = [  # they take a fiftieth of the ∞-norm's time
            extreme(p.detach(), tuple(range(1, p.ndim)))
            for p in self.parameters()
            for extreme in (torch.amin, torch.amax)
        ]
        return torch.stack(extremes).isfinite().all(0)

    def _end(self, stops: Tensor) -> None:
        """Let replicas, ``[R]``, keep the weights that they have."""
        stops = stops & ~self.ended
        self.ended_at.masked_fill_(stops, self.global_step)
        self.ended_after.masked_fill_(stops, self.trainer.current_epoch + 1)
        self._keep_weights()

    def _keep_weights(self) -> None:
        self._ended = self.ended.nonzero().squeeze(1)
        some = len(self._ended) > 0
        self._weights = [tensor[self._ended] for tensor in self._tensors().values()] if some else []

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers of the network by name, replicas first."""
        named = chain(self.network.named_parameters(), self.network.named_buffers())
        return {name: tensor.detach() for name, tensor in named}
