"""The optimizer of a range of replicas, and its schedule."""

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Parameters = list[nn.Parameter]


@dataclass
class Updates:
    """An optimizer of a range of replicas in a part.

    Attributes:
        replicas: the replicas that it updates, as a slice of the stack.
        optimizer: updates ``views``.
        within: the same replicas, as a slice of the part.
        views: the part's parameters, or views of them; their gradients are set before each step.
        scheduler: the schedule of its step size; ``None`` for a constant one.
        given: the part's gradients, by parameter, whose slices the gradients of the views are.
    """

    replicas: slice
    optimizer: Optimizer
    within: slice
    views: Parameters
    scheduler: LRScheduler | None = None
    given: dict[int, Tensor | None] = field(default_factory=dict)

    @property
    def watches_loss(self) -> bool:
        """Whether the step size follows the validation loss."""
        return isinstance(self.scheduler, ReduceLROnPlateau)


def fused(optimizer: Optimizer) -> Optimizer:
    """Let an optimizer of PyTorch use its fused kernel, unless its settings exclude that."""
    for group in optimizer.param_groups if type(optimizer) in (Adam, AdamW, SGD) else []:
        if group["fused"] is group["foreach"] is None and not group["differentiable"]:
            group["fused"] = True
    return optimizer
