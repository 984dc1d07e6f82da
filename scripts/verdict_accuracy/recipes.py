"""Recipes: each makes one kind of fault and leaves all else as it should be."""

from collections.abc import Callable

from verdict_accuracy.draws import EDGES, LABELLED, Draw

_HERE = "verdict_accuracy.starts"


def _shallow(draw: Draw) -> dict[str, str]:
    """Few layers, so that PyTorch's default does as well."""
    activation = draw.one(("sigmoid", "softplus", "tanh", "relu", "gelu", "elu"))
    shape = draw.shape(1, 1 if activation in ("sigmoid", "softplus") else 2)
    easy = ("iris", "wine", "breast_cancer", "blobs", "moons")
    return {"activation": activation, "init": "torch"} | shape | draw.data(easy) | draw.gentle()


def _deep(draw: Draw) -> dict[str, str]:
    """Many layers on the edge of chaos."""
    activation = draw.one(("relu", "tanh", "leaky"))
    deep = {"activation": activation, "init": EDGES[activation], **draw.shape(10, 16, 48)}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(2e-4, 5e-4)}  # all layers add up
    return deep | draw.data(("iris", "wine", "breast_cancer")) | steps


def _normalised(draw: Draw) -> dict[str, str]:
    """A normalised network; sigmoid layers pass δ on where normalising takes their mean away."""
    kind = draw.one(("layer", "batch"))
    activation = draw.one(("tanh", "relu", "sigmoid") if kind == "batch" else ("tanh", "relu"))
    made = {"activation": activation, "network.normalization": kind}
    return made | draw.shape(3, 6) | draw.data(("wine", "breast_cancer", "iris")) | draw.gentle()


def _vanishing(draw: Draw) -> dict[str, str]:
    activation = draw.one(("sigmoid", "softplus"))
    made = {"activation": activation, "init": draw.one(("torch", "xavier", "lecun"))}
    return made | draw.shape(6, 12) | draw.data(LABELLED) | _descent("0.03")


def _vanishing_with_biases(draw: Draw) -> dict[str, str]:
    made = {"activation": draw.one(("relu", "tanh", "gelu", "silu")), "init": "torch"}
    return made | draw.shape(10, 14) | draw.data(LABELLED) | _descent("0.01")


def _hidden_vanishing(draw: Draw) -> dict[str, str]:
    activation = draw.one(("relu", "leaky", "identity"))  # which keep σ_w/√2 of δ, or σ_w
    narrow = draw.number(0.4, 0.55) if activation == "identity" else draw.number(0.5, 0.75)
    init = {"init": "normal", "init.sigma_w": narrow}
    return (
        {"activation": activation}
        | init
        | draw.shape(8, 12)
        | draw.data(LABELLED)
        | _descent("0.01")
    )


def _hidden_by_xavier(draw: Draw) -> dict[str, str]:
    made = {"activation": "relu", "init": draw.one(("xavier", "lecun"))}
    shape = {"network.depth": str(draw.whole(14, 20)), "network.width": str(draw.whole(32, 64))}
    return made | shape | draw.data(LABELLED) | _descent("0.01")


def _exploding(draw: Draw) -> dict[str, str]:
    activation = draw.one(("relu", "leaky", "identity", "elu"))
    wide = draw.number(1.6, 2.2) if activation == "identity" else draw.number(2.3, 3.2)
    made = {"activation": activation, "init": "normal", "init.sigma_w": wide}
    return made | draw.shape(9, 13) | draw.data(LABELLED) | _descent("1e-6")


def _chaotic(draw: Draw) -> dict[str, str]:
    made = {"activation": draw.one(("tanh", "hardtanh")), "init": "normal"}
    widths = {"init.sigma_w": draw.number(3, 5), "init.sigma_b": draw.number(0.05, 0.5)}
    return made | widths | draw.shape(14, 20) | draw.data(LABELLED) | _descent("0.001")


def _raw_inputs(draw: Draw) -> dict[str, str]:
    made = {"activation": draw.one(("tanh", "sigmoid", "hardtanh")), "data.standardize": "false"}
    return made | draw.shape(1, 3) | draw.data(("wine", "breast_cancer")) | _descent("0.01")


