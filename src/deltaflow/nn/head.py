"""What the outputs of a network mean: probabilities, and the class or the numbers predicted."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Link = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Head:
    """How outputs ``[..., n_outputs]`` become predictions.

    Attributes:
        n_classes: to tell apart; 0 for a regression.
        link: what makes probabilities of outputs; ``None`` if nothing does.
        threshold: of a single output, from which the second of two classes is predicted.
    """

    n_classes: int
    link: Link | None
    threshold: float | None

    def values(self, outputs: Tensor) -> Tensor:
        """Probabilities ``[..., n_classes]`` where the loss has a link, else the outputs.

        Of one class against the rest, they are made to add up to 1.
        """
        if self.link == "softmax":
            return outputs.softmax(-1)
        if self.link == "sigmoid":
            probability = outputs.sigmoid()
            if self.threshold is not None:
                return torch.cat([1 - probability, probability], -1)
            return probability / probability.sum(-1, keepdim=True)
        return outputs

    def choose(self, values: Tensor) -> Tensor:
        """The predicted class of such values, or of outputs that need no link; numbers as they are.

        It is the largest of several. A single one is compared with the threshold, or rounded.
        """
        if not self.n_classes:
            return values
        if self.threshold is not None:
            return (values[..., -1] >= self.threshold).long()
        if values.shape[-1] > 1:
            return values.argmax(-1)
        return values.squeeze(-1).nan_to_num().round().clamp(0, self.n_classes - 1).long()

    def predict(self, outputs: Tensor) -> Tensor:
        """Class indices ``[...]``, or numbers ``[..., n_outputs]``."""
        return self.choose(self.values(outputs) if outputs.shape[-1] == 1 else outputs)
