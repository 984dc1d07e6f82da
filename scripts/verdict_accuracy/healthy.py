"""Networks without a fault: the usual ones, and those at the limits of what is usual."""

from verdict_accuracy.draws import EDGES, Draw, Overrides, descent, layers
from verdict_accuracy.recipe import Recipe

_INITIALIZERS = "verdict_accuracy.initializers"


def _shallow(draw: Draw) -> Overrides:
    """Few layers, so that PyTorch's default does as well."""
    activation = draw.one("sigmoid", "softplus", "tanh", "relu", "gelu", "elu")
    shape = draw.shape(1, 1 if activation in ("sigmoid", "softplus") else 2)
    easy = ("iris", "wine", "breast_cancer", "blobs", "moons")
    return {"activation": activation, "init": "torch"} | shape | draw.data(*easy) | draw.gentle()


def _deep(draw: Draw) -> Overrides:
    """Many layers on the edge of chaos."""
    activation = draw.one("relu", "tanh", "leaky")
    deep = {"activation": activation, "init": EDGES[activation], **draw.shape(10, 16, 48)}
    steps = {"optimizer": "adam", "optimizer.lr": draw.number(2e-4, 5e-4)}  # all layers add up
    return deep | draw.data("iris", "wine", "breast_cancer") | steps


def _normalised(draw: Draw) -> Overrides:
    """A normalised network; sigmoid layers pass δ on where normalising takes their mean away."""
    kind = draw.one("layer", "batch")
    activation = draw.one("tanh", "relu", *(["sigmoid"] if kind == "batch" else []))
    made = {"activation": activation, "network.normalization": kind}
    return made | draw.shape(3, 6) | draw.data("wine", "breast_cancer", "iris") | draw.gentle()


def _sixty_layers(draw: Draw) -> Overrides:
    made = {"activation": "relu", "init": "he", "network.depth": "60"}
    width = {"network.width": str(draw.whole(64, 96)), "data.batch_size": "32"}
    return made | width | draw.data("iris", "wine") | _adam(draw.number(1e-4, 2e-4))


def _batch_of_one(draw: Draw) -> Overrides:
    few = {"data.batch_size": "1", "trainer.max_epochs": "10", "diagnostics.every_n_steps": "50"}
    return draw.quick("iris", "wine", "blobs") | descent(draw.number(1e-3, 3e-3)) | few


def _full_batch(draw: Draw) -> Overrides:
    return draw.quick() | {"data.batch_size": "null", "trainer.max_epochs": "150",
                           "optimizer.lr": draw.number(5e-3, 1e-2)}  # fmt: skip


def _noisy_labels(draw: Draw) -> Overrides:
    noise = {"data.label_noise": draw.number(0.25, 0.35), "data.n_samples": "600"}
    return draw.quick("blobs", "moons") | noise | {"trainer.max_epochs": "15"}


def _noisy_numbers(draw: Draw) -> Overrides:
    return draw.quick("linear") | {"data.noise": draw.number(0.7, 1.0), "data.n_samples": "600",
                                   "trainer.max_epochs": "15"}  # fmt: skip


def _wide(draw: Draw) -> Overrides:
    sizes = layers(*[draw.whole(400, 700)] * draw.whole(1, 2))
    return draw.quick("iris", "wine", "moons") | sizes | _adam(draw.number(5e-4, 1e-3))


def _narrow(draw: Draw) -> Overrides:
    made = draw.quick("iris", "linear", "blobs") | {"activation": "tanh", "init": "xavier"}
    return made | layers(*[draw.whole(5, 6)] * draw.whole(1, 3)) | {"optimizer.lr": "0.01"}


def _waist_that_suffices(draw: Draw) -> Overrides:
    """Two units in the middle, for one number or one logit."""
    made = draw.quick("linear", "breast_cancer", "moons") | {"activation": "tanh", "init": "xavier"}
    loss = {} if made["loss"] == "mse" else {"loss": "bce"}
    return made | layers(draw.whole(16, 32), draw.whole(2, 3), draw.whole(16, 32)) | loss


def _zero_output(draw: Draw) -> Overrides:
    return draw.quick("iris", "wine", "moons", "linear") | _output_layer("0.0")


def _small_output(draw: Draw) -> Overrides:
    return draw.quick("iris", "wine", "moons", "linear") | _output_layer(draw.number(1e-3, 1e-1))


