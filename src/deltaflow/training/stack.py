"""Trains runs of a sweep that have the same shape as one stack.

Each run keeps its objective, its network, whose parameters are a slice of the stack's, and its
optimizer and schedule for that slice. So an optimizer works as in a single run, and a run's weights
are to rounding the same as without the other runs.
"""

from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate, chain
from typing import Any, cast

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from deltaflow.nn.stacking import JoinedObjective, joined_network, merged_ranges
from deltaflow.training.module import StackedModule
from deltaflow.training.slices import OptimizerOfSlices, optimizers_of_slices
from deltaflow.training.states import State, state_of


class Stack(StackedModule):
    """Joins the modules of several runs into one module.

    A run ends when all its replicas have diverged or stopped. Its weights then stay as they are at
    the end of that epoch, as in a single run.

    Args:
        runs: the modules, with equal layer sizes, normalisation, type and device, and with
            initialised networks.
        kinds: for each run, a key of its ``activation``, ``loss`` and ``optimizer`` (with its
            schedule); the keys of two runs are equal if they have the same.

    Attributes:
        slices: the replicas of each run, as slices of the stack.
    """

    def __init__(
        self, runs: Sequence[StackedModule], kinds: Sequence[Mapping[str, Hashable]]
    ) -> None:
        self._sizes = [run.network.n_replicas for run in runs]
        ends = list(accumulate(self._sizes))
        self.slices = [slice(end - size, end) for end, size in zip(ends, self._sizes, strict=True)]

        def ranges(part: str) -> list[tuple[int, int]]:
            return merged_ranges([kind[part] for kind in kinds], self._sizes)

        losses = ranges("loss")
        super().__init__(
            joined_network([run.network for run in runs], [kind["activation"] for kind in kinds]),
            JoinedObjective([runs[i].objective for i, _ in losses], [n for _, n in losses]),
            runs[0].optimizer,
            patience=None if runs[0].waiting is None else runs[0].waiting.patience,
        )
        self.runs = list(runs)  # a list: runs are no submodules, the stack has their parameters
        self._optimizers = ranges("optimizer")
        self.has_slice_optimizers = True
        self._states: list[State] = []  # that the runs resume from
        limits = [torch.inf if run.gradient_clip_norm is None else run.gradient_clip_norm
                  for run in runs]  # fmt: skip
        self._clips = any(limit != torch.inf for limit in limits)
        self._limits: Tensor
        dtype = self.network.layers[0].weight.dtype
        per_replica = torch.tensor(limits, dtype=dtype).repeat_interleave(torch.tensor(self._sizes))
        self.register_buffer("_limits", per_replica, persistent=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make each run's optimizer over its slice; neighbours with equal settings share one."""
        self.make_parts()
        ends = accumulate(size for _, size in self._optimizers)
        slices = [slice(end - n, end) for end, (_, n) in zip(ends, self._optimizers, strict=True)]
        runs = [self.runs[index] for index, _ in self._optimizers]
        made = optimizers_of_slices(self, list(zip(slices, runs, strict=True)))
        if self._states:
            together = cast(OptimizerOfSlices, made["optimizer"])
            together.resume(list(zip(self.slices, self._states, strict=True)))
        return made

    def resume(self, checkpoints: Sequence[Mapping[str, Any]]) -> None:
        """Resume from a checkpoint of each run; all must be of the same epoch."""
        for run, replicas, found in zip(self.runs, self.slices, checkpoints, strict=True):
            run.load_state_dict(found["state_dict"])
            for name, whole in self._ending_buffers().items():
                whole[replicas] = run.get_buffer(name)
            schedule = next(iter(found["lr_schedulers"]), None)
            self._states.append(State(found["optimizer_states"][0], schedule))

    def checkpoint(self, index: int) -> dict[str, Any]:
        """A checkpoint in Lightning's format, from which a run can be resumed in any stack."""
        run, replicas = self.runs[index], self.slices[index]
        tensors = {f"network.{name}": tensor for name, tensor in self._tensors().items()}
        updates = [update for part in self.parts for update in part.updates]
        state = state_of(updates, replicas)
        checkpoint: dict[str, Any] = {
            "epoch": self.n_epochs(replicas),
            "global_step": self.n_steps(replicas),
            "pytorch-lightning_version": version("lightning"),
            "state_dict": run.state_dict()
            | {
                name: whole[replicas].cpu().clone()
                for name, whole in (tensors | self._ending_buffers()).items()
            },
            "optimizer_states": [state.optimizer],
            "lr_schedulers": [] if state.scheduler is None else [state.scheduler],
        }
        run.on_save_checkpoint(checkpoint)
        return checkpoint

    @property
    def clip_limit(self) -> Tensor | None:
        """The largest gradient norm of each replica, ``[R]``; ``None`` if none is clipped."""
        return self._limits if self._clips else None

    def on_train_epoch_end(self) -> None:
        """Mark replicas that diverge or stop, and end the runs that have no other replicas."""
        super().on_train_epoch_end()
        over = self.diverged | self.ended
        ends = torch.zeros_like(over)
        for replicas in self.slices:
            ends[replicas] = over[replicas].all()
        self._end_replicas(ends)

    def copy_to_runs(self) -> None:
        """Copy the weights of each run, and which replicas have ended, into its module."""
        whole = self._tensors()
        for run, replicas in zip(self.runs, self.slices, strict=True):
            for name, tensor in chain(run.network.named_parameters(), run.network.named_buffers()):
                tensor.data = whole[name][replicas].clone()
                tensor.grad = None
            for name, of_all in self._ending_buffers().items():
                run.get_buffer(name).data = of_all[replicas].clone()

    def _ending_buffers(self) -> dict[str, Tensor]:
        """The buffers, beside the network's, that tell which replicas have ended, by name."""
        names = ["diverged_at", "ended_at", "ended_after"]
        if self.waiting is not None:
            names += [f"waiting.{name}" for name, _ in self.waiting.named_buffers()]
        return {name: self.get_buffer(name) for name in names}
