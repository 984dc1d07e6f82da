"""Small networks whose fault is known, because it was put there.

A recipe makes one kind of fault and leaves all else as it should be; activation, depth, widths,
initialisation, data and optimizer are drawn. A draw is a number: another one gives other
networks by the same recipes, never seen before.

>>> first = labelled_runs(draw=0, per_kind=1)[0]
>>> first.kind, first == labelled_runs(draw=0, per_kind=1)[0]
('healthy', True)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deltaflow.initializers import Array, He

HEALTHY_SHARE = 4  # healthy networks for each network of one kind of fault
_HERE = "deltaflow.labelled"


@dataclass(frozen=True)
class LabelledRun:
    """A run and what is wrong with it.

    Attributes:
        kind: of the fault, as verdicts name it; ``healthy`` for none.
        overrides: of the run, by key.
    """

    kind: str
    overrides: dict[str, str]


class Constant(He):
    """All weights 1/fan_in, all biases 0: nothing tells the units of a layer apart."""

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """The same whatever the generator."""
        return np.full((fan_out, fan_in), 1 / fan_in), np.zeros(fan_out)


class Silent(He):
    """He's weights, and a bias far below 0 in a share of the units, which are off for good.

    Args:
        share: of the units, 0 to 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        object.__setattr__(self, "share", share)

    def draw(
        self, generator: np.random.Generator, fan_in: int, fan_out: int
    ) -> tuple[Array, Array]:
        """He's weights, then the biases."""
        weight, bias = super().draw(generator, fan_in, fan_out)
        share: float = self.share  # type: ignore[attr-defined]
        bias[: round(share * fan_out) if fan_out > _MOST_OUTPUTS else 0] = -20.0
        return weight, bias


_MOST_OUTPUTS = 10  # of the data used here; an output layer stays as it is
_SYNTHETIC = ("moons", "circles", "blobs", "xor")
_LABELLED = ("iris", "wine", "breast_cancer", *_SYNTHETIC)
_NUMERIC = ("sine", "teacher", "diabetes", "linear")
_EDGES = {  # activations with a usual initialisation that keeps δ for ten layers and more
    "relu": "he", "leaky": "he", "tanh": "xavier", "hardtanh": "xavier", "selu": "lecun",
    "elu": "critical", "identity": "xavier", "gelu": "critical", "silu": "critical",
}  # fmt: skip


