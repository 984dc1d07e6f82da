"""Finds out what a loss consists of, from its autograd graph, even after the backward pass."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

_OWN_LINK = {  # node of a loss: the node of a function that the loss includes, and its name
    "LogSoftmax": ("Softmax", "softmax"),
    "BinaryCrossEntropyWithLogits": ("Sigmoid", "sigmoid"),
}
_SAME_NUMBERS = (
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T",
    "ToCopy", "Slice", "Alias", "Clone",
)  # fmt: skip
_MEAN = 1  # PyTorch's code for the reduction «mean»
_MAX_NODES = 10_000


@dataclass(frozen=True)
class LossFacts:
    """What is known about a loss.

    Attributes:
        doubled: ``softmax`` or ``sigmoid`` if it precedes a loss that includes it; else ``None``.
        is_entropy_of: ``softmax`` or ``sigmoid`` if the loss is the mean cross-entropy of logits
            alone; else ``None``.
    """

    doubled: str | None = None
    is_entropy_of: str | None = None

    def zero_output_loss(self, n_outputs: int) -> float:
        """The loss if all outputs are 0; NaN if it is not known."""
        known = {"softmax": math.log(max(n_outputs, 1)), "sigmoid": math.log(2)}
        return known.get(self.is_entropy_of or "", math.nan)


def loss_facts(loss: Tensor) -> LossFacts:
    """Read the graph of a loss."""
    for node in _nodes(loss.grad_fn):
        if (own := _OWN_LINK.get(_kind(node))) is not None:
            name, word = own
            doubled = word if _kind(_before(node, _SAME_NUMBERS)) == name else None
            return LossFacts(doubled, word if _is_mean_of(loss, node) else None)
    return LossFacts()


def _is_mean_of(loss: Tensor, node: Any) -> bool:
    """Whether the loss is the mean of a node's output, possibly divided by numbers."""
    top: Any = loss.grad_fn
    while _kind(top) == "Div":
        top = top.next_functions[0][0]
    if top is node or _kind(top) in ("NllLoss", "NllLoss2D"):
        is_next = top is node or top.next_functions[0][0] is node
        return is_next and getattr(top, "_saved_reduction", None) == _MEAN
    return False


def _nodes(first: Any) -> Iterator[Any]:
    """The nodes of a graph, each once, starting at the loss."""
    waiting, seen = [first], set[object]()
    while waiting and len(seen) < _MAX_NODES:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [before for before, _ in node.next_functions]


def _before(node: Any, passing: tuple[str, ...]) -> Any:
    """The node before a node; those named in ``passing`` are skipped."""
    before = node.next_functions[0][0]
    while _kind(before) in passing:
        before = before.next_functions[0][0]
    return before


def _kind(node: Any) -> str:
    return "" if node is None else str(node.name()).rstrip("0123456789").removesuffix("Backward")