def _wide_biases(draw: Draw) -> dict[str, str]:
    activation = draw.one(("tanh", "sigmoid"))
    wide = draw.number(4, 8) if activation == "tanh" else draw.number(10, 20)
    made = {"activation": activation, "init": "normal", "init.sigma_b": wide}
    return made | draw.shape(2, 5) | draw.data(LABELLED) | _descent("0.01")


def _dead(draw: Draw) -> dict[str, str]:
    made = {"activation": "relu", "init._target_": f"{_HERE}.Silent",
            "+init.share": draw.number(0.65, 0.8)}  # fmt: skip
    return made | draw.shape(2, 5, 32) | draw.data(LABELLED) | draw.gentle()


def _killed(draw: Draw) -> dict[str, str]:
    """By steps far too long, which adam keeps from growing without bound."""
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(0.5, 2)}
    return {"activation": "relu"} | draw.shape(2, 3) | draw.data(("iris", "wine")) | steps


def _inactive(draw: Draw) -> dict[str, str]:
    made = {"activation": "relu", "init._target_": f"{_HERE}.Silent", "+init.share": "1.0"}
    return made | draw.shape(2, 5) | draw.data(LABELLED) | draw.gentle()


def _violent(draw: Draw) -> dict[str, str]:
    """Of activations that go on passing something back, however far out."""
    made = {"activation": draw.one(("tanh", "sigmoid", "leaky")), "init": "xavier"}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(1, 4)}
    return made | draw.shape(1, 2) | draw.data(LABELLED) | steps


def _stalled(draw: Draw) -> dict[str, str]:
    name = draw.one(("adam", "sgd"))
    slow = {"optimizer": name, "optimizer.lr": "1e-8" if name == "adam" else "1e-7"}
    return draw.sound() | slow


def _symmetric(draw: Draw) -> dict[str, str]:
    activation = draw.one(("relu", "tanh", "sigmoid", "gelu"))
    return {"activation": activation} | draw.shape(1, 4) | draw.data() | draw.gentle()


def _zeros(draw: Draw) -> dict[str, str]:
    return _symmetric(draw) | {"init": "zeros"}


def _constant(draw: Draw) -> dict[str, str]:
    return _symmetric(draw) | {"init._target_": f"{_HERE}.Constant"}


def _doubled(draw: Draw) -> dict[str, str]:
    made = draw.sound() | draw.data(("iris", "wine", "breast_cancer", "blobs"))
    double = "softmax" if made["loss"] == "ce" else "sigmoid"
    return made | {"network.output_activation": double}


def _linear_on_xor(draw: Draw) -> dict[str, str]:
    linear = ({"network": "linear"}, {"activation": "identity"},
              {"activation": "leaky", "activation.negative_slope": "1"})  # fmt: skip
    made = linear[draw.whole(0, 2)]
    shape = {} if "network" in made else draw.shape(1, 3)
    steps = {"optimizer": "adam", "optimizer.lr": "0.01", "trainer.max_epochs": "50"}
    return made | shape | {"init": "xavier"} | draw.data(("xor", "circles")) | steps


def _labels_without_meaning(draw: Draw) -> dict[str, str]:
    made = draw.sound(1, 3) | draw.data(("moons", "circles"))
    return made | {"data.label_noise": "0.5", "data.n_samples": "2000", "trainer.max_epochs": "10"}


def _divergence(draw: Draw) -> dict[str, str]:
    activation = draw.one(("leaky", "identity", "elu", "selu"))
    made = {"activation": activation, "init": EDGES[activation]} | draw.shape(2, 4)
    return made | draw.data() | _descent(draw.number(3, 30))


def _descent(lr: str) -> dict[str, str]:
    return {"optimizer": "sgd", "optimizer.lr": lr}


RECIPES: dict[str, tuple[Callable[[Draw], dict[str, str]], ...]] = {
    "healthy": (Draw.sound, _shallow, _deep, _normalised),
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
