"""How the lessons print what they find."""

from torch import Tensor


def entries(tensor: Tensor, places: int = 4) -> list[float]:
    """A tensor's entries in a list, rounded.

    Args:
        tensor: of any shape.
        places: behind the decimal point.

    >>> import torch
    >>> entries(torch.tensor([[1 / 3], [2 / 3]]), places=2)
    [0.33, 0.67]
    """
    return [round(value, places) + 0.0 for value in tensor.flatten().tolist()]


def in_short(sentence: str) -> None:
    """Print what a lesson has found, in a sentence with its number."""
    print(f"\nIn short, {sentence}\n")