def _one_layer_of_small_weights(draw: Draw) -> Overrides:
    made = draw.quick("iris", "wine", "breast_cancer") | draw.shape(1, 1)
    start = {"init": "normal", "init.sigma_w": draw.number(0.03, 0.1)}
    return made | start | {"activation": draw.one("relu", "tanh", "gelu")}


def _little_of_everything(draw: Draw) -> Overrides:
    """Decay, dropout and clipping as one uses them."""
    return (
        draw.quick()
        | draw.shape(1, 2, 32)
        | {
            "+optimizer.weight_decay": draw.number(1e-5, 1e-3),
            "network.dropout": draw.number(0.05, 0.2),
            "trainer.gradient_clip_norm": draw.number(0.5, 5),
        }
    )


def _adamw(draw: Draw) -> Overrides:
    return draw.quick() | {"optimizer": "adamw", "optimizer.weight_decay": draw.number(0.01, 0.1)}


def _rmsprop(draw: Draw) -> Overrides:
    return draw.quick() | {"optimizer": "rmsprop", "optimizer.lr": draw.number(1e-3, 3e-3)}


def _sgd(draw: Draw) -> Overrides:
    return draw.quick() | descent(draw.number(0.01, 0.03)) | {"trainer.max_epochs": "60"}


def _scheduled(draw: Draw) -> Overrides:
    return draw.quick() | {"scheduler": draw.one("cosine", "onecycle", "step"),
                           "optimizer.lr": draw.number(5e-3, 1e-2)}  # fmt: skip


def _as_they_come(draw: Draw) -> Overrides:
    """Inputs that need no standardising."""
    return draw.quick("moons", "blobs", "linear") | {"data.standardize": "false"}


def _reachable_targets(draw: Draw) -> Overrides:
    """Two classes as 0 and 1, where a sigmoid goes."""
    made = draw.quick("breast_cancer", "moons") | {"loss": "mse"}
    return made | {"network.output_activation": "sigmoid", "trainer.max_epochs": "60"}


def _linear_model(draw: Draw) -> Overrides:
    made = {"network": "linear"} | draw.data("iris", "wine", "breast_cancer", "blobs", "linear")
    return made | _adam("0.02") | {"trainer.max_epochs": "60"}


def _squared_classes(draw: Draw) -> Overrides:
    coded = {"loss": "mse", "loss.target": draw.one("onehot", "index")}
    return draw.quick("iris", "wine", "blobs") | coded | {"trainer.max_epochs": "60"}


def _few_rows_of_iris(draw: Draw) -> Overrides:
    rows = {"data.train_rows": str(draw.whole(30, 45)), "data.batch_size": "8"}
    return draw.quick("iris") | rows


def _data_of_each_kind(draw: Draw) -> Overrides:
    """What the other recipes leave out, with the steps that they need."""
    name = draw.one("digits", "spirals", "circles", "xor", "sine", "teacher", "diabetes")
    size = {"digits": "64"}.get(name, "32")
    epochs = {"digits": "15", "sine": "80", "spirals": "80", "teacher": "40"}.get(name, "60")
    made = {"activation": "tanh", "init": "xavier"} | layers(*[draw.whole(24, 48)] * 2)
    common = {"data.batch_size": size, "trainer.max_epochs": epochs}
    return made | draw.data(name) | _adam("0.01") | common


def _adam(lr: str) -> Overrides:
    return {"optimizer": "adam", "optimizer.lr": lr}


def _output_layer(scale: str) -> Overrides:
    start = {"init": "he", "init._target_": f"{_INITIALIZERS}.SmallOutput", "+init.scale": scale}
    return {"activation": "relu"} | start


USUAL = (Recipe(Draw.sound), *map(Recipe, (_shallow, _deep, _normalised)))

AT_LIMITS: tuple[Recipe, ...] = tuple(map(Recipe, (
    _sixty_layers, _batch_of_one, _full_batch, _noisy_labels, _noisy_numbers, _wide, _narrow,
    _waist_that_suffices, _zero_output, _small_output, _one_layer_of_small_weights,
    _little_of_everything, _adamw, _rmsprop, _sgd, _scheduled, _as_they_come, _reachable_targets,
    _linear_model, _squared_classes, _few_rows_of_iris, _data_of_each_kind,
)))  # fmt: skip
