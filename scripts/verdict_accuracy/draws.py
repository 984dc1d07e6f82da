"""What is drawn of a network: its shape, data, step size, and whether it is sound at all."""

from collections.abc import Sequence

import numpy as np

_SYNTHETIC = ("moons", "circles", "blobs", "xor")
LABELLED = ("iris", "wine", "breast_cancer", *_SYNTHETIC)
_NUMERIC = ("sine", "teacher", "diabetes", "linear")
EDGES = {  # activations with a usual initialisation that keeps δ for ten layers and more
    "relu": "he", "leaky": "he", "tanh": "xavier", "hardtanh": "xavier", "selu": "lecun",
    "elu": "critical", "identity": "xavier", "gelu": "critical", "silu": "critical",
}  # fmt: skip


class Draw:
    """Choices of one network."""

    def __init__(self, *entropy: int) -> None:
        self.generator = np.random.default_rng(entropy)

    def one(self, options: Sequence[str]) -> str:
        """One of them, each as likely."""
        return options[int(self.generator.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from one to the other."""
        return int(self.generator.integers(low, high + 1))

    def number(self, low: float, high: float) -> str:
        """Evenly on a logarithmic scale."""
        return f"{np.exp(self.generator.uniform(np.log(low), np.log(high))):.3g}"

    def shape(self, low: int, high: int, width: int = 24) -> dict[str, str]:
        """Depth and widths: uniform, tapering or widening."""
        depth = self.whole(low, high)
        width = self.whole(width, 3 * width)
        profile = self.one(("uniform", "tapering", "widening"))
        if profile == "uniform" or depth == 1:
            return {"network.depth": str(depth), "network.width": str(width)}
        sizes = np.linspace(2 * width, width, depth).astype(int).tolist()
        sizes = sizes if profile == "tapering" else sizes[::-1]
        return {"network.hidden_sizes": f"[{','.join(map(str, sizes))}]"}

    def data(self, options: Sequence[str] = (*LABELLED, *_NUMERIC)) -> dict[str, str]:
        """A data set, and a loss for it."""
        name = self.one(options)
        loss = "mse" if name in _NUMERIC else self.one(("ce", "bce"))
        return {"data": name, "loss": loss}

    def gentle(self) -> dict[str, str]:
        """A step size with which these networks train."""
        return {"optimizer": "adam", "optimizer.lr": self.number(1e-3, 3e-3)}

    def sound(self, low: int = 1, high: int = 4) -> dict[str, str]:
        """A network without a fault."""
        activation = self.one(tuple(EDGES))
        made = {"activation": activation, "init": EDGES[activation]}
        return made | self.shape(low, high) | self.data(_learnable(activation)) | self.gentle()


def _learnable(activation: str) -> tuple[str, ...]:
    """Data that a network with this activation can learn something of."""
    linear = ("iris", "wine", "breast_cancer", "moons", "blobs", "linear", "diabetes")
    return linear if activation == "identity" else (*LABELLED, *_NUMERIC)