class _Draw:
    """Choices of one network."""

    def __init__(self, *entropy: int) -> None:
        self.generator = np.random.default_rng(entropy)

    def one(self, options: Sequence[str]) -> str:
        return options[int(self.generator.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
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

    def data(self, options: Sequence[str] = (*_LABELLED, *_NUMERIC)) -> dict[str, str]:
        """A data set, and a loss for it."""
        name = self.one(options)
        loss = "mse" if name in _NUMERIC else self.one(("ce", "bce"))
        return {"data": name, "loss": loss}

    def gentle(self) -> dict[str, str]:
        """A step size with which these networks train."""
        return {"optimizer": "adam", "optimizer.lr": self.number(1e-3, 3e-3)}

    def sound(self, low: int = 1, high: int = 4) -> dict[str, str]:
        """A network without a fault."""
        activation = self.one(tuple(_EDGES))
        made = {"activation": activation, "init": _EDGES[activation]}
        return made | self.shape(low, high) | self.data(_learnable(activation)) | self.gentle()


def labelled_runs(draw: int, per_kind: int = 4) -> list[LabelledRun]:
    """Networks of every kind, healthy ones first.

    Args:
        draw: which ones.
        per_kind: networks of each kind of fault; there are ``HEALTHY_SHARE`` times as many
            healthy ones.

    Returns:
        The same for the same arguments.
    """
    runs = []
    for number, (kind, recipes) in enumerate(_RECIPES.items()):
        for i in range(per_kind * (HEALTHY_SHARE if kind == "healthy" else 1)):
            made = recipes[i % len(recipes)](_Draw(draw, number, i))
            settled = {"n_seeds": "3", "seed": str(100 * i), "trainer.max_epochs": "30"}
            runs.append(LabelledRun(kind, settled | made))
    return runs


def _learnable(activation: str) -> tuple[str, ...]:
    """Data that a network with this activation can learn something of."""
    linear = ("iris", "wine", "breast_cancer", "moons", "blobs", "linear", "diabetes")
    return linear if activation == "identity" else (*_LABELLED, *_NUMERIC)


def _shallow(draw: _Draw) -> dict[str, str]:
    """Few layers, so that PyTorch's default does as well."""
    activation = draw.one(("sigmoid", "softplus", "tanh", "relu", "gelu", "elu"))
    shape = draw.shape(1, 1 if activation in ("sigmoid", "softplus") else 2)
    easy = ("iris", "wine", "breast_cancer", "blobs", "moons")
    return {"activation": activation, "init": "torch"} | shape | draw.data(easy) | draw.gentle()


def _deep(draw: _Draw) -> dict[str, str]:
    """Many layers on the edge of chaos."""
    activation = draw.one(("relu", "tanh", "leaky"))
    deep = {"activation": activation, "init": _EDGES[activation], **draw.shape(10, 16, 48)}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(2e-4, 5e-4)}  # all layers add up
    return deep | draw.data(("iris", "wine", "breast_cancer")) | steps


def _normalised(draw: _Draw) -> dict[str, str]:
    """A normalised network; sigmoid layers pass δ on where normalising takes their mean away."""
    kind = draw.one(("layer", "batch"))
    activation = draw.one(("tanh", "relu", "sigmoid") if kind == "batch" else ("tanh", "relu"))
    made = {"activation": activation, "network.normalization": kind}
    return made | draw.shape(3, 6) | draw.data(("wine", "breast_cancer", "iris")) | draw.gentle()


def _vanishing(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("sigmoid", "softplus"))
    made = {"activation": activation, "init": draw.one(("torch", "xavier", "lecun"))}
    return made | draw.shape(6, 12) | draw.data(_LABELLED) | _descent("0.03")


def _vanishing_with_biases(draw: _Draw) -> dict[str, str]:
    made = {"activation": draw.one(("relu", "tanh", "gelu", "silu")), "init": "torch"}
    return made | draw.shape(10, 14) | draw.data(_LABELLED) | _descent("0.01")


def _hidden_vanishing(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("relu", "leaky", "identity"))  # which keep σ_w/√2 of δ, or σ_w
    narrow = draw.number(0.4, 0.55) if activation == "identity" else draw.number(0.5, 0.75)
    init = {"init": "normal", "init.sigma_w": narrow}
    return (
        {"activation": activation}
        | init
        | draw.shape(8, 12)
        | draw.data(_LABELLED)
        | _descent("0.01")
    )


def _hidden_by_xavier(draw: _Draw) -> dict[str, str]:
    made = {"activation": "relu", "init": draw.one(("xavier", "lecun"))}
    shape = {"network.depth": str(draw.whole(14, 20)), "network.width": str(draw.whole(32, 64))}
    return made | shape | draw.data(_LABELLED) | _descent("0.01")


def _exploding(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("relu", "leaky", "identity", "elu"))
    wide = draw.number(1.6, 2.2) if activation == "identity" else draw.number(2.3, 3.2)
    made = {"activation": activation, "init": "normal", "init.sigma_w": wide}
    return made | draw.shape(9, 13) | draw.data(_LABELLED) | _descent("1e-6")


def _chaotic(draw: _Draw) -> dict[str, str]:
    made = {"activation": draw.one(("tanh", "hardtanh")), "init": "normal"}
    widths = {"init.sigma_w": draw.number(3, 5), "init.sigma_b": draw.number(0.05, 0.5)}
    return made | widths | draw.shape(14, 20) | draw.data(_LABELLED) | _descent("0.001")


def _raw_inputs(draw: _Draw) -> dict[str, str]:
    made = {"activation": draw.one(("tanh", "sigmoid", "hardtanh")), "data.standardize": "false"}
    return made | draw.shape(1, 3) | draw.data(("wine", "breast_cancer")) | _descent("0.01")


def _wide_biases(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("tanh", "sigmoid"))
    wide = draw.number(4, 8) if activation == "tanh" else draw.number(10, 20)
    made = {"activation": activation, "init": "normal", "init.sigma_b": wide}
    return made | draw.shape(2, 5) | draw.data(_LABELLED) | _descent("0.01")


def _dead(draw: _Draw) -> dict[str, str]:
    made = {"activation": "relu", "init._target_": f"{_HERE}.Silent",
            "+init.share": draw.number(0.65, 0.8)}  # fmt: skip
    return made | draw.shape(2, 5, 32) | draw.data(_LABELLED) | draw.gentle()


def _killed(draw: _Draw) -> dict[str, str]:
    """By steps far too long, which adam keeps from growing without bound."""
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(0.5, 2)}
    return {"activation": "relu"} | draw.shape(2, 3) | draw.data(("iris", "wine")) | steps


