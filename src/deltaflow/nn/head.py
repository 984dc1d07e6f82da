"""Turns the outputs of a network into probabilities and predictions."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Link = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Head:
    """Turns outputs ``[..., n_outputs]`` into predictions.

    Attributes:
        n_classes: number of classes; 0 for a regression.
        link: function from outputs to probabilities; ``None`` if outputs are not logits.
        threshold: with a single output, class 1 is predicted from this value on.
    """

    n_classes: int
    link: Link | None
    threshold: float | None

    def values(self, outputs: Tensor) -> Tensor:
        """Probabilities ``[..., n_classes]`` if there is a link, else the outputs.

        Probabilities of «one class against the rest» are normalised to sum 1.
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
        """Predict from the result of :meth:`values`.

        For classes, the index of the largest value; a single value is compared with the
        threshold, or rounded to an index. For a regression, the values themselves.
        """
        if not self.n_classes:
            return values
        if self.threshold is not None:
            return (values[..., -1] >= self.threshold).long()
        if values.shape[-1] > 1:
            return values.argmax(-1)
        return values.squeeze(-1).nan_to_num().round().clamp(0, self.n_classes - 1).long()

    def predict(self, outputs: Tensor) -> Tensor:
        """Predict from outputs: class indices ``[...]``, or numbers ``[..., n_outputs]``."""
        return self.choose(self.values(outputs) if outputs.shape[-1] == 1 else outputs)
