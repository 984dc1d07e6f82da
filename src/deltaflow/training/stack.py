"""The runs of a sweep that share a shape, trained as one stack.

Each run keeps what it trains with: its network, whose parameters are a slice of the stack's, its
objective, its optimizer over that slice, its schedule. So any optimizer works as it does alone,
and a run's weights are to rounding what they would be without the others.
"""

from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate, chain
from typing import Any, cast

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from deltaflow.nn.stacking import JoinedObjective, alike, joined
from deltaflow.training.module import StackedModule
from deltaflow.training.slices import OptimizerOfSlices, optimized_by_slices
from deltaflow.training.states import State, state_of


class Stack(StackedModule):
    """Several modules of one shape as one.

    A run whose replicas have all diverged has ended: its weights stay as they are at the end of
    that epoch, as they would if it were alone.

    Args:
        runs: alike in sizes, normalisation, type and device, whose networks are initialized.
        kinds: of each run, what its part is, by name: equal for two runs with the same
            ``activation``, ``loss`` or ``optimizer`` (with its schedule).

    Attributes:
        slices: the replicas of each run.
    """

    def __init__(
        self, runs: Sequence[StackedModule], kinds: Sequence[Mapping[str, Hashable]]
    ) -> None:
        self._sizes = [run.network.n_replicas for run in runs]
        ends = list(accumulate(self._sizes))
        self.slices = [slice(end - size, end) for end, size in zip(ends, self._sizes, strict=True)]

        def ranges(part: str) -> list[tuple[int, int]]:
            return alike([kind[part] for kind in kinds], self._sizes)

        losses = ranges("loss")
        super().__init__(
            joined([run.network for run in runs], [kind["activation"] for kind in kinds]),
            JoinedObjective([runs[i].objective for i, _ in losses], [n for _, n in losses]),
            runs[0].optimizer,
            patience=None if runs[0].waiting is None else runs[0].waiting.patience,
        )
        self.runs = list(runs)  # no modules of the stack's: their parameters are its own
        self._optimizers = ranges("optimizer")
        self.in_slices = True
        self._states: list[State] = []  # that its runs go on from
        limits = [torch.inf if run.gradient_clip_norm is None else run.gradient_clip_norm
                  for run in runs]  # fmt: skip
        self._clips = any(limit != torch.inf for limit in limits)
        self._limits: Tensor
        dtype = self.network.layers[0].weight.dtype
        per_replica = torch.tensor(limits, dtype=dtype).repeat_interleave(torch.tensor(self._sizes))
        self.register_buffer("_limits", per_replica, persistent=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Each run's optimizer over its slice, one for neighbours with the same settings."""
        self.divide()
        ends = accumulate(size for _, size in self._optimizers)
        slices = [slice(end - n, end) for end, (_, n) in zip(ends, self._optimizers, strict=True)]
        runs = [self.runs[index] for index, _ in self._optimizers]
        made = optimized_by_slices(self, list(zip(slices, runs, strict=True)))
        if self._states:
            together = cast(OptimizerOfSlices, made["optimizer"])
            together.resume(list(zip(self.slices, self._states, strict=True)))
        return made

    def resume(self, checkpoints: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a checkpoint of each run, of the same epoch."""
        for run, own, found in zip(self.runs, self.slices, checkpoints, strict=True):
            run.load_state_dict(found["state_dict"])
            for name, whole in self._told().items():
                whole[own] = run.get_buffer(name)
            schedule = next(iter(found["lr_schedulers"]), None)
            self._states.append(State(found["optimizer_states"][0], schedule))

    def checkpoint(self, index: int) -> dict[str, Any]:
        """What a run can go on from, alone or in a stack, as Lightning would keep it."""
        run, own = self.runs[index], self.slices[index]
        kept_tensors = {f"network.{name}": tensor for name, tensor in self._tensors().items()}
        updates = [update for part in self.parts for update in part.updates]
        state = state_of(updates, own)
        kept: dict[str, Any] = {
            "epoch": self.n_epochs(own),
            "global_step": self.n_steps(own),
            "pytorch-lightning_version": version("lightning"),
            "state_dict": run.state_dict()
            | {
                name: whole[own].cpu().clone()
                for name, whole in (kept_tensors | self._told()).items()
            },
            "optimizer_states": [state.optimizer],
            "lr_schedulers": [] if state.scheduler is None else [state.scheduler],
        }
        run.on_save_checkpoint(kept)
        return kept

    def clip_limit(self, own: slice) -> Tensor | None:
        """What the gradients of some replicas are cut to, ``[R]``; ``None`` for nothing."""
        return self._limits[own] if self._clips else None

    def on_train_epoch_end(self) -> None:
        """Mark replicas that are not finite or stop; a run that has no other left has ended."""
        super().on_train_epoch_end()
        over = self.diverged | self.ended
        ends = torch.zeros_like(over)
        for own in self.slices:
            ends[own] = over[own].all()
        self._end(ends)

    def hand_back(self) -> None:
        """Give each run its weights, in tensors of their own, and what became of its replicas."""
        whole = self._tensors()
        for run, own in zip(self.runs, self.slices, strict=True):
            for name, tensor in chain(run.network.named_parameters(), run.network.named_buffers()):
                tensor.data = whole[name][own].clone()
                tensor.grad = None
            for name, of_all in self._told().items():
                run.get_buffer(name).data = of_all[own].clone()

    def _told(self) -> dict[str, Tensor]:
        """What is known of the replicas beside their networks, by name."""
        names = ["diverged_at", "ended_at", "ended_after"]
        if self.waiting is not None:
            names += [f"waiting.{name}" for name, _ in self.waiting.named_buffers()]
        return {name: self.get_buffer(name) for name in names}