def _inactive(draw: _Draw) -> dict[str, str]:
    made = {"activation": "relu", "init._target_": f"{_HERE}.Silent", "+init.share": "1.0"}
    return made | draw.shape(2, 5) | draw.data(_LABELLED) | draw.gentle()


def _violent(draw: _Draw) -> dict[str, str]:
    """Of activations that go on passing something back, however far out."""
    made = {"activation": draw.one(("tanh", "sigmoid", "leaky")), "init": "xavier"}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(1, 4)}
    return made | draw.shape(1, 2) | draw.data(_LABELLED) | steps


def _stalled(draw: _Draw) -> dict[str, str]:
    name = draw.one(("adam", "sgd"))
    slow = {"optimizer": name, "optimizer.lr": "1e-8" if name == "adam" else "1e-7"}
    return draw.sound() | slow


def _symmetric(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("relu", "tanh", "sigmoid", "gelu"))
    return {"activation": activation} | draw.shape(1, 4) | draw.data() | draw.gentle()


def _zeros(draw: _Draw) -> dict[str, str]:
    return _symmetric(draw) | {"init": "zeros"}


def _constant(draw: _Draw) -> dict[str, str]:
    return _symmetric(draw) | {"init._target_": f"{_HERE}.Constant"}


def _doubled(draw: _Draw) -> dict[str, str]:
    made = draw.sound() | draw.data(("iris", "wine", "breast_cancer", "blobs"))
    double = "softmax" if made["loss"] == "ce" else "sigmoid"
    return made | {"network.output_activation": double}


def _linear_on_xor(draw: _Draw) -> dict[str, str]:
    linear = ({"network": "linear"}, {"activation": "identity"},
              {"activation": "leaky", "activation.negative_slope": "1"})  # fmt: skip
    made = linear[draw.whole(0, 2)]
    shape = {} if "network" in made else draw.shape(1, 3)
    steps = {"optimizer": "adam", "optimizer.lr": "0.01", "trainer.max_epochs": "50"}
    return made | shape | {"init": "xavier"} | draw.data(("xor", "circles")) | steps


def _labels_without_meaning(draw: _Draw) -> dict[str, str]:
    made = draw.sound(1, 3) | draw.data(("moons", "circles"))
    return made | {"data.label_noise": "0.5", "data.n_samples": "2000", "trainer.max_epochs": "10"}


def _divergence(draw: _Draw) -> dict[str, str]:
    activation = draw.one(("leaky", "identity", "elu", "selu"))
    made = {"activation": activation, "init": _EDGES[activation]} | draw.shape(2, 4)
    return made | draw.data() | _descent(draw.number(3, 30))


def _descent(lr: str) -> dict[str, str]:
    return {"optimizer": "sgd", "optimizer.lr": lr}


_RECIPES: dict[str, tuple[Callable[[_Draw], dict[str, str]], ...]] = {
    "healthy": (_Draw.sound, _shallow, _deep, _normalised),
    "vanishing": (_vanishing, _vanishing_with_biases),
    "hidden_vanishing": (_hidden_vanishing, _hidden_by_xavier),
    "exploding": (_exploding,),
    "chaotic": (_chaotic,),
    "saturation": (_raw_inputs, _wide_biases),
    "dead": (_dead, _killed),
    "inactive": (_inactive,),
    "violent": (_violent,),
    "stalled": (_stalled,),
    "symmetric": (_zeros, _constant),
    "doubled": (_doubled,),
    "plateau": (_linear_on_xor, _labels_without_meaning),
    "divergence": (_divergence,),
}
