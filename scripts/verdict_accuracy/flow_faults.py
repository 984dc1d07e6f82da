"""Faults of the start and of the steps; all else is as it should be."""

from verdict_accuracy.draws import CLASSES, EDGES, FOR_A_LINEAR_MODEL, Draw, Overrides, descent
from verdict_accuracy.recipe import Recipe

_INITIALIZERS = "verdict_accuracy.initializers"


def _vanishing(draw: Draw) -> Overrides:
    activation = draw.one("sigmoid", "softplus")
    made = {"activation": activation, "init": draw.one("torch", "xavier", "lecun")}
    return made | draw.shape(6, 12) | draw.data(*CLASSES) | descent("0.03")


def _vanishing_with_biases(draw: Draw) -> Overrides:
    made = {"activation": draw.one("relu", "tanh", "gelu", "silu"), "init": "torch"}
    return made | draw.shape(10, 14) | draw.data(*CLASSES) | descent("0.01")


def _hidden_vanishing(draw: Draw) -> Overrides:
    activation = draw.one("relu", "leaky", "identity")  # which keep σ_w/√2 of δ, or σ_w
    narrow = draw.number(0.4, 0.55) if activation == "identity" else draw.number(0.5, 0.75)
    made = {"activation": activation, "init": "normal", "init.sigma_w": narrow}
    return made | draw.shape(8, 12) | draw.data(*_that_fit(activation)) | descent("0.01")


def _hidden_by_xavier(draw: Draw) -> Overrides:
    made = {"activation": "relu", "init": draw.one("xavier", "lecun")}
    shape = {"network.depth": str(draw.whole(14, 20)), "network.width": str(draw.whole(32, 64))}
    return made | shape | draw.data(*CLASSES) | descent("0.01")


def _exploding(draw: Draw) -> Overrides:
    activation = draw.one("relu", "leaky", "identity", "elu")
    wide = draw.number(1.6, 2.2) if activation == "identity" else draw.number(2.3, 3.2)
    made = {"activation": activation, "init": "normal", "init.sigma_w": wide}
    return made | draw.shape(9, 13) | draw.data(*_that_fit(activation)) | descent("1e-6")


def _that_fit(activation: str) -> tuple[str, ...]:
    return FOR_A_LINEAR_MODEL[:5] if activation == "identity" else CLASSES


def _chaotic(draw: Draw) -> Overrides:
    made = {"activation": draw.one("tanh", "hardtanh"), "init": "normal"}
    widths = {"init.sigma_w": draw.number(3, 5), "init.sigma_b": draw.number(0.05, 0.5)}
    return made | widths | draw.shape(14, 20) | draw.data(*CLASSES) | descent("0.001")


def _raw_inputs(draw: Draw) -> Overrides:
    made = {"activation": draw.one("tanh", "sigmoid", "hardtanh"), "data.standardize": "false"}
    return made | draw.shape(1, 3) | draw.data("wine", "breast_cancer") | descent("0.01")


def _wide_biases(draw: Draw) -> Overrides:
    activation = draw.one("tanh", "sigmoid")
    wide = draw.number(4, 8) if activation == "tanh" else draw.number(10, 20)
    made = {"activation": activation, "init": "normal", "init.sigma_b": wide}
    return made | draw.shape(2, 5) | draw.data(*CLASSES) | descent("0.01")


def _dead(draw: Draw) -> Overrides:
    made = {"activation": "relu", "init._target_": f"{_INITIALIZERS}.Silent",
            "+init.share": draw.number(0.65, 0.8)}  # fmt: skip
    return made | draw.shape(2, 5, 32) | draw.data(*CLASSES) | draw.gentle()


def _killed(draw: Draw) -> Overrides:
    """By steps far too long, which adam keeps from growing without bound."""
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(0.5, 2)}
    return {"activation": "relu"} | draw.shape(2, 3) | draw.data("iris", "wine") | steps


def _inactive(draw: Draw) -> Overrides:
    made = {"activation": "relu", "init._target_": f"{_INITIALIZERS}.Silent", "+init.share": "1.0"}
    return made | draw.shape(2, 5) | draw.data(*CLASSES) | draw.gentle()


def _violent(draw: Draw) -> Overrides:
    """Of activations that go on passing something back, however far out."""
    made = {"activation": draw.one("tanh", "sigmoid", "leaky"), "init": "xavier"}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(3, 10)}
    return made | draw.shape(1, 2) | draw.data(*CLASSES) | steps


def _stalled(draw: Draw) -> Overrides:
    name = draw.one("adam", "sgd")
    slow = {"optimizer": name, "optimizer.lr": "1e-8" if name == "adam" else "1e-7"}
    return draw.sound() | slow


def _of_copies(draw: Draw) -> Overrides:
    activation = draw.one("relu", "tanh", "sigmoid", "gelu")
    return {"activation": activation} | draw.shape(1, 4) | draw.data() | draw.gentle()


def _zeros(draw: Draw) -> Overrides:
    return _of_copies(draw) | {"init": "zeros"}


def _constant(draw: Draw) -> Overrides:
    return _of_copies(draw) | {"init._target_": f"{_INITIALIZERS}.Constant"}


def _doubled(draw: Draw) -> Overrides:
    made = draw.sound("iris", "wine", "breast_cancer", "blobs")
    double = "softmax" if made["loss"] == "ce" else "sigmoid"
    return made | {"network.output_activation": double}


def _linear_on_xor(draw: Draw) -> Overrides:
    linear = ({"network": "linear"}, {"activation": "identity"},
              {"activation": "leaky", "activation.negative_slope": "1"})  # fmt: skip
    made = linear[draw.whole(0, 2)]
    shape = {} if "network" in made else draw.shape(1, 3)
    steps = {"optimizer": "adam", "optimizer.lr": "0.01", "trainer.max_epochs": "50"}
    return made | shape | {"init": "xavier"} | draw.data("xor", "circles") | steps


def _labels_without_meaning(draw: Draw) -> Overrides:
    made = draw.sound("moons", "circles", high=3)
    return made | {"data.label_noise": "0.5", "data.n_samples": "2000", "trainer.max_epochs": "10"}


def _divergence(draw: Draw) -> Overrides:
    activation = draw.one("leaky", "identity", "elu", "selu")
    made = {"activation": activation, "init": EDGES[activation]} | draw.shape(2, 4)
    return made | draw.data() | descent(draw.number(3, 30))


FLOW_FAULTS: tuple[Recipe, ...] = (
    Recipe(_vanishing, ("vanishing",)),
    Recipe(_vanishing_with_biases, ("vanishing",)),
    Recipe(_hidden_vanishing, ("hidden_vanishing",)),
    Recipe(_hidden_by_xavier, ("hidden_vanishing",)),
    Recipe(_exploding, ("exploding",)),
    Recipe(_chaotic, ("chaotic",)),
    Recipe(_raw_inputs, ("saturation",)),
    Recipe(_wide_biases, ("saturation",)),
    Recipe(_dead, ("dead",)),
    Recipe(_killed, ("dead",)),
    Recipe(_inactive, ("inactive",)),
    Recipe(_violent, ("violent",)),
    Recipe(_stalled, ("stalled",)),
    Recipe(_zeros, ("symmetric",)),
    Recipe(_constant, ("symmetric",)),
    Recipe(_doubled, ("doubled",)),
    Recipe(_linear_on_xor, ("plateau",)),
    Recipe(_labels_without_meaning, ("plateau",)),
    Recipe(_divergence, ("divergence",)),
)
