"""The losses of all steps, collected without waiting for an accelerator."""

import torch
from torch import Tensor

from deltaflow.system.errors import UserError

_MAX_WAITING = 1000


class StepLosses:
    """The losses of all steps."""

    def __init__(self) -> None:
        self._known: list[float] = []
        self._waiting: list[Tensor] = []

    def append(self, loss: Tensor | float) -> None:
        """Add the loss of the next step.

        Raises:
            ValueError: if the loss is not one number.
        """
        loss = torch.as_tensor(loss)
        if loss.numel() != 1:
            raise UserError(
                "The loss of a step must be one number. Found one of the shape "
                f"{list(loss.shape)}. Hand over its mean."
            )
        if loss.is_cpu and not self._waiting:
            self._known.append(loss.item())
            return
        self._waiting.append(loss.detach().clone())
        if len(self._waiting) > _MAX_WAITING:
            self.numbers()

    def numbers(self) -> list[float]:
        """The losses of all steps so far."""
        if self._waiting:
            self._known += torch.stack(
                [x.reshape(()).float().cpu() for x in self._waiting]
            ).tolist()
            self._waiting = []
        return self._known
