"""Replicas that end before the stack does: some diverge, some stop early."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from deltaflow.nn.network import FullyConnected
from deltaflow.training.early_stopping import Patience, Waiting


class EndingReplicas(pl.LightningModule):
    """A stack whose replicas may end one by one; an ended replica keeps its weights.

    Args:
        network: R networks.
        patience: the criterion of early stopping; ``None`` for no early stopping.

    Attributes:
        diverged_at: ``[R]``, the step at which the replica diverged; −1 if it has not.
        ended_at: ``[R]``, the number of updates after which the replica ended; −1 if it has not.
        ended_after: ``[R]``, the number of epochs after which it ended; −1 if it has not.
        validated: ``[R]`` for each metric, the values of the last validation.
    """

    validated: Mapping[str, Tensor]

    def __init__(self, network: FullyConnected, patience: Patience | None) -> None:
        super().__init__()
        self.network = network
        self.diverged_at: Tensor
        self.ended_at: Tensor
        self.ended_after: Tensor
        for name in ("diverged_at", "ended_at", "ended_after"):
            self.register_buffer(name, torch.full((network.n_replicas,), -1))
        self.waiting = None if patience is None else Waiting(patience, network.n_replicas)
        self._ended = torch.empty(0, dtype=torch.int64)  # indices of the ended replicas
        self._weights: list[Tensor] = []  # parameters and buffers of the ended replicas

    @property
    def diverged(self) -> Tensor:
        """Whether each replica has diverged, ``[R]``, bool."""
        return self.diverged_at >= 0

    @property
    def ended(self) -> Tensor:
        """Whether each replica has ended, ``[R]``, bool."""
        return self.ended_at >= 0

    @property
    def stopped_at(self) -> Tensor:
        """Updates after which each replica stopped early, ``[R]``; −1 if it did not or diverged."""
        return torch.where(self.diverged, -1, self.ended_at)

    def n_steps(self, replicas: slice = slice(None)) -> int:
        """Number of updates of the longest trained replica among ``replicas``."""
        ended = self.ended_at[replicas]
        return int(ended.max()) if bool((ended >= 0).all()) else self.trainer.global_step

    def n_epochs(self, replicas: slice = slice(None)) -> int:
        """Number of epochs of the longest trained replica among ``replicas``."""
        if bool(self.ended[replicas].all()):
            return int(self.ended_after[replicas].max())
        return self.trainer.current_epoch

    def on_train_start(self) -> None:
        """Store the weights of replicas that had ended when the resumed checkpoint was saved."""
        self._store_weights()

    def on_train_batch_end(self, *_: Any) -> None:
        """Undo the update of replicas that have ended."""
        if self._weights:
            for tensor, kept in zip(self._tensors().values(), self._weights, strict=True):
                tensor[self._ended] = kept

    def _mark_diverged(self, broken: Tensor) -> None:
        """Set ``diverged_at``, unless it is set, to this step where ``broken``, ``[R]`` bool."""
        self.diverged_at.masked_fill_(broken & ~self.diverged, self.global_step)

    def _finite(self) -> Tensor:
        """Whether all weights of a replica are finite, ``[R]``."""
        extremes = [  # 50 times faster than the ∞-norm
            extreme(p.detach(), tuple(range(1, p.ndim)))
            for p in self.parameters()
            for extreme in (torch.amin, torch.amax)
        ]
        return torch.stack(extremes).isfinite().all(0)

    def _end_replicas(self, stops: Tensor) -> None:
        """End the replicas in ``stops``, ``[R]`` bool, with their current weights."""
        stops = stops & ~self.ended
        self.ended_at.masked_fill_(stops, self.global_step)
        self.ended_after.masked_fill_(stops, self.trainer.current_epoch + 1)
        self._store_weights()

    def _stop_early(self) -> None:
        """End replicas whose metric no longer improves, and the training if none is left."""
        if self.waiting is not None:
            stops = self.waiting.update(self.validated[self.waiting.patience.metric])
            self._end_replicas(stops.to(self.diverged.device) & ~self.diverged)
        if bool((self.diverged | self.ended).all()):
            self.trainer.should_stop = True

    def _store_weights(self) -> None:
        self._ended = self.ended.nonzero().squeeze(1)
        some = len(self._ended) > 0
        self._weights = [tensor[self._ended] for tensor in self._tensors().values()] if some else []

    def _tensors(self) -> dict[str, Tensor]:
        """The network's parameters and buffers by name; dimension 0 is the replica."""
        named = chain(self.network.named_parameters(), self.network.named_buffers())
        return {name: tensor.detach() for name, tensor in named}
