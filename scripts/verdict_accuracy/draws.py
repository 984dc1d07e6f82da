"""What is drawn of a network: its shape, data, step size, and whether it is sound at all."""

import numpy as np

Overrides = dict[str, str]
"""Of a run, by key."""

SYNTHETIC = ("moons", "circles", "blobs", "xor")
CLASSES = ("iris", "wine", "breast_cancer", *SYNTHETIC)
NUMBERS = ("sine", "teacher", "diabetes", "linear")
_SEEDED = (*SYNTHETIC, "spirals", "sine", "teacher", "linear")
EDGES = {  # activations with a usual initialisation that keeps δ for ten layers and more
    "relu": "he", "leaky": "he", "tanh": "xavier", "hardtanh": "xavier", "selu": "lecun",
    "elu": "critical", "identity": "xavier", "gelu": "critical", "silu": "critical",
}  # fmt: skip
FOR_A_LINEAR_MODEL = ("iris", "wine", "breast_cancer", "moons", "blobs", "linear", "diabetes")


class Draw:
    """Choices of one network."""

    def __init__(self, *entropy: int) -> None:
        self.generator = np.random.default_rng(entropy)

    def one(self, *options: str) -> str:
        """One of them, each as likely."""
        return options[int(self.generator.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from one to the other."""
        return int(self.generator.integers(low, high + 1))

    def number(self, low: float, high: float) -> str:
        """Evenly on a logarithmic scale."""
        return f"{np.exp(self.generator.uniform(np.log(low), np.log(high))):.3g}"

    def shape(self, low: int, high: int, width: int = 24) -> Overrides:
        """Depth and widths: uniform, tapering or widening."""
        depth = self.whole(low, high)
        width = self.whole(width, 3 * width)
        profile = self.one("uniform", "tapering", "widening")
        if profile == "uniform" or depth == 1:
            size = {"network.depth": str(depth), "network.width": str(width)}
            return size | {"network.hidden_sizes": "null"}
        sizes = np.linspace(2 * width, width, depth).astype(int).tolist()
        return layers(*(sizes if profile == "tapering" else sizes[::-1]))

    def data(self, *options: str) -> Overrides:
        """A data set, drawn or split anew, and a loss for it."""
        name = self.one(*(options or (*CLASSES, *NUMBERS)))
        loss = "mse" if name in NUMBERS else self.one("ce", "bce")
        seed = "data.seed" if name in _SEEDED else "data.split_seed"
        return {"data": name, "loss": loss, seed: str(self.whole(1, 999))}

    def gentle(self) -> Overrides:
        """A step size with which these networks train."""
        return {"optimizer": "adam", "optimizer.lr": self.number(1e-3, 3e-3)}

    def sound(self, *data: str, high: int = 4) -> Overrides:
        """A network without a fault, of up to so many hidden layers."""
        activation = self.one(*EDGES)
        if activation == "identity" and not data:
            data = FOR_A_LINEAR_MODEL
        made = {"activation": activation, "init": EDGES[activation]}
        return made | self.shape(1, high) | self.data(*data) | self.gentle()

    def quick(self, *data: str) -> Overrides:
        """A network without a fault that has learnt most within 100 to 200 steps."""
        activation = self.one("relu", "leaky", "tanh", "elu", "gelu")
        made = {"activation": activation, "init": EDGES[activation]} | self.shape(1, 3, 16)
        made |= self.data(*(data or ("iris", "wine", "breast_cancer", "moons", "blobs", "linear")))
        made |= {"optimizer": "adam", "optimizer.lr": self.number(5e-3, 1e-2)}
        made |= {"data.batch_size": "32", "trainer.max_epochs": "35"}
        if made["data"] in ("breast_cancer", "digits"):
            return made | {"data.train_rows": str(self.whole(200, 250))}
        sampled = {"data.n_samples": str(self.whole(200, 300))} if "data.seed" in made else {}
        return made | sampled


def descent(lr: str) -> Overrides:
    """Plain gradient descent with the usual momentum."""
    return {"optimizer": "sgd", "optimizer.lr": lr}


def layers(*sizes: int) -> Overrides:
    """These hidden layers, whatever depth and width."""
    return {"network.hidden_sizes": f"[{','.join(map(str, sizes))}]"}
